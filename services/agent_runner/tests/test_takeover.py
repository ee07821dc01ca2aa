"""What a dead attempt has shown is rebuilt from its events, wherever they break off, and can be kept as it was seen."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from agent_runner.demo.responses import ResponseWriter
from agent_runner.transcript import Transcript, is_kept
from chatkit.types import ThreadItem
from chatkit_protocol import events, items
from chatkit_protocol.reducer import Shown, Viewer
from contracts.replies import ToolAttachment, ToolCallView
from pydantic import TypeAdapter

ITEMS: TypeAdapter[Any] = TypeAdapter(ThreadItem)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Recorder:
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def event(self, event: dict[str, Any], key: str = "") -> None:
        self.events.append(copy.deepcopy(event))

    def text_delta(self, item_id: str, content_index: int, delta: str) -> None:
        self.event(events.text_delta(item_id, content_index, delta))


def model_events() -> Iterator[Any]:
    """Thoughts, then a message with a citation and a second part."""
    for delta in ("Let me ", "see, and see, and see again."):
        yield SimpleNamespace(
            type="response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta=delta
        )
    writer = ResponseWriter(model="m")
    begin = list(writer.begin_message())
    words = [writer.text_delta(word) for word in ("One ", "two ", "three.")]
    source = {
        "type": "url_citation",
        "url": "https://example.org",
        "title": "Example",
        "start_index": 0,
        "end_index": 3,
    }
    cited = SimpleNamespace(
        type="response.output_text.annotation.added", output_index=0, content_index=0, annotation=source
    )
    more = SimpleNamespace(type="response.output_text.delta", output_index=0, content_index=1, delta="More.")
    yield from [*begin, *words, cited, more, *writer.end_message()]


def shown_events() -> list[dict[str, Any]]:
    """The events of an answer that ends, in full."""
    recorder = Recorder()
    answer = Transcript(recorder, "conv_1", clock=lambda: NOW)
    answer.begin_response()
    for event in model_events():
        answer.on_model_event(event)
    answer.end()
    return recorder.events


def watched(events: list[dict[str, Any]]) -> Viewer:
    viewer = Viewer()
    for event in copy.deepcopy(events):
        viewer.apply(event)
    return viewer


def test_what_was_seen_is_kept_and_stored_wherever_it_broke_off() -> None:
    events = shown_events()
    assert len(events) > 12
    for cut in range(1, len(events) + 1):
        before = watched(events[:cut])
        shown = Shown()
        for event in copy.deepcopy(events[:cut]):
            shown.apply(event)
        recorder = Recorder()
        answer = Transcript(recorder, "conv_1", clock=lambda: NOW)
        for item in shown.whole_items():
            assert is_kept(item)
            answer.restore(item)
        saved = answer.end()
        after = watched([*events[:cut], *recorder.events])
        assert list(after.items) == list(before.items), cut
        assert after.texts() == before.texts() == after.stored_texts(), cut
        assert [item.item for item in saved] == list(after.items.values()), cut
        assert [item.content for item in saved if item.type == "assistant_message"] == before.texts(), cut
        for item in saved:
            ITEMS.validate_python(item.item)
        assert all(task["status_indicator"] == "complete" for task in after.tasks()), cut
        notes = [
            note for item in after.items.values() for part in item.get("content", []) for note in part["annotations"]
        ]
        was_cited = any("annotation_added" in event.get("update", {}).get("type", "") for event in events[:cut])
        assert len(notes) == was_cited, cut


def test_the_calls_before_a_kept_message_become_its_own() -> None:
    call = ToolCallView(call_id="c1", name="add_task", arguments={}, status="success")
    recorder = Recorder()
    first = Transcript(recorder, "conv_1", clock=lambda: NOW)
    first.tool_started(call)
    (workflow,) = first.take_items()
    answer = Transcript(Recorder(), "conv_1", clock=lambda: NOW)
    answer.tool_started(call)
    item = items.assistant_message("msg_1", "conv_1", NOW, [items.output_text("Added")])
    answer.restore(item)
    saved = answer.end()
    assert [(one.type, one.tool_calls) for one in saved] == [("workflow", ()), ("assistant_message", (call,))]
    assert workflow.tool_calls == (call,)


def test_a_tool_call_that_no_checkpoint_holds_is_not_text() -> None:
    item = items.workflow("wf_1", "conv_1", NOW, "custom", [])
    assert not is_kept(item)


def test_an_image_that_was_seen_is_kept_and_one_that_was_on_its_way_is_not() -> None:
    recorder = Recorder()
    first = Transcript(recorder, "conv_1", clock=lambda: NOW)
    first.image_shown(
        ToolAttachment(type="image", title="A fox", url="/api/a/attachments/atc_1", attachment_id="atc_1")
    )
    on_its_way, whole = recorder.events
    shown = Shown()
    shown.apply(on_its_way)
    assert [is_kept(item) for item in shown.whole_items()] == [False]
    shown.apply(whole)
    (image,) = shown.whole_items()
    assert is_kept(image)
    again = Transcript(recorder, "conv_1", clock=lambda: NOW)
    again.restore(image)
    (saved,) = again.end()
    assert saved.item == image == watched(recorder.events).items[image["id"]]
    ITEMS.validate_python(saved.item)


def test_updates_of_what_was_never_added_are_passed_over() -> None:
    shown = Shown()
    shown.apply(events.text_delta("msg_gone", 0, "late"))
    shown.apply({"type": "stream_options", "stream_options": {"allow_cancel": True}})
    assert shown.whole_items() == []


def broken_off(*events_shown: dict[str, Any], may_go_on: bool = True) -> tuple[Transcript, Recorder]:
    """A transcript that has taken over what was shown and not stored."""
    shown = Shown()
    for event in events_shown:
        shown.apply(event)
    recorder = Recorder()
    answer = Transcript(recorder, "conv_1", clock=lambda: NOW)
    answer.take_over(shown, (), keeps_unsaved=False, may_go_on=may_go_on)
    return answer, recorder


def begun_message(text: str) -> list[dict[str, Any]]:
    item = items.assistant_message("msg_1", "conv_1", NOW, [items.output_text("")])
    return [events.item_added(item), events.text_delta("msg_1", 0, text)]


def test_a_model_may_go_on_with_one_text_and_with_nothing_else() -> None:
    call = events.item_added(items.workflow("wf_1", "conv_1", NOW, "custom", []))
    thoughts = events.item_added(items.workflow("wf_2", "conv_1", NOW, "reasoning", []))
    assert broken_off(*begun_message("One "))[0].begun_text == "One "
    assert broken_off(thoughts, *begun_message("One "))[0].begun_text == "One "
    for shown in ([call, *begun_message("One ")], [*begun_message("One "), call], begun_message(" "), [thoughts]):
        answer, recorder = broken_off(*shown)
        assert answer.begun_text == ""
        assert {event["type"] for event in recorder.events} == {"thread.item.removed"}
    assert broken_off(*begun_message("One "), may_go_on=False)[0].begun_text == ""


def test_a_text_that_no_model_goes_on_with_is_withdrawn_or_kept_as_it_was_seen() -> None:
    answer, recorder = broken_off(*begun_message("One "))
    assert recorder.events == []  # not before it is known which model answers
    answer.withdraw_begun()
    assert recorder.events == [events.item_removed("msg_1")]
    stopped, _ = broken_off(*begun_message("One "))
    assert stopped.unsaved_texts() == ["One "]
    assert [item.content for item in stopped.end()] == ["One "]
