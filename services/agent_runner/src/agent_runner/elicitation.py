"""What an MCP server asks and tells while one of its tools is called: questions for the user, changes of its tools."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

from mcp.types import INVALID_REQUEST, CallToolResult, ElicitResult, ErrorData, ToolListChangedNotification

Answer = Callable[[Any], ElicitResult]
"""From the parameters of a question to what the user answers; raises what takes the call off the stack."""


_Call = tuple["asyncio.Future[None]", Answer | None]
_CURRENT: ContextVar[_Call | None] = ContextVar("agent_runner_mcp_call", default=None)


class Hears:
    """The callbacks of one connection. Since MCP 2026-07-28 a call's own answer brings its questions; before that a
    server sends them beside it, without saying whose they are: then there has to be one call alone.
    """

    def __init__(self, on_tools_changed: Callable[[], None]) -> None:
        self._on_tools_changed = on_tools_changed
        self._calls: dict[asyncio.Future[None], Answer | None] = {}

    async def during(self, call: Coroutine[Any, Any, CallToolResult], answer: Answer | None) -> CallToolResult:
        """The result of a call; raises what ``answer`` raised, when the call has been cancelled at the server."""
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._calls[asked] = answer
        _CURRENT.set((asked, answer))
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
        mine = _CURRENT.get()
        if mine is None and len(self._calls) != 1:
            return ErrorData(code=INVALID_REQUEST, message="Ask during one call at a time: nobody knows whose this is.")
        asked, answer = mine or next(iter(self._calls.items()))
        if answer is None:
            return ElicitResult(action="cancel")
        try:
            return answer(params)
        except BaseException as error:  # noqa: BLE001 - it belongs to who has made the call
            if not asked.done():
                asked.set_exception(error)
        return await asyncio.get_running_loop().create_future()  # until the call is cancelled with its request

    async def on_message(self, message: Any) -> None:
        """A server that has other tools now is asked for them."""
        if isinstance(getattr(message, "root", message), ToolListChangedNotification):
            self._on_tools_changed()
