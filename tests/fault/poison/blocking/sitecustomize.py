"""On the path of a runner, this gives it a demo model that blocks the event loop for whoever asks for it."""

import sys

if sys.orig_argv[-2:] == ["-m", "agent_runner"]:
    import re
    from collections.abc import AsyncIterator
    from typing import Any

    from agent_runner.demo.model import DemoModel

    answer = DemoModel.stream_response

    async def stream_response(self: DemoModel, *arguments: Any, **named: Any) -> AsyncIterator[Any]:
        if "block with a pattern" in str((arguments, named)):
            re.match("(a*)*b", "a" * 64)  # holds the interpreter's lock: no other thread runs
        async for event in answer(self, *arguments, **named):
            yield event

    DemoModel.stream_response = stream_response
