"""Model events and tool calls become ChatKit events that the published types accept, whatever ids a provider gives."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from agent_runner.demo.responses import ResponseWriter
from agent_runner.tool_tasks import tool_task
from agent_runner.transcript import Transcript, seconds_of
from chatkit.types import ThreadItem, ThreadStreamEvent
from chatkit_protocol import events
from chatkit_protocol.reducer import Viewer
from contracts.replies import ConversationView, ItemView, ToolCallView
from natterkit import ToolWords
from pydantic import TypeAdapter

EVENTS: TypeAdapter[Any] = TypeAdapter(ThreadStreamEvent)
ITEMS: TypeAdapter[Any] = TypeAdapter(ThreadItem)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Recorder:
    """Keeps the events as a viewer and as the published types see them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.viewer = Viewer()

    def event(self, event: dict[str, Any], key: str = "") -> None:
        EVENTS.validate_json(events.encode(event))
        self.events.append(event)
        self.viewer.apply(event)

    def text_delta(self, item_id: str, content_index: int, delta: str) -> None:
        self.event(events.text_delta(item_id, content_index, delta))


def transcript() -> tuple[Transcript, Recorder]:
    recorder = Recorder()
    words = {"add_task": ToolWords("Adding task", "Added task", lambda arguments, _result: arguments.get("title", ""))}
    return Transcript(recorder, "conv_1", clock=lambda: NOW, words=words), recorder


def message(words: list[str], message_id: str | None = None) -> list[Any]:
    writer = ResponseWriter(model="m")
    events = [*writer.begin_message(), *(writer.text_delta(word) for word in words), *writer.end_message()]
    for event in events:
        if message_id is not None and hasattr(event, "item"):
            event.item.id = message_id
        if message_id is not None and hasattr(event, "item_id"):
            event.item_id = message_id
    return events


def call(call_id: str, name: str = "add_task", status: Any = "running", **arguments: Any) -> ToolCallView:
    return ToolCallView(call_id=call_id, name=name, arguments=arguments, status=status)


def summary_delta(delta: str, output_index: int = 0) -> Any:
    return SimpleNamespace(
        type="response.reasoning_summary_text.delta", output_index=output_index, summary_index=0, delta=delta
    )


def reasoning_delta(delta: str) -> Any:
    return SimpleNamespace(type="response.reasoning_text.delta", output_index=0, content_index=0, delta=delta)


def types(recorder: Recorder) -> list[str]:
    return [event.get("update", event)["type"] for event in recorder.events]


def test_a_message_streams_and_its_deltas_are_the_stored_text() -> None:
    answer, recorder = transcript()
    answer.begin_response()
    for event in message(["Hello", " wörld", " 🙂"]):
        answer.on_model_event(event)
    (saved,) = answer.end()
    assert types(recorder) == [
        "thread.item.added",
        "assistant_message.content_part.added",
        *["assistant_message.content_part.text_delta"] * 3,
        "assistant_message.content_part.done",
        "thread.item.done",
    ]
    assert saved.content == "Hello wörld 🙂" == recorder.viewer.texts()[0] == recorder.viewer.stored_texts()[0]
    ITEMS.validate_python(saved.item)


def test_messages_that_share_a_fake_id_do_not_overwrite_each_other() -> None:
    answer, recorder = transcript()
    for words in (["one"], ["two"]):
        answer.begin_response()
        for event in message(words, "__fake_id__"):
            answer.on_model_event(event)
    assert recorder.viewer.texts() == ["one", "two"]
    assert len({item.message_id for item in answer.end()}) == 2


def test_identical_parallel_calls_are_separate_tasks_of_one_workflow() -> None:
    answer, recorder = transcript()
    first, second = call("c1", title="milk"), call("c2", title="milk")
    answer.tool_started(first)
    answer.tool_started(second)
    answer.tool_finished(second.model_copy(update={"status": "failure", "result": "no"}))
    answer.tool_finished(first.model_copy(update={"status": "success", "result": {"task": {"title": "milk"}}}))
    assert [(task["title"], task["status_indicator"], task["icon"]) for task in recorder.viewer.tasks()] == [
        ("Added task “milk”", "complete", "check-circle-filled"),
        ("Adding task “milk”", "complete", "info"),
    ]
    assert types(recorder).count("thread.item.added") == 1


def test_calls_go_from_the_workflow_to_the_message_that_follows_them() -> None:
    answer, _ = transcript()
    running = call("c1", title="milk")
    answer.tool_started(running)
    (workflow,) = answer.take_items()
    assert [saved.call_id for saved in workflow.tool_calls] == ["c1"]
    answer.tool_finished(running.model_copy(update={"status": "success"}))
    answer.begin_response()
    for event in message(["Done."]):
        answer.on_model_event(event)
    stored = answer.end()
    assert [(item.type, len(item.tool_calls)) for item in stored] == [("workflow", 0), ("assistant_message", 1)]
    assert stored[0].message_id == workflow.message_id
    assert stored[1].tool_calls[0].status == "success"


def test_without_a_message_after_them_calls_stay_with_the_workflow() -> None:
    answer, _ = transcript()
    answer.tool_started(call("c1", title="milk"))
    (stored,) = answer.end()
    assert (stored.type, stored.tool_calls[0].status) == ("workflow", "interrupted")


def test_an_answer_that_is_cut_keeps_its_text_and_marks_what_ran() -> None:
    answer, recorder = transcript()
    answer.begin_response()
    for event in message(["half", " a", " sentence"])[:4]:
        answer.on_model_event(event)
    assert answer.unsaved_texts() == ["half a"]
    (saved,) = answer.end()
    assert saved.content == "half a" == recorder.viewer.stored_texts()[0]
    assert types(recorder)[-1] == "thread.item.done"


def test_a_second_attempt_goes_on_with_the_stored_workflow() -> None:
    answer, recorder = transcript()
    first, second = call("c1", title="a"), call("c2", title="b")
    answer.tool_started(first)
    answer.tool_started(second)
    (saved,) = answer.take_items()
    view = ItemView(**saved.model_dump(), conversation_id="conv_1", position=1, created_at=NOW)
    later, seen = transcript()
    later.adopt((view,))
    later.tool_started(second)
    later.tool_finished(second.model_copy(update={"status": "success"}))
    assert types(seen) == ["thread.item.replaced", "workflow.task.updated"]
    assert seen.events[1]["update"]["task_index"] == 1
    assert seen.events[0]["item"]["id"] == next(iter(recorder.viewer.items))


def test_thoughts_are_shown_and_end_where_the_answer_begins() -> None:
    answer, recorder = transcript()
    answer.begin_response()
    answer.on_model_event(summary_delta("Let me "))
    answer.on_model_event(
        SimpleNamespace(
            type="response.reasoning_summary_text.done", output_index=0, summary_index=0, text="Let me see."
        )
    )
    for event in message(["Yes."]):
        answer.on_model_event(event)
    stored = answer.end()
    assert [item.type for item in stored] == ["workflow", "assistant_message"]
    assert recorder.viewer.tasks()[0]["content"] == "Let me see."


def test_a_thought_after_a_tool_call_is_shown_where_it_happened() -> None:
    answer, recorder = transcript()
    done = call("c1", title="milk").model_copy(update={"status": "success"})
    answer.begin_response()
    answer.on_model_event(reasoning_delta("First, the list."))
    answer.tool_started(call("c1", title="milk"))
    first_checkpoint = answer.take_items()
    answer.tool_finished(done)
    answer.begin_response()
    answer.on_model_event(reasoning_delta("Now the answer."))
    for event in message(["Yes."]):
        answer.on_model_event(event)
    stored = {item.message_id: item for item in (*first_checkpoint, *answer.end())}
    assert [item.item["workflow"]["type"] for item in first_checkpoint] == ["reasoning", "custom"]  # type: ignore[index]
    assert [item.type for item in stored.values()] == ["workflow", "workflow", "workflow", "assistant_message"]
    assert [item.item for item in stored.values()] == list(recorder.viewer.items.values())
    assert [task["content"] for task in recorder.viewer.tasks()][::2] == ["First, the list.", "Now the answer."]
    assert [item.tool_calls for item in stored.values()] == [(), (), (), (done,)]


def test_a_thought_that_grows_is_shown_live_and_its_bytes_stay_bounded() -> None:
    answer, recorder = transcript()
    answer.begin_response()
    words = [f"word{number} " for number in range(5_000)]
    for at, word in enumerate(words):
        answer.on_model_event(reasoning_delta(word))
        whole = sum(len(one) for one in words[: at + 1])
        assert len(recorder.viewer.tasks()[0]["content"]) >= whole * 0.94 - 24
    sent = sum(len(str(event)) for event in recorder.events)
    (saved,) = answer.end()
    assert recorder.viewer.tasks() == [{"type": "thought", "content": "".join(words), "status_indicator": "complete"}]
    assert saved.item == next(iter(recorder.viewer.items.values()))
    assert sent < 25 * len("".join(words))


def test_a_thought_that_comes_whole_or_twice_is_shown_once() -> None:
    answer, recorder = transcript()
    answer.begin_response()
    part = SimpleNamespace(text="All at once.")
    for item in (SimpleNamespace(type="reasoning", summary=[part], content=None),) * 2:
        answer.on_model_event(SimpleNamespace(type="response.output_item.done", output_index=0, item=item))
    answer.on_model_event(SimpleNamespace(type="response.output_item.done", output_index=1, item=EMPTY_THOUGHT))
    for event in message(["Yes."]):
        answer.on_model_event(event)
    assert [item.type for item in answer.end()] == ["workflow", "assistant_message"]
    assert [task["content"] for task in recorder.viewer.tasks()] == ["All at once."]


EMPTY_THOUGHT = SimpleNamespace(type="reasoning", summary=[], content=None)


def test_a_message_that_was_not_streamed_is_shown_all_the_same() -> None:
    answer, recorder = transcript()
    answer.begin_response()
    answer.on_model_event(message(["whole message"])[-1])
    assert recorder.viewer.texts() == ["whole message"]
    assert answer.end()[0].content == "whole message"


def test_citations_become_annotations_and_others_are_left_out() -> None:
    answer, recorder = transcript()
    answer.begin_response()
    events = message(["See."])
    for event in events[:3]:
        answer.on_model_event(event)
    for annotation in (
        {"type": "url_citation", "url": "https://example.org", "title": "Example", "start_index": 0, "end_index": 3},
        {"type": "container_file_citation", "file_id": "f"},
        {"type": "file_citation", "filename": "a.txt", "index": 2, "file_id": "f"},
    ):
        answer.on_model_event(
            SimpleNamespace(
                type="response.output_text.annotation.added", output_index=0, content_index=0, annotation=annotation
            )
        )
    for event in events[3:]:
        answer.on_model_event(event)
    item: Any = answer.end()[0].item
    assert [note["source"]["type"] for note in item["content"][0]["annotations"]] == ["url", "file"]
    ITEMS.validate_python(item)
    assert types(recorder).count("assistant_message.content_part.annotation_added") == 2


def test_text_that_cannot_be_stored_is_cleaned_before_it_is_shown() -> None:
    answer, recorder = transcript()
    answer.begin_response()
    for event in message(["a\x00b", "\x00", "\ud800"])[:5]:
        answer.on_model_event(event)
    (saved,) = answer.end()
    assert saved.content == "ab?" == recorder.viewer.texts()[0]


def test_what_a_tool_returns_is_bounded_and_cannot_leave_its_fence() -> None:
    task = tool_task(
        ToolCallView(call_id="c", name="some_tool", status="success", arguments={}, result="```" + "x" * 10_000)
    )
    assert task["title"] == "Some tool"
    assert len(task["content"]) < 3_000
    assert task["content"].count("```") == 4


def test_a_tools_result_is_told_for_people_and_word_for_word_behind_a_rule() -> None:
    tasks: list[Any] = [
        {
            "task_id": f"t{n}",
            "title": f"buy | milk {n}",
            "completed": n == 0,
            "note": "",
            "created_at": "",
            "tags": ["a"],
        }
        for n in range(12)
    ]
    call = ToolCallView(call_id="c", name="list_tasks", status="success", arguments={}, result={"tasks": tasks})
    told, exact = tool_task(call)["content"].split("\n\n---\n\n")
    assert told.splitlines()[:3] == [
        "| Title | Completed |",
        "| --- | --- |",
        r"| buy \| milk 0 | yes |",
    ]
    assert told.endswith("… and 2 more")
    assert exact.startswith("**Input**\n\n```json\n{}\n```\n\n**Output**\n\n```json\n{")
    words = call.model_copy(update={"result": ["one", "two `x`"]})
    assert tool_task(words)["content"].startswith("- one\n- two \\`x\\`\n\n---\n\n")
    plain = call.model_copy(update={"result": "done", "status": "running"})
    assert tool_task(plain)["content"] == "---\n\n**Input**\n\n```json\n{}\n```"


def test_a_title_is_told_as_the_whole_thread() -> None:
    view = ConversationView(conversation_id="conv_1", created_at=NOW, updated_at=NOW, metadata={"a": 1})
    event = EVENTS.validate_python(events.thread_updated(view, title="Groceries"))
    assert (event.thread.title, event.thread.id) == ("Groceries", "conv_1")
    assert event.thread.metadata == {"a": 1, "assistant_id": "todo"}


def test_what_was_said_can_be_withdrawn_and_what_tools_did_stays() -> None:
    answer, recorder = transcript()
    for event in message(["Let me ", "see."]):
        answer.on_model_event(event)
    answer.tool_started(call("c1", title="milk"))
    saved = {item.message_id for item in answer.take_items() if item.type == "assistant_message"}
    answer.tool_finished(call("c1", title="milk").model_copy(update={"status": "success"}))
    answer.begin_response()
    for event in message(["Something", " bad"])[:-1]:
        answer.on_model_event(event)
    withdrawn = answer.withdraw()
    assert saved < set(withdrawn)
    answer.say("I may not say that.")
    assert [item.type for item in answer.end()] == ["workflow", "assistant_message"]
    assert [item["type"] for item in recorder.viewer.items.values()] == ["workflow", "assistant_message"]
    assert recorder.viewer.texts() == ["I may not say that."]


def test_a_mistake_in_an_assistants_words_costs_the_words_alone() -> None:
    words = {"pay": ToolWords("Paying", "Paid", lambda arguments, _result: arguments["missing"])}
    task = tool_task(ToolCallView(call_id="c", name="pay", arguments={}, status="success"), words=words)
    assert task["title"] == "Paid"


def test_how_long_calls_and_thoughts_took_is_stored_for_every_viewer() -> None:
    recorder, times = Recorder(), iter(NOW + timedelta(seconds=second) for second in (0, 2.9, 3, 10))
    shown = Transcript(recorder, "conv_1", clock=lambda: next(times))
    shown.on_model_event(summary_delta("So."))
    shown.tool_started(call("c_1"))  # ends the thoughts
    shown.tool_finished(call("c_1", status="success"))
    assert seconds_of([*recorder.viewer.items.values()][-1]) is None
    thoughts, calls = shown.end()
    assert [seconds_of(item.item) for item in (thoughts, calls)] == [2, 7]
    assert [seconds_of(item) for item in recorder.viewer.items.values()] == [2, 7]


URL: dict[str, Any] = {"type": "annotation", "source": {"type": "url", "url": "https://a.invalid", "title": "A"}}


def test_a_source_is_named_by_the_next_message_also_after_a_takeover_and_not_by_what_replaces_it() -> None:
    first, _ = transcript()
    first.cite("msg_1", URL, "leaves")
    (hidden,) = first.take_items()
    assert hidden.type == "sdk_hidden_context", "nobody is shown it"
    second, recorder = transcript()
    second.adopt((ItemView(**hidden.model_dump(), conversation_id="conv_1", position=1, created_at=NOW),))
    second.say("Made of leaves.")
    message = [*recorder.viewer.items.values()][-1]
    assert message["content"][0]["annotations"] == [{**URL, "index": 14}]
    second.cite("msg_2", URL, None)
    second.withdraw()
    second.say("I must not say that.")
    message = [*recorder.viewer.items.values()][-1]
    assert message["content"][0]["annotations"] == []


def test_of_an_image_that_was_cut_short_the_last_preview_is_kept_and_one_without_goes() -> None:
    shown, recorder = transcript()
    image, other = shown.image_begun(), shown.image_begun()
    image.preview("data:image/png;base64,AA")
    items = shown.end()
    assert [item.item["image"] for item in items] == [{"id": image.item_id, "url": "data:image/png;base64,AA"}]
    assert other.item_id not in recorder.viewer.items
