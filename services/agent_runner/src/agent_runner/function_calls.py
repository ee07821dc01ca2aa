"""One call of a function tool: what its author wrote, executed so that its outcome can be told."""

import copy
import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog
from agents import FunctionTool, RunContextWrapper, default_tool_error_function
from agents.exceptions import AgentsException
from agents.tool import invoke_function_tool
from agents.tool_context import ToolContext
from contracts.errors import Code, NatterError
from natterkit import is_repeatable
from natterkit.context import calling
from pydantic import JsonValue

from agent_runner.equipment import NESTED, Nested
from agent_runner.function_results import outcome_of
from agent_runner.measuring import count_tool_call
from agent_runner.model_errors import AssistantFailedError, ModelError, natter_error_of
from agent_runner.tool_results import UNKNOWN, Keep, Outcome, parse_arguments
from agent_runner.waiting import Waits, is_asked

log = structlog.get_logger()

Invoke = Callable[[ToolContext[Any], str], Awaitable[Any]]
FUNCTION = "function"
"""The server's name of function tools, in the metrics."""
_FAILURES: ContextVar[list[Exception] | None] = ContextVar("agent_runner_failures", default=None)


def durable(
    tool: FunctionTool, call: Callable[[FunctionTool, Invoke, ToolContext[Any], str], Awaitable[Any]]
) -> FunctionTool:
    """The tool as the SDK is to see it: its execution goes through ``call``, and its failures are noted."""

    async def invoke(context: ToolContext[Any], arguments: str) -> Any:
        executed = copy.copy(_with_noted_failures(tool))
        return await invoke_function_tool(function_tool=executed, context=context, arguments=arguments)

    async def on_invoke_tool(context: ToolContext[Any], arguments: str) -> Any:
        return await call(tool, invoke, context, arguments)

    shown = _with_noted_failures(tool)
    shown.on_invoke_tool = on_invoke_tool
    shown.needs_approval = False  # `needs_approval` below asks for it; the SDK would end the run
    shown.timeout_seconds = None  # the time that a person takes is none of the tool's
    return shown


def _with_noted_failures(tool: FunctionTool) -> FunctionTool:
    """A plain copy. The SDK's own binds the function and makes the schema strict anew, which is half of a millisecond
    before the first word of every answer, and is needed only where the tool is called.
    """
    copied = object.__new__(type(tool))
    copied.__dict__.update(tool.__dict__)
    author = None if tool._use_default_failure_error_function else tool._failure_error_function  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if tool._use_default_failure_error_function or author is not None:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        copied._failure_error_function = _noting(author or default_tool_error_function)  # pyright: ignore[reportPrivateUsage]
        copied._use_default_failure_error_function = False  # pyright: ignore[reportPrivateUsage]
    return copied


async def needs_approval(tool: FunctionTool, context: ToolContext[Any], arguments_json: str) -> bool:
    """Whether its author wants a person to approve a call; also where the arguments cannot be read by what decides."""
    setting: Any = tool.needs_approval
    if isinstance(setting, bool):
        return setting
    arguments = parse_arguments(arguments_json)
    if not isinstance(arguments, dict):
        return True
    wanted = setting(context, arguments, context.tool_call_id)
    return bool(await wanted if inspect.isawaitable(wanted) else wanted)


def _noting(told: Callable[..., Any]) -> Callable[[RunContextWrapper[Any], Exception], Awaitable[str]]:
    """The author's words for the model about a failure, once it is noted that there was one."""

    async def note(context: RunContextWrapper[Any], error: Exception) -> str:
        ours = natter_error_of(error)
        if ours is not None and not isinstance(ours, ModelError):
            raise ours  # the run is taken over, or over a bound: no tool's failure
        failures = _FAILURES.get()
        if failures is not None:
            failures.append(error)
        words = told(context, error)
        return str(await words if inspect.isawaitable(words) else words)

    return note


@dataclass
class FunctionCall:
    """``execute`` has the shape that the ledger wants. ``raised``: what the tool raised, where its author wants it."""

    tool: FunctionTool
    invoke: Invoke
    context: ToolContext[Any]
    arguments_json: str
    characters_max: int
    keep: Keep
    waits: Waits
    raised: Exception | None = None

    @property
    def may_be_repeated(self) -> bool:
        """Whether it may be executed again: it says so, its MCP server does, or all that it does is in the ledger."""
        hints = self.tool.mcp_annotations
        is_idempotent = hints is not None and bool(hints.read_only_hint or hints.idempotent_hint)
        return is_repeatable(self.tool) or is_idempotent or self._is_agent

    @property
    def _is_agent(self) -> bool:
        return bool(getattr(self.tool, "_is_agent_tool", False))  # the SDK has no public name for it

    async def execute(self, _arguments: JsonValue, call_id: str, *, was_begun: bool) -> Outcome:
        """Call the function, unless it may have happened and may not happen twice. Raises NatterError."""
        if was_begun and not self.may_be_repeated:
            return Outcome("unknown", f"The assistant was restarted while the tool was at work. {UNKNOWN}")
        outcome = await self._called(call_id)
        count_tool_call(FUNCTION, outcome.status)
        return outcome

    async def _called(self, call_id: str) -> Outcome:
        failures: list[Exception] = []
        _FAILURES.set(failures)
        NESTED.set(Nested(call_id))
        try:
            value = await self._value(call_id)
        except NatterError:
            raise
        except AgentsException as error:  # of a guardrail, or of the SDK's own bounds
            self.raised = error
            return Outcome("failure", "The tool was stopped.")
        except Exception as error:  # noqa: BLE001 - whatever an author's code raises
            self._tell(error)
            self.raised = AssistantFailedError(Code.ASSISTANT_FAILED)
            self.raised.__cause__ = error
            return Outcome("failure", "The tool failed.")
        outcome = await outcome_of(value, self.characters_max, self.keep)
        if not failures:
            return outcome
        self._tell(failures[-1])
        return Outcome("failure", outcome.result)

    async def _value(self, call_id: str) -> Any:
        """What the tool returns. One that asks a person is off the stack while it waits for the next attempt."""
        try:
            with calling(call_id):
                return await self.invoke(self.context, self.arguments_json)
        except BaseException as error:
            if not is_asked(error):
                raise
        return await self.waits.park_asking(call_id)

    def _tell(self, error: Exception) -> None:
        log.warning("tool.failed", tool=self.tool.name, error=repr(error)[:300], exc_info=error)
