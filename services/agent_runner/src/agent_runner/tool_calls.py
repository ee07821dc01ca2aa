"""Executes the tool calls of one run: through the ledger, so that what is finished is not executed again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from agents import FunctionTool
from agents.tool_context import ToolContext
from contracts.commands import BeginToolCall, FinishToolCall
from contracts.identity import Principal
from contracts.replies import LedgerEntry, RunClaimed, ToolAttachment, ToolCallView
from contracts.text import storable
from mcp import MCPError
from pydantic import JsonValue

from agent_runner.connections import NotConnectedError
from agent_runner.crash_points import CrashPoint, CrashPoints
from agent_runner.elicitation import Answers
from agent_runner.elicited import answer_of
from agent_runner.function_calls import FunctionCall, Invoke, needs_approval
from agent_runner.measuring import count_tool_call, tool_span
from agent_runner.personal_tools import PersonalTools
from agent_runner.pictures import RunPictures
from agent_runner.remote_tools import RemoteTool
from agent_runner.sampling import Sampling
from agent_runner.store import Store
from agent_runner.tool_progress import Progress
from agent_runner.tool_results import (
    UNKNOWN,
    Keep,
    Outcome,
    Output,
    for_the_sdk,
    output_of,
    parse_arguments,
    read_result,
)
from agent_runner.tool_servers import Connection, NoAnswerError, NotReachedError, ToolServer, UnauthorizedError
from agent_runner.toolbox import Toolbox
from agent_runner.transcript import Transcript
from agent_runner.waiting import Asked, Waits

log = structlog.get_logger()

RETRY_SECONDS_FIRST = 0.1
RETRY_SECONDS_MAX = 1.0
WAITING = "waiting for its server"
ASKED = "waiting for you"


@dataclass
class ToolCalls:
    """The calls of one attempt. ``execute`` never raises for what a tool does: the model is told, and goes on.

    Calls that the model makes together run side by side if they only read; those that change something run in the
    order in which the model wrote them, one after the other for each server.
    """

    principal: Principal
    run_id: str
    epoch: int
    run_token: str
    store: Store
    toolbox: Toolbox
    transcript: Transcript
    crash_points: CrashPoints
    output_characters_max: int
    pictures: RunPictures
    wait_seconds_max: float
    personal: PersonalTools
    before_finish: Callable[[str], Awaitable[None]]
    """What is to be stored before a call may be told as done: what it has said to the conversation."""
    claimed: RunClaimed
    sampling: Sampling | None = None
    """The model that MCP servers may ask; None where the run has none of ours."""
    _connections: dict[str, Connection] = field(default_factory=dict[str, Connection])
    _orders: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])

    def __post_init__(self) -> None:
        self.waits = self.personal.waits = Waits(self.claimed, self.mark_asking)

    async def tools(self) -> tuple[RemoteTool, ...]:
        """What the model is offered."""
        return await self.personal.with_common(await self.toolbox.tools())

    async def execute(self, tool: RemoteTool, call_id: str, arguments_json: str) -> Output:
        """Run one call and return its output for the model; one that a person has to approve waits for that.

        Raises FencedError.
        """
        with self.waits.call(call_id):
            await self.waits.if_suspending(call_id)
            if tool.needs_approval:
                name = f"{tool.server.config.name}.{tool.remote_name}"
                declined = await self._approval(tool.name, call_id, arguments_json, name, tool.server.config.title)
                if declined is not None:
                    return await self._execute(tool.name, call_id, arguments_json, told(declined))
            try:
                return await self._execute_remote(tool, call_id, arguments_json)
            except Asked:  # its server has a question, or wants a new consent; behind it nothing of the server waits
                return await self.waits.park_asking(call_id)

    async def _execute_remote(self, tool: RemoteTool, call_id: str, arguments_json: str) -> Output:
        if tool.server.config.is_personal:
            # Before the call is in the ledger: a run that waits for its user's consent has begun nothing.
            arguments = parse_arguments(arguments_json)
            view = ToolCallView(call_id=call_id, name=tool.name, arguments=arguments, status="running")
            self.transcript.tool_started(view)
            try:
                await self.personal.headers(tool.server, call_id)
            except NotConnectedError:
                pass  # the call is told so, as any that fails
            except Asked:
                await self.waits.park_before(call_id)
        if tool.is_read_only:
            return await self._execute(tool.name, call_id, arguments_json, partial(self._counted_call, tool))
        async with self._orders.setdefault(tool.server.config.name, asyncio.Lock()):
            return await self._execute(tool.name, call_id, arguments_json, partial(self._counted_call, tool))

    async def execute_function(
        self, tool: FunctionTool, invoke: Invoke, context: ToolContext[Any], arguments_json: str
    ) -> Any:
        """Run one call of a function tool, and return its output for the SDK. Raises FencedError, and what the tool
        raises where its author wants that.
        """
        call_id = context.tool_call_id
        keep = self._keeping(call_id)
        call = FunctionCall(tool, invoke, context, arguments_json, self.output_characters_max, keep, self.waits)
        with self.waits.call(call_id):
            await self.waits.if_suspending(call_id)
            declined = None
            if await needs_approval(tool, context, arguments_json):
                declined = await self._approval(tool.name, call_id, arguments_json, tool.name)
            execute = call.execute if declined is None else told(declined)
            output = await self._execute(tool.name, call_id, arguments_json, execute)
        if call.raised is not None:
            raise call.raised
        return for_the_sdk(output)

    async def _approval(
        self, name: str, call_id: str, arguments_json: str, standing_name: str, where: str | None = None
    ) -> Outcome | None:
        """None where the call may be executed, else why not. Before it is in the ledger: it has not begun."""
        arguments = parse_arguments(arguments_json)
        self.transcript.tool_started(ToolCallView(call_id=call_id, name=name, arguments=arguments, status="running"))
        self.transcript.tool_noted(call_id, ASKED)
        return await self.waits.approval(call_id, name, arguments, standing_name=standing_name, where=where)

    async def mark_asking(self, call_id: str) -> None:
        """Have the ledger say that a call has come to a question: it is begun anew when that is answered."""
        self.transcript.tool_noted(call_id, ASKED)
        await self._finish(call_id, Outcome("running", None))
        self.crash_points.reach(CrashPoint.AFTER_ASKED)

    async def record(
        self, name: str, call_id: str, arguments: JsonValue, call: Callable[[], Awaitable[Outcome]]
    ) -> tuple[JsonValue, bool]:
        """``call`` it once, unseen by people: its result, and whether it is an earlier one. Raises FencedError."""
        entry = await self._begin(name, call_id, arguments)
        if entry.status != "running":
            return entry.result, True
        outcome = await call()
        self.crash_points.reach(CrashPoint.IN_NESTED_AGENT)
        return (await self._finish(call_id, outcome)).result, False

    async def begin_handoff(self, name: str, call_id: str, arguments_json: str) -> bool:
        """Whether what a handoff does is still to be done: an earlier attempt may have begun it. Raises FencedError."""
        entry = await self._begin(name, call_id, parse_arguments(arguments_json))
        return entry.status == "running" and entry.epoch == self.epoch

    async def finish_handoff(self, call_id: str, agent_name: str) -> None:
        await self._finish(call_id, Outcome("success", {"assistant": agent_name}))

    async def give_up(self, name: str, call_id: str, arguments_json: str) -> Output:
        """The output of a call of a tool that is not there (any more); nothing is called. Raises FencedError."""

        async def nobody(_arguments: JsonValue, _call_id: str, *, was_begun: bool) -> Outcome:
            reason = "There is no such tool."
            return Outcome("unknown", f"{reason} {UNKNOWN}") if was_begun else Outcome("failure", reason)

        return await self._execute(name, call_id, arguments_json, nobody)

    async def close(self) -> None:
        """Close this run's own connections."""
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))

    async def _execute(
        self, name: str, call_id: str, arguments_json: str, call: Callable[..., Awaitable[Outcome]]
    ) -> Output:
        """``call`` it, between two writes in the ledger; or take its result from there."""
        arguments = parse_arguments(arguments_json)
        view = ToolCallView(call_id=call_id, name=name, arguments=arguments, status="running")
        self.transcript.tool_started(view)
        entry = await self._begin(name, call_id, arguments)
        self.crash_points.reach(CrashPoint.AFTER_TOOL_BEGUN)
        if entry.status == "running":
            with tool_span(name, call_id) as span:
                outcome = await call(arguments, call_id, was_begun=entry.epoch < self.epoch)
                if outcome.status != "success":
                    span.set_attribute("error.type", outcome.status)
            self.crash_points.reach(CrashPoint.AFTER_TOOL_CALLED)
            await self.before_finish(call_id)
            entry = await self._finish(call_id, outcome)
            self.crash_points.reach(CrashPoint.AFTER_TOOL_FINISHED)
        links = tuple(one for one in entry.attachments if one.type == "link")
        ended = {"status": entry.status, "result": entry.result, "links": links}
        self.transcript.tool_finished(view.model_copy(update=ended))
        pictures = [one for one in entry.attachments if one.type == "image"]
        for picture in pictures:
            self.transcript.image_shown(picture)
        return output_of(entry.status, entry.result, [one.attachment_id for one in pictures if one.attachment_id])

    def _keeping(self, call_id: str) -> Keep:
        """What keeps the pictures that a call returns."""

        async def keep(title: str, data: bytes) -> ToolAttachment:
            return await self.pictures.keep(call_id, data, title=title, source="tool")

        return keep

    async def _begin(self, name: str, call_id: str, arguments: JsonValue) -> LedgerEntry:
        begun = await self.store.ask(
            BeginToolCall(
                principal=self.principal,
                run_id=self.run_id,
                epoch=self.epoch,
                call_id=call_id,
                name=name,
                arguments=arguments,
            )
        )
        return begun.entry

    async def _finish(self, call_id: str, outcome: Outcome) -> LedgerEntry:
        finished = await self.store.ask(
            FinishToolCall(
                principal=self.principal,
                run_id=self.run_id,
                epoch=self.epoch,
                call_id=call_id,
                status=outcome.status,
                result=outcome.result,
                attachments=outcome.attachments,
            )
        )
        return finished.entry

    async def _counted_call(self, tool: RemoteTool, arguments: JsonValue, call_id: str, *, was_begun: bool) -> Outcome:
        if tool.connects:
            outcome = await self.personal.connect(tool.server, call_id)
        else:
            outcome = await self._call(tool, arguments, call_id, was_begun=was_begun)
        count_tool_call(tool.server.config.name, outcome.status)
        return outcome

    async def _call(self, tool: RemoteTool, arguments: JsonValue, call_id: str, *, was_begun: bool) -> Outcome:
        """Call the tool, and again while its server is away, where nothing has happened or it may happen twice.

        ``was_begun``: an earlier attempt of the run had begun it, and nobody knows how that ended.
        """
        if not isinstance(arguments, dict):
            return Outcome("failure", "The arguments are not a JSON object.")
        if was_begun and not tool.may_be_repeated:
            return Outcome("unknown", f"The assistant was restarted while the tool was at work. {UNKNOWN}")
        clock = asyncio.get_running_loop().time
        deadline: float | None = None
        pause = RETRY_SECONDS_FIRST
        may_have_happened = was_begun
        while True:
            try:
                return await self._ask(tool, arguments, call_id)
            except NotConnectedError as error:
                return _not_sent(tool, str(error), may_have_happened=may_have_happened)
            except NotReachedError as error:
                log.warning("tool.not_reached", tool=tool.name, **tool.server.failure(error.__cause__ or error))
            except NoAnswerError as error:
                log.warning("tool.no_answer", tool=tool.name, **tool.server.failure(error))
                may_have_happened = True
                if error.is_late or not tool.may_be_repeated:
                    return _without_answer(tool, str(error))
            if deadline is None:
                deadline = clock() + self.wait_seconds_max
                self.toolbox.invalidate(tool.server.config.name)
            if clock() + pause > deadline:
                return _not_sent(tool, "The tool server cannot be reached.", may_have_happened=may_have_happened)
            self.transcript.tool_noted(call_id, WAITING)
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_SECONDS_MAX)

    async def _ask(self, tool: RemoteTool, arguments: dict[str, Any], call_id: str) -> Outcome:
        """What the server answers. Raises NotReachedError, NoAnswerError, NotConnectedError."""
        try:
            return await self._ask_once(tool, arguments, call_id)
        except UnauthorizedError:  # the token was withdrawn: find another one, or ask
            await self._forget(tool.server)
        try:
            return await self._ask_once(tool, arguments, call_id)
        except UnauthorizedError:
            return Outcome("failure", f"{tool.server.config.title} refused what the user had allowed.")

    async def _ask_once(self, tool: RemoteTool, arguments: dict[str, Any], call_id: str) -> Outcome:
        progress = Progress(self.transcript, call_id)
        try:
            connection = await self._connection(tool, call_id)
            config = tool.server.config
            elicit = partial(answer_of, self.waits, call_id, config.title)
            answers = Answers(elicit, self.sampling.of_call(config) if self.sampling is not None else None)
            answer = await connection.call(tool.remote_name, arguments, call_id, progress, answers, tool.request)
            return await read_result(answer, self.output_characters_max, self._keeping(call_id))
        except MCPError as error:
            return Outcome("failure", storable(str(error))[: self.output_characters_max])
        except (RuntimeError, ValueError) as error:
            log.warning("tool.bad_answer", tool=tool.name, error=repr(error)[:300])
            return Outcome("failure", "The tool was called, and its answer breaks its own schema.")
        finally:
            progress.close()

    async def read(self, tool: RemoteTool, arguments: dict[str, Any]) -> Outcome:
        """What a server has for its user, for no call: it changes nothing, and is not in the ledger."""
        try:
            connection = await self._connection(tool, "")
            answer = await connection.call(tool.remote_name, arguments, "", request=tool.request)
            return await read_result(answer, self.output_characters_max)
        except MCPError as error:
            return Outcome("failure", storable(str(error))[: self.output_characters_max])
        except (NotReachedError, NoAnswerError) as error:
            log.warning("mcp.not_read", server=tool.server.config.name, **tool.server.failure(error))
            return Outcome("failure", "its server cannot be reached.")
        except (RuntimeError, ValueError) as error:
            log.warning("mcp.not_read", server=tool.server.config.name, error=repr(error)[:300])
            return Outcome("failure", "its answer breaks the protocol.")

    async def _connection(self, tool: RemoteTool, call_id: str) -> Connection:
        """Raises NotConnectedError."""
        server = tool.server
        if server.is_shared:
            return self.toolbox.connection(server, {})
        name = server.config.name
        if name not in self._connections:
            if server.config.is_personal:
                headers = await self.personal.headers(server, call_id)
            else:
                headers = server.headers(self.run_token)
            self._connections.setdefault(name, self.toolbox.connection(server, headers))
        return self._connections[name]

    async def _forget(self, server: ToolServer) -> None:
        self.personal.connections.refused(server.config)
        connection = self._connections.pop(server.config.name, None)
        if connection is not None:
            await connection.close()


def told(outcome: Outcome) -> Callable[..., Awaitable[Outcome]]:
    """What stands for a call that is not executed."""

    async def nothing(_arguments: JsonValue, _call_id: str, *, was_begun: bool) -> Outcome:  # noqa: ARG001
        return outcome

    return nothing


def _not_sent(tool: RemoteTool, reason: str, *, may_have_happened: bool) -> Outcome:
    """What was not sent has not happened; unless it was sent before."""
    return _without_answer(tool, reason) if may_have_happened else Outcome("failure", reason)


def _without_answer(tool: RemoteTool, reason: str) -> Outcome:
    """What changes nothing has failed; of the rest nobody knows."""
    return Outcome("failure", reason) if tool.is_read_only else Outcome("unknown", f"{reason} {UNKNOWN}")
