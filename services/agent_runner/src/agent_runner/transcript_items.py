"""What an answer shows, item by item: each item publishes its changes, and says what is to be stored of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

from chatkit_protocol import events, items
from chatkit_protocol.items import Json
from contracts.commands import ItemToSave
from contracts.replies import ToolAttachment, ToolCallView

from agent_runner.citations import Cited
from agent_runner.publisher import Publisher
from agent_runner.tool_tasks import NO_WORDS, Words, tool_task

GROWTH_CHARACTERS_MIN = 24
GROWTH_PARTS = 20


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

    def _publish(self, event: Json) -> None:
        self.publisher.event(event)

    def _seconds_until(self, now: datetime) -> int:
        return max(0, int((now - self.created_at).total_seconds()))


@dataclass
class ShownMessage(ShownItem):
    """An assistant message."""

    parts: dict[int, _Part] = field(default_factory=dict[int, _Part])

    def begin(self) -> None:
        self._publish(events.item_added(self._item([])))

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
        self._publish(events.annotation_added(self.item_id, content_index, len(annotations), annotation))
        annotations.append(annotation)

    def cite(self, cited: Cited) -> None:
        """Show a source that the assistant's code names, where its words are; of a message without words none."""
        if not self.parts:
            return
        content_index, annotation = cited.placed({index: part.text for index, part in sorted(self.parts.items())})
        annotations = self.parts[content_index].annotations
        self._publish(events.annotation_added(self.item_id, content_index, len(annotations), annotation))
        annotations.append(annotation)

    @property
    def text(self) -> str:
        return "".join(part.text for _, part in sorted(self.parts.items()))

    def end(self, tool_calls: tuple[ToolCallView, ...]) -> ItemToSave:
        """End it; ``tool_calls`` are those that came before it."""
        content = [items.output_text(part.text, part.annotations) for _, part in sorted(self.parts.items())]
        for content_index, part in zip(sorted(self.parts), content, strict=True):
            self._publish(events.part_done(self.item_id, content_index, part))
        item = self._item(content)
        self._publish(events.item_done(item))
        return ItemToSave(
            message_id=self.item_id, type="assistant_message", content=self.text, tool_calls=tool_calls, item=item
        )

    def _open_part(self, content_index: int) -> _Part:
        part = self.parts[content_index] = _Part()
        self._publish(events.part_added(self.item_id, content_index, items.output_text("")))
        return part

    def _item(self, content: list[Json]) -> Json:
        return items.assistant_message(self.item_id, self.conversation_id, self.created_at, content)


@dataclass
class ShownWorkflow(ShownItem):
    """Consecutive tool calls, each a task."""

    calls: list[ToolCallView] = field(default_factory=list[ToolCallView])
    words: Words = field(default_factory=lambda: NO_WORDS)
    seconds: int | None = None
    """What it took, once it is over: stored, so that every viewer is shown the same."""

    def begin(self) -> None:
        self._publish(events.item_added(self._item()))

    def go_on(self) -> None:
        """Show what an earlier attempt stored, as it stands, and go on with it."""
        self.seconds = None
        self._publish(events.item_replaced(self._item()))

    def start(self, call: ToolCallView) -> None:
        """Show a call as running; one that is shown already (by an earlier attempt) is not shown twice."""
        if any(known.call_id == call.call_id for known in self.calls):
            return
        self.calls.append(call)
        self._publish(events.task_changed(self.item_id, "added", len(self.calls) - 1, self._task(call)))

    def note(self, call_id: str, note: str) -> None:
        """Show how a running call stands. It is for those who watch: what is stored has no notes."""
        for task_index, known in enumerate(self.calls):
            if known.call_id == call_id and known.status == "running":
                self._publish(events.task_changed(self.item_id, "updated", task_index, self._task(known, note)))

    def link(self, call_id: str, title: str, url: str) -> None:
        """Show that a running call waits for its user, and where they go on. It is gone when the call ends."""
        for task_index, known in enumerate(self.calls):
            if known.call_id == call_id and known.status == "running":
                link = ToolAttachment(type="link", title=title, url=url)
                self.calls[task_index] = known.model_copy(update={"links": (link,)})
        self.note(call_id, title)

    def finish(self, call: ToolCallView) -> None:
        """Show the end of a call: success, failure, interrupted or unknown."""
        for task_index, known in enumerate(self.calls):
            if known.call_id == call.call_id:
                self.calls[task_index] = call
                self._publish(events.task_changed(self.item_id, "updated", task_index, self._task(call)))
                return

    @property
    def running_calls(self) -> list[ToolCallView]:
        return [call for call in self.calls if call.status == "running"]

    def end(self, now: datetime) -> None:
        self.seconds = self._seconds_until(now)
        self._publish(events.item_done(self._item()))

    def to_save(self) -> ItemToSave:
        return ItemToSave(message_id=self.item_id, type="workflow", tool_calls=tuple(self.calls), item=self._item())

    def _task(self, call: ToolCallView, note: str = "") -> Json:
        return tool_task(call, note, self.words)

    def _item(self) -> Json:
        tasks = [self._task(call) for call in self.calls]
        return items.workflow(
            self.item_id, self.conversation_id, self.created_at, "custom", tasks, seconds=self.seconds
        )


class ThoughtKey(NamedTuple):
    """Which part of a model's answer a thought is: one of a reasoning item's ``summary`` or ``content``."""

    output_index: int
    kind: str
    part_index: int


@dataclass
class _Thought:
    parts: list[str] = field(default_factory=list[str])
    characters: int = 0
    characters_shown: int = 0
    is_complete: bool = False

    def append(self, delta: str) -> None:
        self.parts.append(delta)
        self.characters += len(delta)

    @property
    def text(self) -> str:
        return "".join(self.parts)


@dataclass
class ShownImage(ShownItem):
    """A picture that a tool returned, or a model draws. ``url``: its last preview."""

    url: str | None = None

    def begin(self) -> None:
        self._publish(
            events.item_added(self._item(None))
        )  # without previews one event has its bytes: the one that ends it

    def preview(self, url: str) -> None:
        self.url = url
        self._publish(events.image_changed(self.item_id, url))

    def end(self, image: Json) -> ItemToSave:
        """Show it whole, and say what is to be stored."""
        item = self._item(image)
        self._publish(events.item_done(item))
        return ItemToSave(message_id=self.item_id, type="generated_image", item=item)

    def _item(self, image: Json | None) -> Json:
        return items.generated_image(self.item_id, self.conversation_id, self.created_at, image)


@dataclass
class ShownThoughts(ShownItem):
    """What a model thinks before it goes on, each thought a task: a summary, or its reasoning as it is.

    ChatKit has no delta for a task's text: each change carries the whole. So a long thought is shown anew only when it
    has grown by a twentieth, which keeps what goes over the wire within about twenty times the text.
    """

    thoughts: dict[ThoughtKey, _Thought] = field(default_factory=dict[ThoughtKey, _Thought])

    def begin(self) -> None:
        self._publish(events.item_added(self._item()))

    def append(self, key: ThoughtKey, delta: str) -> None:
        thought = self.thoughts.get(key)
        if thought is None:
            thought = self.thoughts[key] = _Thought()
            thought.append(delta)
            self._show("added", key)
            return
        thought.append(delta)
        grown = thought.characters - thought.characters_shown
        if grown >= max(GROWTH_CHARACTERS_MIN, thought.characters // GROWTH_PARTS):
            self._show("updated", key)

    def complete(self, key: ThoughtKey, text: str) -> None:
        """A thought is whole: ``text``, where that goes on what is shown here."""
        thought = self.thoughts.get(key)
        if thought is not None and not thought.is_complete:
            if text.startswith(thought.text):
                thought.parts = [text]
            thought.is_complete = True
            self._show("updated", key)

    def end(self, now: datetime) -> ItemToSave:
        item = self._item(seconds=self._seconds_until(now))
        self._publish(events.item_done(item))
        return ItemToSave(message_id=self.item_id, type="workflow", item=item)

    def _show(self, kind: Literal["added", "updated"], key: ThoughtKey) -> None:
        thought = self.thoughts[key]
        thought.characters_shown = thought.characters
        task = items.thought(thought.text, is_complete=thought.is_complete)
        self._publish(events.task_changed(self.item_id, kind, list(self.thoughts).index(key), task))

    def _item(self, *, seconds: int | None = None) -> Json:
        """The item; ``seconds``: it is over, and took so long."""
        tasks = [
            items.thought(thought.text, is_complete=seconds is not None or thought.is_complete)
            for thought in self.thoughts.values()
        ]
        return items.workflow(self.item_id, self.conversation_id, self.created_at, "reasoning", tasks, seconds=seconds)


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
