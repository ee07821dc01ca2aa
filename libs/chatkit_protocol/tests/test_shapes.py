"""Every word of the library through openai-chatkit's own types, and back without a difference."""

from datetime import UTC, datetime
from typing import Any

import pytest
from chatkit.types import Page, Thread, ThreadItem, ThreadStreamEvent
from chatkit_protocol import events, items
from contracts.commands import UserMessage
from contracts.replies import ConversationView, ItemPage, ItemView
from pydantic import TypeAdapter

NOW = datetime(2026, 11, 21, 12, 30, 15, 250_000, tzinfo=UTC)
EVENT: TypeAdapter[Any] = TypeAdapter(ThreadStreamEvent)
ITEM: TypeAdapter[Any] = TypeAdapter(ThreadItem)
THREAD = TypeAdapter(Thread)
NEW = ConversationView(
    conversation_id="conv_1", created_at=NOW, updated_at=NOW, title=None, metadata={"project": {"name": "x"}}
)
NAMED = NEW.model_copy(update={"title": "Groceries"})
SENT = UserMessage(text="Hi", content=({"type": "input_text", "text": "Hi"},), inference_options={"model": "m"})
USER = items.user_message(SENT, item_id="msg_1", thread_id="conv_1", created_at=NOW)
QUOTING = items.user_message(
    SENT.model_copy(update={"quoted_text": "this"}), item_id="msg_1", thread_id="conv_1", created_at=NOW
)
SOURCE = {"type": "annotation", "source": {"type": "url", "url": "https://a.example/", "title": "A"}, "index": 3}
ANSWER = items.assistant_message("msg_2", "conv_1", NOW, [items.output_text("Hello", [SOURCE]), items.output_text("")])
TASKS = [
    items.tool_task("Adding", "json", status=status)
    for status in ("running", "success", "failure", "interrupted", "unknown")
]
THOUGHTS = [items.thought("so", is_complete=False), items.thought("so", is_complete=True)]
ITEMS = {
    "user message": USER,
    "quoting user message": QUOTING,
    "assistant message": ANSWER,
    "tool calls": items.workflow("wf_1", "conv_1", NOW, "custom", TASKS),
    "thoughts": items.workflow("wf_2", "conv_1", NOW, "reasoning", THOUGHTS),
    "tool calls that are over": items.workflow("wf_3", "conv_1", NOW, "custom", TASKS, seconds=3),
}
EVENTS = {
    "thread.created": events.thread_created(NEW),
    "thread.updated": events.thread_updated(NEW, title="Groceries"),
    "stream_options": events.stream_options(),
    "error": events.error("It broke off.", allow_retry=True),
    "thread.item.added": events.item_added(ANSWER),
    "thread.item.done": events.item_done(ANSWER),
    "thread.item.replaced": events.item_replaced(ANSWER),
    "thread.item.removed": events.item_removed("msg_2"),
    "assistant_message.content_part.text_delta": events.text_delta("msg_2", 0, "He"),
    "assistant_message.content_part.added": events.part_added("msg_2", 0, items.output_text("")),
    "assistant_message.content_part.done": events.part_done("msg_2", 0, items.output_text("Hello")),
    "assistant_message.content_part.annotation_added": events.annotation_added("msg_2", 0, 0, SOURCE),
    "workflow.task.added": events.task_changed("wf_1", "added", 0, TASKS[0]),
    "workflow.task.updated": events.task_changed("wf_1", "updated", 0, TASKS[1]),
}


def written_by_chatkit(adapter: TypeAdapter[Any], value: dict[str, Any]) -> Any:
    """What their server would put on the wire for what we say; a name that they do not know is refused first."""
    read = adapter.validate_json(events.encode(value))
    return adapter.dump_python(read, mode="json", exclude_none=True, by_alias=True)


def plain(value: Any) -> Any:
    """Times in one spelling: ours have an offset where theirs have a Z."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value.replace("+00:00", "Z") if isinstance(value, str) else value


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_one_of_theirs_and_says_what_theirs_says(name: str) -> None:
    event = EVENTS[name]
    assert event.get("update", event)["type"] == name
    assert plain(written_by_chatkit(EVENT, event)) == plain(event)


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_is_one_of_theirs_and_says_what_theirs_says(name: str) -> None:
    assert plain(written_by_chatkit(ITEM, ITEMS[name])) == plain(ITEMS[name])


@pytest.mark.parametrize("conversation", [NEW, NAMED], ids=["new", "named"])
def test_a_thread_is_one_of_theirs_with_its_metadata_and_a_title_only_where_it_has_one(
    conversation: ConversationView,
) -> None:
    ours = items.thread(conversation)
    assert plain(written_by_chatkit(THREAD, ours)) == plain(ours)
    assert ours["metadata"] == {"project": {"name": "x"}, "assistant_id": "todo"}
    assert ours.get("title") == conversation.title
    assert ("title" in ours) == (conversation.title is not None)


def test_a_thread_with_items_has_each_exactly_as_it_was_stored() -> None:
    odd = {**ANSWER, "not_of_chatkit": {"kept": True}}
    view = ItemView(
        message_id="msg_2",
        conversation_id="conv_1",
        role="assistant",
        type="assistant_message",
        content="Hello",
        item=odd,
        position=2,
        created_at=NOW,
    )
    page = items.item_page(ItemPage(data=(view,), has_more=True, after="msg_2"))
    assert page == {"data": [odd], "has_more": True, "after": "msg_2"}
    assert items.thread(NAMED, ItemPage(data=(view,), has_more=False))["items"] == {"data": [odd], "has_more": False}
    assert plain(written_by_chatkit(TypeAdapter(Page[ThreadItem]), {**page, "data": [ANSWER]})) == plain(
        {**page, "data": [ANSWER]}
    )


def test_the_bytes_of_an_event_are_compact_utf_8() -> None:
    assert events.encode(events.text_delta("msg_2", 0, "é"))[-13:] == '"delta":"é"}}'.encode()[-13:]
