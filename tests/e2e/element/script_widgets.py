"""Widgets of the scripted assistant: those of the gallery, one that is written while one looks, and what actions do."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from chatkit.server import stream_widget
from chatkit.types import SyncCustomActionResponse, ThreadMetadata, ThreadStreamEvent, WidgetItem
from chatkit.widgets import DynamicWidgetRoot, WidgetRoot

from tests.e2e.element import script
from tests.e2e.element.gallery import WIDGETS

ACTION_SECONDS = 0.6
"""How long an action takes: long enough to see what a widget shows meanwhile."""

BUTTONS = {
    "type": "Card",
    "children": [
        {"type": "Button", "label": label, "onClickAction": {"type": label.lower().replace(" ", "."), **action}}
        for label, action in {
            "Slow": {},
            "Slow all": {"loadingBehavior": "container", "payload": {"all": True}},
            "Here": {"handler": "client", "payload": {"place": "page"}},
            "At once": {"streaming": False},
        }.items()
    ],
}


def widget(value: dict[str, Any]) -> DynamicWidgetRoot:
    """As a `.widget` template builds it."""
    return DynamicWidgetRoot.model_validate(value)


async def written(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
    """A card whose text and title come bit by bit."""

    async def versions() -> AsyncGenerator[WidgetRoot]:
        words = script.words_of("Dear Ada, the engine runs.")
        for count in range(1, len(words) + 1):
            text = {"type": "Text", "id": "draft", "value": "".join(words[:count]), "streaming": count < len(words)}
            yield widget({"type": "Card", "children": [{"type": "Title", "value": "A draft"}, text]})
            await asyncio.sleep(0.08)

    async for event in stream_widget(
        thread, versions(), copy_text="Dear Ada", generate_id=lambda _type: script.new_id("wid")
    ):
        yield event


async def answer(thread: ThreadMetadata, text: str) -> AsyncIterator[ThreadStreamEvent]:
    """`gallery <name>`, `buttons`, `write a widget`, or `widget <JSON>`."""
    if text == "write a widget":
        async for event in written(thread):
            yield event
        return
    if text.startswith("gallery "):
        value = next(entry["widget"] for entry in WIDGETS if entry["name"] == text.removeprefix("gallery "))
    else:
        value = BUTTONS if text == "buttons" else json.loads(text.removeprefix("widget "))
    async for event in stream_widget(thread, widget(value), generate_id=lambda _type: script.new_id("wid")):
        yield event


def is_asked(text: str) -> bool:
    """Whether `answer` has something for a phrase."""
    return text in {"buttons", "write a widget"} or text.startswith(("gallery ", "widget {"))


def after_sync(sender: WidgetItem | None) -> SyncCustomActionResponse:
    """The widget with a line more."""
    assert sender is not None
    value = sender.widget.model_dump()
    value["children"] = [*value["children"], {"type": "Text", "value": "Done at once."}]
    return SyncCustomActionResponse(updated_item=sender.model_copy(update={"widget": widget(value)}))
