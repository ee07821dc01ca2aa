"""A thread, its pages and its items, as plain JSON; absent values are left out, as ChatKit does."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from contracts.commands import UserMessage
from contracts.ids import AttachmentId
from contracts.replies import AttachmentView, ConversationView, ItemPage

Json = dict[str, Any]
"""JSON as ChatKit shapes it; its types are checked in tests, against the published ones."""

PICTURE_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif")
"""What every browser shows in an `<img>`, and nothing that could hold a script."""

HIDDEN_TYPES: Final = ("hidden_context_item", "sdk_hidden_context")
"""Items that never leave the server."""


def thread(conversation: ConversationView, items: ItemPage | None = None, *, title: str | None = None) -> Json:
    """A conversation as ChatKit's Thread, with a page of its items where one is given.

    ``title``: the one that it is given now; the conversation's own where that is None. Its metadata say whether it
    waits for the user.
    """
    waits = {"is_waiting": True} if conversation.is_waiting else {}
    shown_title = title if title is not None else conversation.title
    return {
        "id": conversation.conversation_id,
        **({} if shown_title is None else {"title": shown_title}),
        "created_at": conversation.created_at.isoformat(),
        "status": conversation.status.model_dump(exclude_none=True),
        "metadata": {**conversation.metadata, "assistant_id": conversation.assistant_id, **waits},
        "items": page([], has_more=False) if items is None else item_page(items),
    }


def page(data: Sequence[Any], *, has_more: bool, after: str | None = None) -> Json:
    """A Page of anything."""
    return {"data": list(data), "has_more": has_more, **({} if after is None else {"after": after})}


def item_page(items: ItemPage) -> Json:
    """A Page of items, each exactly as it was stored."""
    return page([view.item for view in items.data], has_more=items.has_more, after=items.after)


def attachment_url(user_id: str, attachment_id: AttachmentId) -> str:
    """Where the bytes of an attachment are, on the origin of the interface, for whoever may see them."""
    return f"/api/{quote(user_id, safe='')}/attachments/{attachment_id}/content"


def attachment(view: AttachmentView, user_id: str, thread_id: str | None = None) -> Json:
    """An Attachment: an ImageAttachment where every browser can show it. ``metadata`` is for pages that know Natter."""
    url = attachment_url(user_id, view.attachment_id)
    is_picture = view.mime_type in PICTURE_TYPES and view.state == "stored"
    known = {"sha256": view.sha256, "width": view.width, "height": view.height}
    return {
        "type": "image" if is_picture else "file",
        "id": view.attachment_id,
        "name": view.name,
        "mime_type": view.mime_type,
        **({"preview_url": url} if is_picture else {}),
        **({} if thread_id is None else {"thread_id": thread_id}),
        "metadata": {
            "size_bytes": view.size_bytes,
            "url": url,
            "source": view.source,
            **{name: value for name, value in known.items() if value is not None},
        },
    }


def user_message(
    message: UserMessage, attachments: Sequence[Json] = (), *, item_id: str, thread_id: str, created_at: datetime
) -> Json:
    """A UserMessageItem."""
    quoted = {} if message.quoted_text is None else {"quoted_text": message.quoted_text}
    return {
        **_item("user_message", item_id, thread_id, created_at),
        "content": list(message.content),
        "attachments": list(attachments),
        "inference_options": message.inference_options,
        **quoted,
    }


def assistant_message(item_id: str, thread_id: str, created_at: datetime, content: Sequence[Json]) -> Json:
    """An AssistantMessageItem of `output_text` parts."""
    return {**_item("assistant_message", item_id, thread_id, created_at), "content": list(content)}


def hidden_context(item_id: str, thread_id: str, created_at: datetime, content: str) -> Json:
    """A HiddenContextItem, which never leaves the server."""
    return {**_item("hidden_context_item", item_id, thread_id, created_at), "content": content}


def output_text(text: str, annotations: Sequence[Json] = ()) -> Json:
    """A content part of an assistant message."""
    return {"type": "output_text", "text": text, "annotations": list(annotations)}


def workflow(
    item_id: str, thread_id: str, created_at: datetime, kind: str, tasks: Sequence[Json], *, seconds: int | None = None
) -> Json:
    """A WorkflowItem. ``kind``: custom (tool calls) or reasoning (thoughts). ``seconds``: how long it took."""
    summary: Json = {} if seconds is None else {"summary": {"duration": seconds}}
    return {
        **_item("workflow", item_id, thread_id, created_at),
        "workflow": {"type": kind, "tasks": list(tasks), "expanded": False, **summary},
    }


def image(image_id: str, url: str, name: str = "") -> Json:
    """A GeneratedImage. ``name``: what is seen on it, in a few words, for pages that know Natter."""
    return {"id": image_id, "url": url, **({"name": name} if name else {})}


def generated_image(item_id: str, thread_id: str, created_at: datetime, image: Json | None) -> Json:
    """A GeneratedImageItem; without ``image`` it is still on its way."""
    return {**_item("generated_image", item_id, thread_id, created_at), "image": image}


def widget(item_id: str, thread_id: str, created_at: datetime, root: Json) -> Json:
    """A WidgetItem."""
    return {**_item("widget", item_id, thread_id, created_at), "widget": root}


def thought(text: str, *, is_complete: bool) -> Json:
    """A task of a reasoning workflow."""
    return {"type": "thought", "content": text, "status_indicator": "complete" if is_complete else "loading"}


_BADGES: Final[Mapping[str, Json]] = {
    "running": {"status_indicator": "loading"},
    "success": {"status_indicator": "complete", "icon": "check-circle-filled"},
    "failure": {"status_indicator": "complete", "icon": "info"},
    "interrupted": {"status_indicator": "none", "icon": "circle-question"},
    "unknown": {"status_indicator": "complete", "icon": "circle-question"},
}


def tool_task(title: str, content: str, *, status: str) -> Json:
    """A tool call as a task of a custom workflow. ``status``: as the ledger's."""
    return {"type": "custom", "title": title, "content": content, **_BADGES[status]}


def _item(kind: str, item_id: str, thread_id: str, created_at: datetime) -> Json:
    return {"type": kind, "id": item_id, "thread_id": thread_id, "created_at": created_at.isoformat()}
