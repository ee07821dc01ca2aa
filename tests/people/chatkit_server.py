"""A ChatKitServer as openai-chatkit's documentation has it, with a tool whose effects can be counted."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

from agents import Agent, Runner, function_tool
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem


@function_tool
def dig(word: str) -> str:
    """Dig, which takes its time."""
    with Path(os.environ["SHOP_EFFECTS"]).open("a") as file:
        file.write(f"dig {word}\n")
    time.sleep(1.5)
    return f"dug {word}"


class MyChatKitServer(ChatKitServer[dict]):
    """From the documentation."""

    assistant_agent = Agent[AgentContext](name="Assistant", instructions="You are a helpful assistant.", tools=[dig])

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: dict
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Answer with the agent."""
        items_page = await self.store.load_thread_items(thread.id, after=None, limit=20, order="desc", context=context)
        items = list(reversed(items_page.data))
        input_items = await simple_to_agent_input(items)
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        result = Runner.run_streamed(self.assistant_agent, input_items, context=agent_context)
        async for event in stream_agent_response(agent_context, result):
            yield event


server = MyChatKitServer(cast("Any", None))  # its own store would be replaced
