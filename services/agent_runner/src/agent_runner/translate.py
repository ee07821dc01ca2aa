"""Translates a model's answer (events of OpenAI's Responses API) and its tool calls into ChatKit's events and items."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from contracts.commands import ItemToSave
from contracts.ids import new_id, new_message_id
from contracts.replies import ItemView, ToolCallView
from contracts.text import storable

from agent_runner import chatkit_events as chatkit
from agent_runner.chatkit_events import Json
from agent_runner.publisher import Publisher

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def _no_texts() -> list[list[str]]:
    return []


@dataclass
class _Part:
    """A content part of an open message: its text so far. Strings are joined once, at the end."""

    deltas: list[str] = field(default_factory=list[str])
    annotations: list[Json] = field(default_factory=list[Json])

    @property
    def text(self) -> str:
        return "".join(self.deltas)


@dataclass
class _Message:
    message_id: str
    created_at: datetime
    parts: dict[int, _Part] = field(default_factory=dict[int, _Part])


@dataclass
class _Workflow:
    item_id: str
    created_at: datetime
    calls: list[ToolCallView]


@dataclass
class _Thoughts:
    item_id: str
    created_at: datetime
    texts: list[list[str]] = field(default_factory=_no_texts)


class AnswerTranslator:
    """The answer of one attempt. It owns the ids: those of providers may be absent, constant or repeated.

    A tool call is shown as a task of a workflow; consecutive calls share one, which ends where text begins. What is
    finished waits in ``take_items`` for the next checkpoint. Calls are kept with the workflow until the assistant
    message that follows them takes them over.
    """

    def __init__(self, publisher: Publisher, conversation_id: str, clock: Clock = utc_now) -> None:
        self._publisher = publisher
        self._conversation_id = conversation_id
        self._clock = clock
        self._messages: dict[int, _Message] = {}
        self._workflow: _Workflow | None = None
        self._thoughts: _Thoughts | None = None
        self._items: list[ItemToSave] = []
        self._adopted_calls: tuple[ToolCallView, ...] = ()

    # --- what an earlier attempt left --------------------------------------------------------------------

    def adopt(self, saved: tuple[ItemView, ...]) -> None:
        """Go on with the workflow that an earlier attempt stored and no message closed."""
        for view in saved:
            if view.type == "workflow" and view.tool_calls:
                self._workflow = _Workflow(view.message_id, view.created_at, list(view.tool_calls))
                self._publisher.event(chatkit.item_event("replaced", self._workflow_item(self._workflow)))

    def restore(self, item: Json) -> None:
        """Keep a message or thoughts that an earlier attempt showed and did not store: they end as they are."""
        if item["type"] == "workflow":
            self._publisher.event(chatkit.item_event("done", item))
            self._items.append(ItemToSave(message_id=item["id"], type="workflow", item=item))
            return
        self._close_workflow()
        parts = {at: _Part([part["text"]], part["annotations"]) for at, part in enumerate(item["content"])}
        created_at = datetime.fromisoformat(item["created_at"])
        self._messages[len(self._messages)] = _Message(item["id"], created_at, parts)

    # --- the model's events ------------------------------------------------------------------------------

    def begin_response(self) -> None:
        """A model call begins: output positions count anew."""
        self._messages.clear()

    def on_model_event(self, event: Any) -> None:
        """One event of ``openai.types.responses.ResponseStreamEvent``; what has no place in ChatKit is ignored."""
        handler = _HANDLERS.get(event.type)
        if handler is not None:
            handler(self, event)

    def on_text_delta(self, event: Any) -> None:
        self._append_text(event.output_index, event.content_index, event.delta)

    def on_item_added(self, event: Any) -> None:
        if event.item.type == "reasoning" and self._workflow is None and self._thoughts is None:
            self._thoughts = _Thoughts(new_id("wf"), self._clock())
            self._publisher.event(chatkit.item_event("added", self._thoughts_item(self._thoughts, is_complete=False)))

    def on_item_done(self, event: Any) -> None:
        if event.item.type == "message":
            self._show_unstreamed(event)
            message = self._messages.pop(event.output_index, None)
            if message is not None:
                self._close_message(message)
        elif event.item.type == "function_call":
            self._close_thoughts()

    def on_annotation(self, event: Any) -> None:
        message = self._messages.get(event.output_index)
        annotation = _annotation(event.annotation)
        if message is None or annotation is None or event.content_index not in message.parts:
            return
        annotations: list[Json] = message.parts[event.content_index].annotations
        update: Json = {
            "type": "assistant_message.content_part.annotation_added",
            "content_index": event.content_index,
            "annotation_index": len(annotations),
            "annotation": annotation,
        }
        annotations.append(annotation)
        self._publisher.event(chatkit.item_updated(message.message_id, update))

    def on_thought_delta(self, event: Any) -> None:
        thoughts = self._thoughts
        if thoughts is None:
            return
        while len(thoughts.texts) <= event.summary_index:
            words: list[str] = []
            thoughts.texts.append(words)
            self._publish_thought(thoughts, len(thoughts.texts) - 1, "added", is_complete=False)
        summary_index: int = event.summary_index
        thoughts.texts[summary_index].append(storable(event.delta))

    def on_thought_done(self, event: Any) -> None:
        if self._thoughts is not None and event.summary_index < len(self._thoughts.texts):
            self._thoughts.texts[event.summary_index] = [storable(event.text)]
            self._publish_thought(self._thoughts, event.summary_index, "updated", is_complete=True)

    # --- tool calls --------------------------------------------------------------------------------------

    def tool_started(self, call: ToolCallView) -> None:
        """Show a call as running; one that is shown already (by an earlier attempt) is not shown twice."""
        if self._workflow is None:
            self._close_thoughts()
            self._workflow = _Workflow(new_id("wf"), self._clock(), [])
            self._publisher.event(chatkit.item_event("added", self._workflow_item(self._workflow)))
        if any(known.call_id == call.call_id for known in self._workflow.calls):
            return
        self._workflow.calls.append(call)
        self._publish_task(self._workflow, len(self._workflow.calls) - 1, "added")

    def tool_finished(self, call: ToolCallView) -> None:
        """Show the end of a call: success, failure or interrupted."""
        if self._workflow is None:
            return
        for task_index, known in enumerate(self._workflow.calls):
            if known.call_id == call.call_id:
                self._workflow.calls[task_index] = call
                self._publish_task(self._workflow, task_index, "updated")
                return

    def running_calls(self) -> list[ToolCallView]:
        """The calls that are shown as running."""
        return [call for call in self._workflow.calls if call.status == "running"] if self._workflow else []

    # --- what is to be stored ----------------------------------------------------------------------------

    def take_items(self) -> tuple[ItemToSave, ...]:
        """The items since the last checkpoint, and the open workflow as it stands."""
        items = [*self._items]
        self._items.clear()
        if self._workflow is not None:
            items.append(self._workflow_to_save(self._workflow, self._workflow.calls))
        return tuple(items)

    def end(self) -> tuple[ItemToSave, ...]:
        """End the answer, finished or cut: open messages keep their text, calls that run are interrupted."""
        for output_index in sorted(self._messages):
            self._close_message(self._messages[output_index])
        self._messages.clear()
        self._close_thoughts()
        if self._workflow is not None:
            for call in self.running_calls():
                self.tool_finished(call.model_copy(update={"status": "interrupted"}))
            self._publisher.event(chatkit.item_event("done", self._workflow_item(self._workflow)))
        items = self.take_items()
        self._workflow = None
        return items

    def open_text(self) -> str:
        """The text of the message that is being written."""
        return "".join(part.text for message in self._messages.values() for _, part in sorted(message.parts.items()))

    # --- inside ------------------------------------------------------------------------------------------

    def _show_unstreamed(self, event: Any) -> None:
        """Some providers send a message whole, without deltas."""
        if event.output_index not in self._messages:
            for content_index, part in enumerate(event.item.content):
                text = getattr(part, "text", None) or getattr(part, "refusal", None)
                if text:
                    self._append_text(event.output_index, content_index, text)

    def _append_text(self, output_index: int, content_index: int, delta: str) -> None:
        message = self._messages.get(output_index)
        if message is None:
            message = self._open_message(output_index)
        part = message.parts.get(content_index)
        if part is None:
            part = self._open_part(message, content_index)
        if not delta.isascii() or "\x00" in delta:
            delta = storable(delta)
        if delta:
            part.deltas.append(delta)
            self._publisher.text_delta(message.message_id, content_index, delta)

    def _open_message(self, output_index: int) -> _Message:
        self._close_thoughts()
        self._close_workflow()
        message = self._messages[output_index] = _Message(new_message_id(), self._clock())
        item = chatkit.assistant_message(message.message_id, self._conversation_id, message.created_at, [])
        self._publisher.event(chatkit.item_event("added", item))
        return message

    def _open_part(self, message: _Message, content_index: int) -> _Part:
        part = message.parts[content_index] = _Part()
        update: Json = {
            "type": "assistant_message.content_part.added",
            "content_index": content_index,
            "content": chatkit.output_text(""),
        }
        self._publisher.event(chatkit.item_updated(message.message_id, update))
        return part

    def _close_message(self, message: _Message) -> None:
        content = [chatkit.output_text(part.text, part.annotations) for _, part in sorted(message.parts.items())]
        for content_index, part in zip(sorted(message.parts), content, strict=True):
            update: Json = {
                "type": "assistant_message.content_part.done",
                "content_index": content_index,
                "content": part,
            }
            self._publisher.event(chatkit.item_updated(message.message_id, update))
        item = chatkit.assistant_message(message.message_id, self._conversation_id, message.created_at, content)
        self._publisher.event(chatkit.item_event("done", item))
        calls, self._adopted_calls = self._adopted_calls, ()
        if calls:
            # They belong to the message now: the workflow is stored again without them, in the same transaction.
            self._items = [
                saved.model_copy(update={"tool_calls": ()}) if saved.tool_calls == calls else saved
                for saved in self._items
            ]
        text = "".join(part.text for _, part in sorted(message.parts.items()))
        self._items.append(
            ItemToSave(
                message_id=message.message_id, type="assistant_message", content=text, tool_calls=calls, item=item
            )
        )

    def _close_workflow(self) -> None:
        """A message begins: the calls before it belong to it."""
        if self._workflow is not None:
            self._publisher.event(chatkit.item_event("done", self._workflow_item(self._workflow)))
            self._adopted_calls = tuple(self._workflow.calls)
            self._items.append(self._workflow_to_save(self._workflow, self._workflow.calls))
            self._workflow = None

    def _close_thoughts(self) -> None:
        thoughts, self._thoughts = self._thoughts, None
        if thoughts is None:
            return
        item = self._thoughts_item(thoughts, is_complete=True)
        self._publisher.event(chatkit.item_event("done", item))
        self._items.append(ItemToSave(message_id=thoughts.item_id, type="workflow", item=item))

    def _publish_task(self, workflow: _Workflow, task_index: int, kind: str) -> None:
        task = chatkit.tool_task(workflow.calls[task_index])
        update: Json = {"type": f"workflow.task.{kind}", "task_index": task_index, "task": task}
        self._publisher.event(chatkit.item_updated(workflow.item_id, update))

    def _publish_thought(self, thoughts: _Thoughts, task_index: int, kind: str, *, is_complete: bool) -> None:
        task = chatkit.thought("".join(thoughts.texts[task_index]), is_complete=is_complete)
        update: Json = {"type": f"workflow.task.{kind}", "task_index": task_index, "task": task}
        self._publisher.event(chatkit.item_updated(thoughts.item_id, update))

    def _workflow_item(self, workflow: _Workflow) -> Json:
        tasks = [chatkit.tool_task(call) for call in workflow.calls]
        return chatkit.workflow(workflow.item_id, self._conversation_id, workflow.created_at, "custom", tasks)

    def _thoughts_item(self, thoughts: _Thoughts, *, is_complete: bool) -> Json:
        tasks = [chatkit.thought("".join(text), is_complete=is_complete) for text in thoughts.texts]
        return chatkit.workflow(thoughts.item_id, self._conversation_id, thoughts.created_at, "reasoning", tasks)

    def _workflow_to_save(self, workflow: _Workflow, calls: list[ToolCallView]) -> ItemToSave:
        return ItemToSave(
            message_id=workflow.item_id, type="workflow", tool_calls=tuple(calls), item=self._workflow_item(workflow)
        )


def _annotation(raw: Any) -> Json | None:
    """A citation of the Responses API as ChatKit's annotation; one that names no source is left out."""
    source = cast("Json", raw if isinstance(raw, dict) else raw.model_dump())
    if source.get("type") == "url_citation":
        shown: Json = {"type": "url", "url": source["url"], "title": source.get("title") or source["url"]}
        return {"type": "annotation", "source": shown, "index": source.get("end_index")}
    if source.get("filename"):
        shown = {"type": "file", "filename": source["filename"], "title": source["filename"]}
        return {"type": "annotation", "source": shown, "index": source.get("index") or source.get("end_index")}
    return None


_HANDLERS: dict[str, Callable[[AnswerTranslator, Any], None]] = {
    "response.output_text.delta": AnswerTranslator.on_text_delta,
    "response.refusal.delta": AnswerTranslator.on_text_delta,
    "response.output_item.added": AnswerTranslator.on_item_added,
    "response.output_item.done": AnswerTranslator.on_item_done,
    "response.output_text.annotation.added": AnswerTranslator.on_annotation,
    "response.reasoning_summary_text.delta": AnswerTranslator.on_thought_delta,
    "response.reasoning_summary_text.done": AnswerTranslator.on_thought_done,
}
