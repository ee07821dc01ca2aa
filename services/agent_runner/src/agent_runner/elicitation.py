"""What an MCP server asks and tells while one of its tools is called: questions for the user, changes of its tools."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from mcp.types import (
    INVALID_REQUEST,
    CallToolResult,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitResult,
    ErrorData,
    ToolListChangedNotification,
)

from agent_runner.sampling import Sample


@dataclass(frozen=True)
class Answers:
    """Who answers what a server asks during one call.

    ``elicit``: from the parameters of a question to what the user answers; raises what takes the call off the stack.
    ``sample``: asks the run's model; None where the server may not.
    """

    elicit: Callable[[Any], ElicitResult]
    sample: Sample | None = None


_Call = tuple["asyncio.Future[None]", Answers | None]
_CURRENT: ContextVar[_Call | None] = ContextVar("agent_runner_mcp_call", default=None)


_WHOSE = ErrorData(code=INVALID_REQUEST, message="Ask during one call at a time: nobody knows whose this is.")


class Hears:
    """The callbacks of one connection. Since MCP 2026-07-28 a call's own answer brings its questions; before that a
    server sends them beside it, without saying whose they are: then there has to be one call alone.
    """

    def __init__(self, on_tools_changed: Callable[[], None]) -> None:
        self._on_tools_changed = on_tools_changed
        self._calls: dict[asyncio.Future[None], Answers | None] = {}

    async def during(self, call: Coroutine[Any, Any, CallToolResult], answers: Answers | None) -> CallToolResult:
        """The result of a call; raises what ``answers`` raised, when the call has been cancelled at the server."""
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._calls[asked] = answers
        _CURRENT.set((asked, answers))
        calling = asyncio.ensure_future(call)
        try:
            await asyncio.wait({calling, asked}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                asked.result()
            return await calling
        finally:
            del self._calls[asked]
            asked.cancel()
            if not calling.done():
                calling.cancel()
                await asyncio.wait({calling})

    async def on_elicitation(self, context: Any, params: Any) -> ElicitResult | ErrorData:  # noqa: ARG002 - the SDK's names
        """The user's answer. A question that nobody has answered yet ends the call, which will be made again."""
        mine = self._asking_call()
        if mine is None:
            return _WHOSE
        asked, answers = mine
        if answers is None:
            return ElicitResult(action="cancel")
        try:
            return answers.elicit(params)
        except BaseException as error:  # noqa: BLE001 - it belongs to who has made the call
            if not asked.done():
                asked.set_exception(error)
        return await asyncio.get_running_loop().create_future()  # until the call is cancelled with its request

    async def on_sampling(
        self,
        context: Any,  # noqa: ARG002 - the SDK's name
        params: CreateMessageRequestParams,
    ) -> CreateMessageResult | ErrorData:
        """What the run's model says; an error, which the server gets, where it may not be asked."""
        mine = self._asking_call()
        if mine is None:
            return _WHOSE
        _, answers = mine
        if answers is None or answers.sample is None:
            return ErrorData(code=INVALID_REQUEST, message="Nobody may be asked to sample here.")
        return await answers.sample(params)

    def _asking_call(self) -> _Call | None:
        """The call that a question belongs to; None where it may be one of several."""
        mine = _CURRENT.get()
        if mine is None and len(self._calls) != 1:
            return None
        return mine or next(iter(self._calls.items()))

    async def on_message(self, message: Any) -> None:
        """A server that has other tools now is asked for them."""
        if isinstance(getattr(message, "root", message), ToolListChangedNotification):
            self._on_tools_changed()
