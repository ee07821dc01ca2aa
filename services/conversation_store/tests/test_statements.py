"""The SQL files: every statement is one that Postgres accepts, is used as it says, and names whose rows it touches."""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import conversation_store
import pytest
from contracts.commands import RenewLease
from contracts.identity import Principal
from conversation_store.driver import asyncpg
from conversation_store.statements import Statement, Statements

PACKAGE = Path(conversation_store.__file__).parent
MODULES = {path.with_suffix(".py"): Statements(path.read_text()) for path in sorted(PACKAGE.rglob("*.sql"))}
OF_THE_SYSTEM = {"take", "remove", "lag", "waits_in_outbox", "take_due_purges", "forget_token_floors"} | {
    "forget_deleted_tasks",
    "totals",
    "count_waiting",
    *("take_due_deletions", "known"),
}
OF_NOBODY = {
    *("exists_for_anyone", "write_receipt", "time", "purge_later", "lock_tokens", "raise_floor"),
    *("register", "cards", "delete_file_later"),
    *("list_tokens", "revoke_token", "use_token"),
}
"""The question whether an id is anybody's, what stays of an erased user, assistants, service tokens: no user's rows."""


def every_statement() -> list[tuple[str, Statement]]:
    return [(module.stem, statement) for module, statements in MODULES.items() for statement in statements]


def calls_in(module: Path) -> list[tuple[str, set[str], set[str]]]:
    """Each call with a statement: its name, the parameters that are given by name, the fields of the request given."""
    tree = ast.parse(module.read_text())
    holders = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    functions = [node for holder in holders for node in holder.body if isinstance(node, ast.AsyncFunctionDef)]
    found: list[tuple[str, set[str], set[str]]] = []
    for function in functions:
        types = {argument.arg: argument.annotation for argument in function.args.args}
        nodes = list(ast.walk(function))
        keys_of = {
            ast.unparse(node.targets[0]): {str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)}
            for node in nodes
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        }
        for call in (node for node in nodes if isinstance(node, ast.Call)):
            for statement in statements_in(call.args[0]) if call.args else []:
                given = [{word.arg} if word.arg else keys_of[ast.unparse(word.value)] for word in call.keywords]
                fields = fields_of(module, types[ast.unparse(call.args[1])]) if len(call.args) > 1 else set[str]()
                found.append((statement.attr, set[str]().union(*given), fields))
    return found


def fields_of(module: Path, annotation: ast.expr | None) -> set[str]:
    """The fields that every request of that type has, and the user's id."""
    name = ".".join(module.relative_to(PACKAGE.parent).with_suffix("").parts)
    request: Any = getattr(import_module(name), ast.unparse(annotation or ast.Constant("None")))
    fields = [set(one.model_fields) for one in get_args(request) or [request]]
    return set.intersection(*fields) | {"user_id"}


def statements_in(tree: ast.AST) -> list[ast.Attribute]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sql"
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_uses_each_of_its_statements_with_its_parameters(module: Path) -> None:
    statements = {statement.name: set(statement.parameters) for statement in MODULES[module]}
    assert {node.attr for node in statements_in(ast.parse(module.read_text()))} == statements.keys()
    for name, given, fields in calls_in(module):
        assert given <= statements[name] <= given | fields, name


async def test_postgres_accepts_every_statement(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        for module, statement in every_statement():
            try:
                prepared = await connection.prepare(statement.text)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{module}.sql, {statement.name}: {error}")
            assert len(prepared.get_parameters()) == len(statement.parameters)
    finally:
        await connection.close()


def test_every_statement_that_reads_or_writes_rows_names_their_owner() -> None:
    """Row-level security is the second lock; this is the first: no statement on a user's table without a filter."""
    unfiltered = {statement.name for _, statement in every_statement() if "user_id" not in statement.text}
    assert unfiltered == OF_THE_SYSTEM | OF_NOBODY


def test_a_parameter_is_a_name_and_nothing_else_is() -> None:
    text = "-- name: find\n-- The user's own, :not_this.\nselect '12:30', :b::int, :a, :b\nwhere x = ':no';\n"
    statements = Statements(text + "\n-- name: other\nselect 1;\n")
    assert statements.find.text == "select '12:30', $1::int, $2, $1\nwhere x = ':no'"
    assert statements.find.arguments({"a": 1, "b": 2}) == [2, 1]
    assert [statement.name for statement in statements] == ["find", "other"]
    with pytest.raises(AttributeError):
        _ = statements.missing


def test_what_is_not_given_by_name_is_a_field_of_the_request() -> None:
    statement = next(iter(Statements("-- name: find\nselect :run_id, :user_id, :epoch, :b;\n")))
    renew = RenewLease(principal=Principal(user_id="alice"), run_id="run_1", epoch=2, lease_seconds=3)
    assert statement.arguments({"b": 4}, renew) == ["run_1", "alice", 2, 4]
    assert statement.arguments({"b": 4, "epoch": 9}, renew) == ["run_1", "alice", 9, 4]


@pytest.mark.parametrize("values", [{}, {"a": 1}, {"a": 1, "c": 2}, {"a": 1, "b": 2, "c": 3}])
def test_a_wrong_parameter_is_an_error_as_of_a_function(values: dict[str, int]) -> None:
    statement = next(iter(Statements("-- name: find\nselect :a, :b;\n")))
    with pytest.raises(TypeError, match=r"find (needs|does not take)"):
        statement.arguments(values)
