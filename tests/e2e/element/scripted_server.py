"""A stock ChatKitServer that answers by script.py."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from chatkit.server import ChatKitServer
from chatkit.store import AttachmentStore
from chatkit.types import (
    AudioInput,
    ClientToolCallItem,
    StructuredInputItem,
    SyncCustomActionResponse,
    ThreadMetadata,
    ThreadStreamEvent,
    TranscriptionResult,
    UserMessageItem,
)

from tests.e2e.element import script, script_widgets
from tests.e2e.element.memory_store import MemoryStore


class ScriptedServer(ChatKitServer[dict[str, str]]):
    """Answers by script.py and remembers what it was told."""

    def __init__(self, store: MemoryStore, attachments: AttachmentStore[dict[str, str]] | None = None) -> None:
        super().__init__(store, attachments)
        self.memory = store
        self.requests: list[dict[str, Any]] = []
        self.word_delay_seconds = script.WORD_DELAY_SECONDS

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: dict[str, str]
    ) -> AsyncIterator[ThreadStreamEvent]:
        """One answer."""
        text = await self._phrase(thread, input_user_message)
        scenes = {"tools": script.tools, "reason": script.reasoning, "ask": script.questions, "sources": script.sourced}
        if text == "wait":
            scenes["wait"] = script.hanging_tool
        script.apply_status(thread, text)
        if text in scenes:
            async for event in scenes[text](thread):
                yield event
            return
        if script_widgets.is_asked(text):
            async for event in script_widgets.answer(thread, text):
                yield event
            return
        async for event in script.special(thread, text):
            yield event
        if text in {"client tool", "widget", "image"}:
            return
        delay = script.delay_of(text, self.word_delay_seconds)
        async for event in script.stream_text(thread, script.plain_answer(text), delay):
            yield event

    async def _phrase(self, thread: ThreadMetadata, message: UserMessageItem | None) -> str:
        if message is not None:
            return "".join(part.text for part in message.content)
        page = await self.memory.load_thread_items(thread.id, None, 1, "desc", {})
        last = page.data[0]
        if isinstance(last, ClientToolCallItem):
            return f"say The tool said {json.dumps(last.output)}"
        if isinstance(last, StructuredInputItem):
            answers = {question.id: question.answer.values if question.answer else [] for question in last.inputs}
            return f"say {last.status} {json.dumps(answers)}"
        return "say nothing"

    async def add_feedback(self, thread_id: str, item_ids: list[str], feedback: str, context: dict[str, str]) -> None:
        """Take a rating; the request itself is remembered."""

    async def transcribe(self, audio_input: AudioInput, context: dict[str, str]) -> TranscriptionResult:
        """Say what came, as far as it can be seen: a file of that format begins with these bytes."""
        is_webm = audio_input.data.startswith(b"\x1a\x45\xdf\xa3")
        return TranscriptionResult(text=f"{audio_input.media_type} {is_webm}")

    async def action(
        self, thread: Any, action: Any, sender: Any, context: dict[str, str]
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Say which action came; one that is slow, slowly."""
        if action.type.startswith("slow"):
            await asyncio.sleep(script_widgets.ACTION_SECONDS)
        async for event in script.stream_text(thread, f"Action {action.type} {json.dumps(action.payload)}", 0):
            yield event

    async def sync_action(
        self, thread: Any, action: Any, sender: Any, context: dict[str, str]
    ) -> SyncCustomActionResponse:
        """Change the widget."""
        return script_widgets.after_sync(sender)
