"""The registry equals reality: who may send a message has code that sends it, who receives one has code that takes it.

Read from the sources of a service and of the libraries that it imports, as far as they can be reached by name from
the service's own module level (wiring, routes, handler tables): a method that nobody calls sends nothing.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from contracts.events import LiveDelta
from contracts.registry import REGISTRY, UNAVAILABLE, requests_to, unavailable_code
from contracts.services import Service

ROOT = Path(__file__).parents[2]
MESSAGES = {entry.message.__name__ for entry in REGISTRY}
PACKAGES = {path.name: path for path in [*ROOT.glob("services/*/src/*"), *ROOT.glob("libs/*/src/*")] if path.is_dir()}
PACKAGES[Service.TASK_TOOLS] = ROOT / "assistants/todo/src/natter_todo/task_tools"
PACKAGES[Service.OPERATOR] = PACKAGES["natter"]
PLAYS_EVERY_SERVICE = "contract_tests"

CALLED_BY_THE_AGENTS_SDK = {(Service.AGENT_RUNNER, "TruncateSession")}
"""By `pop_item` and `clear_session` of StoreSession, an openai-agents Session: no code of ours calls them (ADR 9)."""
REPUBLISHED_BY_NATS = LiveDelta.__name__

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@cache
def modules_of(package: str) -> list[ast.Module]:
    others = {PACKAGES[Service.TASK_TOOLS]} - {PACKAGES[package]}
    paths = [
        path
        for path in PACKAGES[package].rglob("*.py")
        if not others & set(path.parents) and PLAYS_EVERY_SERVICE not in path.parts and "testing" not in path.stem
    ]
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def imported_by(package: str) -> set[str]:
    """The package itself, and the packages of ours that it imports, directly or not."""
    found, wanted = set[str](), {package}
    while wanted:
        found |= wanted
        nodes = (node for name in wanted for tree in modules_of(name) for node in ast.walk(tree))
        imports = {str(node.module).split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
        wanted = (imports & PACKAGES.keys()) - found - set(Service)
    return found


def code_of(service: Service) -> list[ast.AST]:
    libraries = [tree for package in imported_by(service) - {service} for tree in modules_of(package)]
    return list(reached(modules_of(service), libraries))


def reached(modules: Iterable[ast.Module], libraries: Iterable[ast.Module]) -> Iterator[ast.AST]:
    """Every node that the modules' own level reaches, in them or in the libraries.

    A function is reached where its name is; a method needs its class to be reached as well.
    """
    waiting: dict[str, list[Definition]] = {}
    for tree in libraries:
        wait_for_their_names(tree, waiting)
    found: list[ast.AST] = list(modules)
    names = set[str]()
    while found:
        for node in own_code(found.pop(), waiting):
            yield node
            names.add(named(node))
        for name in names & waiting.keys():
            found += waiting.pop(name)


def wait_for_their_names(node: ast.AST, waiting: dict[str, list[Definition]]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            waiting.setdefault(child.name, []).append(child)


def own_code(node: ast.AST, waiting: dict[str, list[Definition]]) -> Iterator[ast.AST]:
    """What runs when this is imported, made or called; the functions in it wait for somebody who names them."""
    if isinstance(node, Function):
        yield from ast.walk(node)
        return
    wait_for_their_names(node, waiting)
    for child in ast.iter_child_nodes(node):
        is_route = isinstance(child, Function) and any(isinstance(one, ast.Call) for one in child.decorator_list)
        if is_route or not isinstance(child, Definition) or child.name.startswith("__"):
            yield from ast.walk(child)


def named(node: ast.AST | None) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def given_to(code: Iterable[ast.AST], *functions: str) -> set[str]:
    """The messages that code gives first to one of these functions."""
    calls = [node for node in code if isinstance(node, ast.Call) and named(node.func) in functions]
    return {named(call.args[0]) for call in calls if call.args} & MESSAGES


def sent_in(code: Sequence[ast.AST]) -> set[str]:
    """The messages that code makes, or whose subject it makes to publish there."""
    return ({named(node.func) for node in code if isinstance(node, ast.Call)} & MESSAGES) | given_to(code, "subject_of")


def received_in(code: Sequence[ast.AST]) -> set[str]:
    """The messages in tables of handlers, and those whose subjects are subscribed to or read."""
    keys = {named(key) for node in code if isinstance(node, ast.Dict) for key in node.keys}
    return (keys & MESSAGES) | given_to(code, "subject_filter", "parse_subject")


@pytest.mark.parametrize("service", list(Service), ids=str)
def test_a_service_sends_what_it_may_send_and_nothing_else(service: Service) -> None:
    may_send = {entry.message.__name__ for entry in REGISTRY if service in entry.senders}
    by_others = {message for called_for, message in CALLED_BY_THE_AGENTS_SDK if called_for is service}
    assert sent_in(code_of(service)) == may_send - by_others


@pytest.mark.parametrize("service", list(Service), ids=str)
def test_a_service_handles_every_message_that_it_receives(service: Service) -> None:
    assert {entry.message.__name__ for entry in REGISTRY if service in entry.receivers} <= received_in(code_of(service))


def test_every_message_has_a_sender() -> None:
    assert [entry.message.__name__ for entry in REGISTRY if not entry.senders] == [REPUBLISHED_BY_NATS]


NOBODY_CALLS = """
class Store:
    def cancel(self): return CancelRun()
    def claim(self): return ClaimRun()
def begin(): return BeginTurn()
class NobodyMakes:
    def claim(self): return FinishRun()
{call}
"""


@pytest.mark.parametrize(
    ("call", "sent"),
    [("", set()), ("begin()", {"BeginTurn"}), ("Store().claim()", {"ClaimRun"}), ("claim", set())],
)
def test_code_that_nobody_calls_sends_nothing(call: str, sent: set[str]) -> None:
    assert sent_in(list(reached([ast.parse(NOBODY_CALLS.format(call=call))], []))) == sent


def test_each_service_that_answers_requests_has_a_code_that_says_it_is_unavailable() -> None:
    """Clients know the codes by name: they stay as they were released, whoever asks and whoever tells."""
    assert set(UNAVAILABLE) == {service for service in Service if requests_to(service)}
    for service, code in UNAVAILABLE.items():
        assert {unavailable_code(message.subject_template) for message in requests_to(service)} == {code}
