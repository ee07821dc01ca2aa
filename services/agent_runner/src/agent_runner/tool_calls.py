"""Executes the tool calls of one run: through the ledger, so that what is finished is not executed again."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import structlog
from contracts.commands import BeginToolCall, FinishToolCall
from contracts.identity import Principal
from contracts.replies import ToolCallView
from contracts.text import storable
from mcp.types import CallToolResult, TextContent
from pydantic import JsonValue

from agent_runner import rules
from agent_runner.crash_points import CrashPoint, CrashPoints
from agent_runner.metrics import TOOL_CALLS
from agent_runner.store import Store
from agent_runner.tool_servers import Connection
from agent_runner.toolbox import RemoteTool, Toolbox
from agent_runner.translate import AnswerTranslator

log = structlog.get_logger()

OWN_SERVER_ATTEMPTS_MAX = 3
"""Our servers honour the call's idempotency key, so a call whose connection broke is repeated; others' is not."""
OWN_SERVER_PAUSE_SECONDS = 0.3
Outcome = Literal["success", "failure"]


@dataclass
class ToolCalls:
    """The calls of one attempt. ``execute`` never raises for what a tool does: the model is told, and goes on.

    Calls that the model makes together run side by side if they only read; those that change something run in the
    order in which the model wrote them, one after the other for each server.
    """

    principal: Principal
    run_id: str
    epoch: int
    mint_run_token: Callable[[], str]
    store: Store
    toolbox: Toolbox
    translator: AnswerTranslator
    crash_points: CrashPoints
    output_characters_max: int
    _connections: dict[str, Connection] = field(default_factory=dict[str, Connection])
    _orders: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])

    async def execute(self, tool: RemoteTool, call_id: str, arguments_json: str) -> str:
        """Run one call and return its output for the model. Raises FencedError."""
        if tool.is_read_only:
            return await self._execute(tool, call_id, arguments_json)
        async with self._orders.setdefault(tool.server.config.name, asyncio.Lock()):
            return await self._execute(tool, call_id, arguments_json)

    async def close(self) -> None:
        """Close this run's own connections."""
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))

    async def _execute(self, tool: RemoteTool, call_id: str, arguments_json: str) -> str:
        arguments = parse_arguments(arguments_json)
        view = ToolCallView(call_id=call_id, name=tool.name, arguments=arguments, status="running")
        self.translator.tool_started(view)
        begun = await self.store.ask(
            BeginToolCall(
                principal=self.principal,
                run_id=self.run_id,
                epoch=self.epoch,
                call_id=call_id,
                name=tool.name,
                arguments=arguments,
            )
        )
        self.crash_points.reach(CrashPoint.AFTER_TOOL_BEGUN)
        entry = begun.entry
        if entry.status == "running":
            status, result = await self._call(tool, arguments, call_id)
            TOOL_CALLS.labels(tool.server.config.name, status).inc()
            self.crash_points.reach(CrashPoint.AFTER_TOOL_CALLED)
            finished = await self.store.ask(
                FinishToolCall(
                    principal=self.principal,
                    run_id=self.run_id,
                    epoch=self.epoch,
                    call_id=call_id,
                    status=status,
                    result=result,
                )
            )
            self.crash_points.reach(CrashPoint.AFTER_TOOL_FINISHED)
            entry = finished.entry
        self.translator.tool_finished(view.model_copy(update={"status": entry.status, "result": entry.result}))
        return output_text(entry.status, entry.result)

    async def _call(self, tool: RemoteTool, arguments: JsonValue, call_id: str) -> tuple[Outcome, JsonValue]:
        if not isinstance(arguments, dict):
            return "failure", "The arguments are not a JSON object."
        is_own = tool.server.config.sends_run_token
        attempts_max = OWN_SERVER_ATTEMPTS_MAX if is_own else 1
        for attempt in range(1, attempts_max + 1):
            connection = self._connection(tool)
            try:
                result = await connection.call(tool.remote_name, arguments, call_id)
            except TimeoutError:
                log.warning("tool.timeout", tool=tool.name, server=tool.server.config.name)
                return "failure", "The tool did not answer in time."
            except Exception as error:  # noqa: BLE001 - a foreign server may fail in any way
                log.warning("tool.unreachable", tool=tool.name, attempt=attempt, error=repr(error)[:300])
                await connection.reset()
                self.toolbox.invalidate(tool.server.config.name)
                if attempt < attempts_max:
                    await asyncio.sleep(OWN_SERVER_PAUSE_SECONDS * attempt)
            else:
                return self._read(result)
        return "failure", "The tool server cannot be reached."

    def _connection(self, tool: RemoteTool) -> Connection:
        server = tool.server
        if server.is_shared:
            return self.toolbox.connection(server, self.mint_run_token())
        name = server.config.name
        if name not in self._connections:
            self._connections[name] = self.toolbox.connection(server, self.mint_run_token())
        return self._connections[name]

    def _read(self, result: CallToolResult) -> tuple[Outcome, JsonValue]:
        """Status and value of a result: its structured content, else its text; bounded, and never more than data."""
        texts = [part.text if isinstance(part, TextContent) else f"[{part.type}]" for part in result.content]
        text = storable("\n".join(texts))
        if not result.is_error and result.structured_content is not None:
            encoded = json.dumps(result.structured_content, ensure_ascii=False)
            if len(encoded) <= self.output_characters_max:
                return "success", cast("JsonValue", rules.storable_json(result.structured_content))
            text = storable(encoded)
        if len(text) > self.output_characters_max:
            text = f"{text[: self.output_characters_max]}… (cut)"
        return ("failure" if result.is_error else "success"), text


def output_text(status: str, result: JsonValue) -> str:
    """What the model reads: JSON; a failure as ``{"error": …}``."""
    if status == "success":
        return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    if status == "interrupted":
        return json.dumps({"error": "The call was interrupted by the user."})
    return json.dumps({"error": result}, ensure_ascii=False)


def parse_arguments(text: str) -> JsonValue:
    """A call's arguments as JSON; text that is none stays text."""
    try:
        decoded: Any = json.loads(text or "{}")
    except ValueError:
        return storable(text)
    return cast("JsonValue", rules.storable_json(decoded))
