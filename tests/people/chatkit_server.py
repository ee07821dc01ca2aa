"""A ChatKitServer as openai-chatkit's documentation has it, with a tool whose effects can be counted."""

import asyncio
import base64
import io
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from agents import Agent, RunContextWrapper, Runner, StopAtTools, function_tool
from chatkit.actions import Action
from chatkit.agents import AgentContext, ClientToolCall, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, stream_widget
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    GeneratedImage,
    GeneratedImageItem,
    LockedStatus,
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    SyncCustomActionResponse,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    WidgetItem,
)
from chatkit.widgets import Card, Text
from PIL import Image


def _note_effect(line: str) -> None:
    with Path(os.environ["SHOP_EFFECTS"]).open("a") as file:
        file.write(f"{line}\n")


@function_tool
def dig(word: str) -> str:
    """Dig, which takes its time."""
    _note_effect(f"dig {word}")
    time.sleep(1.5)
    return f"dug {word}"


@function_tool
async def switch_theme(ctx: RunContextWrapper[AgentContext], theme: str) -> None:
    """Have the page change its colours."""
    ctx.context.client_tool_call = ClientToolCall(name="switch_theme", arguments={"theme": theme})


class MyChatKitServer(ChatKitServer[dict]):
    """From the documentation."""

    assistant_agent = Agent[AgentContext](
        name="Assistant",
        instructions="You are a helpful assistant.",
        tools=[dig, switch_theme],
        tool_use_behavior=StopAtTools(stop_at_tool_names=["switch_theme"]),
    )

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: dict
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Answer with the agent; with a widget where one is asked for."""
        if input_user_message and "widget" in str(input_user_message.content):
            async for event in stream_widget(thread, Card(children=[Text(value="A card.")])):
                yield event
            return
        if input_user_message and "a question" in str(input_user_message.content):
            yield ThreadItemDoneEvent(item=self._drinks(thread, context))
            return
        if input_user_message and "draw a dot" in str(input_user_message.content):
            yield ThreadItemDoneEvent(item=self._dot(thread, context))
            return
        items_page = await self.store.load_thread_items(thread.id, after=None, limit=20, order="desc", context=context)
        items = list(reversed(items_page.data))
        if input_user_message and "another card" in str(input_user_message.content):
            card = next(item for item in items if item.type == "widget")
            yield ThreadItemReplacedEvent(item=card.model_copy(update={"widget": Card(children=[])}))
            return
        asked = next((item for item in items if item.type == "structured_input"), None)
        if asked is not None and input_user_message is None:
            said = [value for one in asked.inputs for value in (one.answer.values if one.answer else [])]
            yield ThreadItemDoneEvent(item=self._says(thread, f"{asked.status}: {', '.join(said)}", context))
            return
        input_items = await simple_to_agent_input(items)
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        agent = self.assistant_agent
        if input_user_message and "nobody's model" in str(input_user_message.content):
            agent = agent.clone(model="gpt-of-nobody")
        result = Runner.run_streamed(agent, input_items, context=agent_context)
        async for event in stream_agent_response(agent_context, result):
            yield event

    def _dot(self, thread: ThreadMetadata, context: dict) -> GeneratedImageItem:
        drawn = io.BytesIO()
        Image.new("RGB", (1, 1)).save(drawn, "PNG")
        url = f"data:image/png;base64,{base64.b64encode(drawn.getvalue()).decode()}"
        return GeneratedImageItem(
            id=self.store.generate_item_id("message", thread, context),
            thread_id=thread.id,
            created_at=datetime.now(UTC),
            image=GeneratedImage(id="dot", url=url),
        )

    def _drinks(self, thread: ThreadMetadata, context: dict) -> StructuredInputItem:
        drinks = [StructuredInputMultipleChoiceOption(value=value) for value in ("Tea", "Coffee")]
        return StructuredInputItem(
            id=self.store.generate_item_id("message", thread, context),
            thread_id=thread.id,
            created_at=datetime.now(UTC),
            inputs=[
                StructuredInputMultipleChoice(id="drink", question="What do you drink?", options=drinks),
                StructuredInputFreeform(id="why", question="Why?"),
            ],
        )

    def _says(self, thread: ThreadMetadata, text: str, context: dict) -> AssistantMessageItem:
        return AssistantMessageItem(
            id=self.store.generate_item_id("message", thread, context),
            thread_id=thread.id,
            created_at=datetime.now(UTC),
            content=[AssistantMessageContent(text=text)],
        )

    async def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: dict
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Change the card, take it away, or say that nothing of it is known."""
        if sender is None:
            raise LookupError("An action of the page itself.")
        if action.type == "lock":
            thread.status = LockedStatus(reason="Enough.")
        if action.type == "remove":
            yield ThreadItemRemovedEvent(item_id=sender.id)
            return
        yield ThreadItemReplacedEvent(item=_with_text(sender, "Working …"))
        if "slowly" in action.payload:
            _note_effect("action")
            await asyncio.sleep(3)
        yield ThreadItemReplacedEvent(item=_with_text(sender, f"Done: {action.payload}"))
        yield ThreadItemDoneEvent(item=self._says(thread, f"You chose {action.payload}.", context))

    async def sync_action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, context: dict
    ) -> SyncCustomActionResponse:
        """Change the card while the page waits."""
        assert sender is not None
        return SyncCustomActionResponse(updated_item=_with_text(sender, f"At once: {action.payload}"))


def _with_text(sender: WidgetItem, text: str) -> WidgetItem:
    return sender.model_copy(update={"widget": Card(children=[Text(value=text)])})


server = MyChatKitServer(cast("Any", None))  # its own store would be replaced
