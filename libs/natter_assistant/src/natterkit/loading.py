"""From ``path/to/file.py:attribute`` or ``package.module:attribute`` to an `Assistant`, with errors that say where."""

import ast
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from agents import (
    Agent,
    ApplyPatchTool,
    ComputerTool,
    CustomTool,
    FunctionTool,
    Handoff,
    HostedMCPTool,
    LocalShellTool,
)

from natterkit.assistant import AgentFactory, Assistant
from natterkit.chatkit_assistant import ChatKitAssistant

TOOL_NAME = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
"""What providers take as the name of a tool."""
_APPROVAL = "its provider executes it and asks for an approval, for which Natter cannot ask a person."
_EXECUTED_HERE = (ApplyPatchTool, ComputerTool, CustomTool, LocalShellTool)


class AssistantError(Exception):
    """An assistant that cannot be served: what is wrong, and in which file and line, where that is known."""

    def __init__(self, reason: str, *, file: str | None = None, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.file = file
        self.line = line

    def __str__(self) -> str:
        if self.file is None:
            return self.reason
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"


def load_assistant(target: str) -> Assistant:
    """The assistant that ``target`` names: an `Assistant`, an ``Agent`` or ``ChatKitServer`` as it is, or a function
    that makes an agent.

    Raises AssistantError.
    """
    place, _, attribute = target.rpartition(":")
    if not place or not attribute.isidentifier():
        raise AssistantError(
            f"“{target}” names no assistant: write path/to/file.py:attribute or package.module:attribute."
        )
    module = _from_file(Path(place)) if place.endswith(".py") else _from_package(place)
    if not hasattr(module, attribute):
        raise AssistantError(_missing(module, attribute), file=module.__file__)
    found = getattr(module, attribute)
    line = _line_of(module, attribute)
    assistant = _as_assistant(found, attribute, module.__file__, line)
    for name in ("on_action", "on_mention"):
        handler = getattr(assistant, name)
        if handler is not None and not _is_coroutine_function(handler):
            raise AssistantError(f"“{name}” of “{attribute}” is no async function.", file=module.__file__, line=line)
    if assistant.fixed_agent is not None:
        try:
            check_agent(assistant.fixed_agent)
        except AssistantError as error:
            raise AssistantError(error.reason, file=error.file or module.__file__, line=error.line or line) from error
    return assistant


def place_of(target: str) -> tuple[str | None, int | None]:
    """The file, and the line, where a target that could be loaded gets its value."""
    place, _, attribute = target.rpartition(":")
    module = _from_file(Path(place)) if place.endswith(".py") else _from_package(place)
    return module.__file__, _line_of(module, attribute)


def check_agent(agent: Agent[Any]) -> None:
    """Look at an agent and all that it may hand over to, before a person does. Raises AssistantError."""
    by_name: dict[str, Agent[Any]] = {}
    for member in team_of(agent):
        if by_name.setdefault(member.name, member) is not member:
            raise AssistantError(f"two agents are called “{member.name}”: a takeover could not tell them apart.")
        names: set[str] = set()
        for tool in member.tools:
            if isinstance(tool, FunctionTool):
                _check_tool(tool, member, names)
            else:
                _check_other_tool(tool, member)


def team_of(agent: Agent[Any]) -> list[Agent[Any]]:
    """The agent, and every one that it may hand over to or call as a tool."""
    team: list[Agent[Any]] = []
    waiting = [agent]
    while waiting:
        member = waiting.pop(0)
        if member in team:
            continue
        team.append(member)
        for target in member.handoffs:
            waiting += [target] if isinstance(target, Agent) else _agent_of(target)
        for tool in member.tools:
            nested = getattr(tool, "_agent_instance", None)  # of Agent.as_tool(); the SDK has no public name for it
            waiting += [nested] if isinstance(nested, Agent) else []
    return team


def _agent_of(handoff: Handoff[Any, Any]) -> list[Agent[Any]]:
    reference = getattr(handoff, "_agent_ref", None)  # of handoff(); the SDK has no public name for it
    agent = reference() if reference is not None else None
    return [agent] if isinstance(agent, Agent) else []


def _check_tool(tool: FunctionTool, agent: Agent[Any], names: set[str]) -> None:
    file, line = _place_of(tool)
    reason = None
    if not TOOL_NAME.match(tool.name):
        reason = "providers take letters, digits, “_” and “-” in a tool's name, and no more than 64 of them."
    elif tool.name in names:
        reason = f"agent “{agent.name}” has another tool of this name."
    elif tool.params_json_schema.get("type") != "object":
        reason = "the schema of its parameters is not that of an object."
    if reason is not None:
        raise AssistantError(f"tool “{tool.name}”: {reason}", file=file, line=line)
    names.add(tool.name)


def _check_other_tool(tool: Any, agent: Agent[Any]) -> None:
    """A tool that is no function: its provider may execute it, but nothing of ours that no ledger knows of."""
    name, reason = getattr(tool, "name", type(tool).__name__), None
    if isinstance(tool, HostedMCPTool):
        asks = tool.tool_config.get("require_approval", "always") != "never"
        if asks and tool.on_approval_request is None:
            reason = f"{_APPROVAL} Say require_approval “never”, or give it an on_approval_request."
    elif isinstance(tool, _EXECUTED_HERE) or getattr(tool, "executor", None) is not None:
        reason = "the SDK executes it here, where no ledger would know of it: make it a function tool."
    if reason is not None:
        raise AssistantError(f"tool “{name}” of agent “{agent.name}”: {reason}")


def _place_of(tool: FunctionTool) -> tuple[str | None, int | None]:
    code = getattr(getattr(tool, "__wrapped__", None), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else (None, None)


def _as_assistant(found: Any, attribute: str, file: str | None, line: int | None) -> Assistant:
    if isinstance(found, Assistant):
        if not isinstance(found.agent, Agent) and not callable(found.agent):
            raise AssistantError(f"“{attribute}” has no agent: {_kind(found.agent)}.", file=file, line=line)
        return found
    if _is_chatkit_server(found):
        return ChatKitAssistant(server=found, name=attribute.replace("_", " ").strip().capitalize())
    if isinstance(found, Agent):
        return Assistant(agent=cast("Agent[Any]", found))
    if callable(found) and not isinstance(found, type):
        return Assistant(agent=cast("AgentFactory", found), name=attribute.replace("_", " ").strip().capitalize())
    raise AssistantError(
        f"“{attribute}” is no assistant: {_kind(found)}; it must be an Agent of the OpenAI Agents SDK, a natterkit "
        "Assistant, a ChatKitServer, or a function that makes an Agent.",
        file=file,
        line=line,
    )


def _is_coroutine_function(value: Any) -> bool:
    return inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(getattr(value, "__call__", None))  # noqa: B004


def _is_chatkit_server(value: Any) -> bool:
    """Whether it is a ``ChatKitServer``: then openai-chatkit is imported already."""
    module = sys.modules.get("chatkit.server")
    return module is not None and isinstance(value, module.ChatKitServer)


def _kind(value: Any) -> str:
    return f"it is {'None' if value is None else f'of type {type(value).__name__}'}"


def _missing(module: ModuleType, attribute: str) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, (Agent, Assistant))]
    found = f" It has: {', '.join(names)}." if names else ""
    return f"there is no “{attribute}” in it.{found}"


def _from_file(path: Path) -> ModuleType:
    file = path.expanduser().resolve()
    if not file.is_file():
        raise AssistantError("there is no such file.", file=str(file))
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # what it imports beside it
    name = f"{file.stem}_{sha256(str(file).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise AssistantError("Python cannot import it.", file=str(file))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _import_error(error, str(file)) from error
    return module


def _from_package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name and name.startswith(error.name):
            raise AssistantError(f"there is no module “{error.name}” (in “{name}”); is it installed?") from error
        raise _import_error(error, None) from error


def _import_error(error: Exception, file: str | None) -> AssistantError:
    """What a module raised when it was imported: with the last line of it that was reached, or of a file beside it."""
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return AssistantError(f"SyntaxError: {error.msg}", file=error.filename, line=error.lineno)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(frame.filename, file)]
    if own:
        return AssistantError(reason, file=own[-1].filename, line=own[-1].lineno)
    return AssistantError(reason, file=file)


def _is_own(filename: str, file: str | None) -> bool:
    if filename.startswith("<") or "site-packages" in filename or filename == __file__:
        return False
    if file is not None:
        return Path(file).parent in Path(filename).parents
    return not filename.startswith((sys.base_prefix, sys.prefix))


def _line_of(module: ModuleType, attribute: str) -> int | None:
    """Where a module gives ``attribute`` its value."""
    try:
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None
    line = None
    for node in tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        is_named = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == attribute
        if is_named or any(isinstance(target, ast.Name) and target.id == attribute for target in targets):
            line = node.lineno
    return line
