"""On the path of a runner, this gives it a model and tools that block the event loop for whoever asks for it."""

import sys

if sys.orig_argv[-2:] == ["-m", "agent_runner"]:
    import re
    import time
    from collections.abc import AsyncIterator
    from typing import Any

    from agent_runner.demo.model import DemoModel
    from agent_runner.tool_servers import Connection

    answer, call = DemoModel.stream_response, Connection.call

    async def blocking_answer(self: DemoModel, *arguments: Any, **named: Any) -> AsyncIterator[Any]:
        if "block with a pattern" in str((arguments, named)):
            re.match("(a*)*b", "a" * 64)  # holds the interpreter's lock: no other thread runs
        async for event in answer(self, *arguments, **named):
            yield event

    async def blocking_call(self: Connection, *arguments: Any, **named: Any) -> Any:
        if "block with a tool" in str(arguments):
            time.sleep(3600)  # noqa: ASYNC251  it is to block
        return await call(self, *arguments, **named)

    DemoModel.stream_response = blocking_answer
    Connection.call = blocking_call
