"""What an answer shows, item by item: each item publishes its changes, and says what is to be stored of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from contracts.commands import ItemToSave
from contracts.replies import ToolCallView

from agent_runner import chatkit_events as chatkit
from agent_runner.chatkit_events import Json
from agent_runner.publisher import Publisher


@dataclass
class _Part:
    """A content part of a message: its text so far. Strings are joined once, at the end."""

    deltas: list[str] = field(default_factory=list[str])
    annotations: list[Json] = field(default_factory=list[Json])

    @property
    def text(self) -> str:
        return "".join(self.deltas)


@dataclass
class ShownItem:
    """An item of a conversation while it is being written."""

    publisher: Publisher
    conversation_id: str
    item_id: str
    created_at: datetime

    def _publish(self, kind: str, item: Json) -> None:
        self.publisher.event(chatkit.item_event(kind, item))

    def _update(self, update: Json) -> None:
        self.publisher.event(chatkit.item_updated(self.item_id, update))

    def _publish_task(self, kind: str, task_index: int, task: Json) -> None:
        self._update({"type": f"workflow.task.{kind}", "task_index": task_index, "task": task})


@dataclass
class ShownMessage(ShownItem):
    """An assistant message."""

    parts: dict[int, _Part] = field(default_factory=dict[int, _Part])

    def begin(self) -> None:
        self._publish("added", self._item([]))

    def restore(self, content: list[Json]) -> None:
        """Take over what is shown already."""
        self.parts = {index: _Part([part["text"]], part["annotations"]) for index, part in enumerate(content)}

    def append(self, content_index: int, delta: str) -> None:
        part = self.parts.get(content_index) or self._open_part(content_index)
        if delta:
            part.deltas.append(delta)
            self.publisher.text_delta(self.item_id, content_index, delta)

    def annotate(self, content_index: int, raw: Any) -> None:
        """Show a citation of the Responses API; one that names no source, or belongs to no part, is left out."""
        annotation = _annotation(raw)
        if annotation is None or content_index not in self.parts:
            return
        annotations = self.parts[content_index].annotations
        update: Json = {
            "type": "assistant_message.content_part.annotation_added",
            "content_index": content_index,
            "annotation_index": len(annotations),
            "annotation": annotation,
        }
        annotations.append(annotation)
        self._update(update)

    @property
    def text(self) -> str:
        return "".join(part.text for _, part in sorted(self.parts.items()))

    def end(self, tool_calls: tuple[ToolCallView, ...]) -> ItemToSave:
        """End it; ``tool_calls`` are those that came before it."""
        content = [chatkit.output_text(part.text, part.annotations) for _, part in sorted(self.parts.items())]
        for content_index, part in zip(sorted(self.parts), content, strict=True):
            self._update(
                {"type": "assistant_message.content_part.done", "content_index": content_index, "content": part}
            )
        item = self._item(content)
        self._publish("done", item)
        return ItemToSave(
            message_id=self.item_id, type="assistant_message", content=self.text, tool_calls=tool_calls, item=item
        )

    def _open_part(self, content_index: int) -> _Part:
        part = self.parts[content_index] = _Part()
        self._update(
            {
                "type": "assistant_message.content_part.added",
                "content_index": content_index,
                "content": chatkit.output_text(""),
            }
        )
        return part

    def _item(self, content: list[Json]) -> Json:
        return chatkit.assistant_message(self.item_id, self.conversation_id, self.created_at, content)


@dataclass
class ShownWorkflow(ShownItem):
    """Consecutive tool calls, each a task."""

    calls: list[ToolCallView] = field(default_factory=list[ToolCallView])

    def begin(self) -> None:
        self._publish("added", self._item())

    def go_on(self) -> None:
        """Show what an earlier attempt stored, as it stands."""
        self._publish("replaced", self._item())

    def start(self, call: ToolCallView) -> None:
        """Show a call as running; one that is shown already (by an earlier attempt) is not shown twice."""
        if any(known.call_id == call.call_id for known in self.calls):
            return
        self.calls.append(call)
        self._publish_task("added", len(self.calls) - 1, chatkit.tool_task(call))

    def finish(self, call: ToolCallView) -> None:
        """Show the end of a call: success, failure or interrupted."""
        for task_index, known in enumerate(self.calls):
            if known.call_id == call.call_id:
                self.calls[task_index] = call
                self._publish_task("updated", task_index, chatkit.tool_task(call))
                return

    @property
    def running_calls(self) -> list[ToolCallView]:
        return [call for call in self.calls if call.status == "running"]

    def end(self) -> None:
        self._publish("done", self._item())

    def to_save(self) -> ItemToSave:
        return ItemToSave(message_id=self.item_id, type="workflow", tool_calls=tuple(self.calls), item=self._item())

    def _item(self) -> Json:
        tasks = [chatkit.tool_task(call) for call in self.calls]
        return chatkit.workflow(self.item_id, self.conversation_id, self.created_at, "custom", tasks)


@dataclass
class ShownThoughts(ShownItem):
    """Summaries of a model's reasoning, each a task."""

    texts: list[list[str]] = field(default_factory=list[list[str]])

    def begin(self) -> None:
        self._publish("added", self._item(is_complete=False))

    def append(self, summary_index: int, delta: str) -> None:
        while len(self.texts) <= summary_index:
            self.texts.append([])
            self._publish_thought("added", len(self.texts) - 1, is_complete=False)
        self.texts[summary_index].append(delta)

    def complete(self, summary_index: int, text: str) -> None:
        """A summary is whole."""
        if summary_index < len(self.texts):
            self.texts[summary_index] = [text]
            self._publish_thought("updated", summary_index, is_complete=True)

    def end(self) -> ItemToSave:
        item = self._item(is_complete=True)
        self._publish("done", item)
        return ItemToSave(message_id=self.item_id, type="workflow", item=item)

    def _publish_thought(self, kind: str, summary_index: int, *, is_complete: bool) -> None:
        text = "".join(self.texts[summary_index])
        self._publish_task(kind, summary_index, chatkit.thought(text, is_complete=is_complete))

    def _item(self, *, is_complete: bool) -> Json:
        tasks = [chatkit.thought("".join(text), is_complete=is_complete) for text in self.texts]
        return chatkit.workflow(self.item_id, self.conversation_id, self.created_at, "reasoning", tasks)


def _annotation(raw: Any) -> Json | None:
    """A citation of the Responses API as ChatKit's annotation; None where it names no source."""
    source = cast("Json", raw if isinstance(raw, dict) else raw.model_dump())
    if source.get("type") == "url_citation":
        shown: Json = {"type": "url", "url": source["url"], "title": source.get("title") or source["url"]}
        return {"type": "annotation", "source": shown, "index": source.get("end_index")}
    if source.get("filename"):
        shown = {"type": "file", "filename": source["filename"], "title": source["filename"]}
        return {"type": "annotation", "source": shown, "index": source.get("index") or source.get("end_index")}
    return None
