"""The events of a thread (`chatkit.types.ThreadStreamEvent`) as plain JSON, and their bytes."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from contracts.replies import ConversationView

from chatkit_protocol.items import Json, thread


def encode(event: Mapping[str, Any]) -> bytes:
    """The bytes of an event as the browser gets them."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


# --- the thread -------------------------------------------------------------------------------------------------


def thread_created(conversation: ConversationView) -> Json:
    """A conversation is new."""
    return {"type": "thread.created", "thread": thread(conversation)}


def thread_updated(conversation: ConversationView, *, title: str | None = None) -> Json:
    """It carries the whole thread; its page of items is empty, viewers have them. ``title``: the new one."""
    return {"type": "thread.updated", "thread": thread(conversation, title=title)}


def stream_options() -> Json:
    """The answer can be stopped."""
    return {"type": "stream_options", "stream_options": {"allow_cancel": True}}


def error(message: str, *, allow_retry: bool) -> Json:
    """What ended a run, with ChatKit's offer to send the message again where that can help."""
    return {"type": "error", "code": "custom", "message": message, "allow_retry": allow_retry}


# --- items ------------------------------------------------------------------------------------------------------


def item_added(item: Json) -> Json:
    """An item begins to be written."""
    return {"type": "thread.item.added", "item": item}


def item_done(item: Json) -> Json:
    """An item is there, or ends as it is here."""
    return {"type": "thread.item.done", "item": item}


def item_replaced(item: Json) -> Json:
    """An item that is there is now as it is here."""
    return {"type": "thread.item.replaced", "item": item}


def item_removed(item_id: str) -> Json:
    """An item is not there any more."""
    return {"type": "thread.item.removed", "item_id": item_id}


# --- changes of an item -----------------------------------------------------------------------------------------


def text_delta(item_id: str, content_index: int, delta: str) -> Json:
    """An assistant message's part goes on."""
    return _message_updated(item_id, "text_delta", content_index, {"delta": delta})


def part_added(item_id: str, content_index: int, content: Json) -> Json:
    """An assistant message has a new part."""
    return _message_updated(item_id, "added", content_index, {"content": content})


def part_done(item_id: str, content_index: int, content: Json) -> Json:
    """An assistant message's part is whole."""
    return _message_updated(item_id, "done", content_index, {"content": content})


def annotation_added(item_id: str, content_index: int, annotation_index: int, annotation: Json) -> Json:
    """A part names a source."""
    added = {"annotation_index": annotation_index, "annotation": annotation}
    return _message_updated(item_id, "annotation_added", content_index, added)


def task_changed(item_id: str, kind: Literal["added", "updated"], task_index: int, task: Json) -> Json:
    """A workflow has a new task, or one of its tasks is now as it is here."""
    return _updated(item_id, {"type": f"workflow.task.{kind}", "task_index": task_index, "task": task})


def image_changed(item_id: str, url: str, progress: float = 0.0) -> Json:
    """A preview of an image. ``progress``: from 0 to 1, as far as it is known."""
    image = {"id": item_id, "url": url}
    return _updated(item_id, {"type": "generated_image.updated", "image": image, "progress": progress})


def _message_updated(item_id: str, kind: str, content_index: int, more: Json) -> Json:
    update = {"type": f"assistant_message.content_part.{kind}", "content_index": content_index, **more}
    return _updated(item_id, update)


def _updated(item_id: str, update: Json) -> Json:
    return {"type": "thread.item.updated", "item_id": item_id, "update": update}
