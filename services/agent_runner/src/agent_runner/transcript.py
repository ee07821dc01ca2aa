"""What is shown and stored of an answer: model events (OpenAI's Responses API) and tool calls as ChatKit's items."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from chatkit_protocol import events
from chatkit_protocol.items import Json
from chatkit_protocol.reducer import Shown
from contracts.commands import ItemToSave
from contracts.ids import MessageId, new_id, new_message_id
from contracts.replies import ItemView, ToolAttachment, ToolCallView
from contracts.text import storable

from agent_runner import rules
from agent_runner.citations import Citations
from agent_runner.pictures import image_of
from agent_runner.publisher import Publisher
from agent_runner.tool_tasks import NO_WORDS, Words
from agent_runner.transcript_items import ShownImage, ShownMessage, ShownThoughts, ShownWorkflow, ThoughtKey

Clock = Callable[[], datetime]
SAID_POSITION = -1
"""Where a message that no model wrote stands among the outputs of a model's response."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Transcript:
    """The answer of one attempt. It owns the ids: those of providers may be absent, constant or repeated.

    A tool call is shown as a task of a workflow; consecutive calls share one, which ends where text or thoughts begin.
    Thoughts have workflows of their own, because a viewer folds those away. What is finished waits in ``take_items``
    for the next checkpoint. Calls are kept with their workflow until the assistant message that follows them takes
    them over.
    """

    def __init__(
        self, publisher: Publisher, conversation_id: str, clock: Clock = utc_now, *, words: Words = NO_WORDS
    ) -> None:
        self._publisher = publisher
        self._conversation_id = conversation_id
        self._clock = clock
        self._words = words
        self._said: set[str] = set()
        """The messages, thoughts and images that are stored, or will be."""
        self._messages: dict[int, ShownMessage] = {}
        self._workflow: ShownWorkflow | None = None
        self._thoughts: ShownThoughts | None = None
        self._thoughts_streamed: set[ThoughtKey] = set()
        self._closed: list[ShownWorkflow] = []
        """Workflows whose calls wait for a message."""
        self._items: list[ItemToSave] = []
        self._citations = Citations()
        self._images: dict[MessageId, ShownImage] = {}
        """Those on their way."""
        self._seen: list[Json] = []
        """What an earlier attempt showed and did not store, a message last: the model may go on with that."""
        self._gap = ""
        """The blanks at its end, which the model was not given."""

    # --- what an earlier attempt left --------------------------------------------------------------------

    def take_over(
        self, shown: Shown, saved: tuple[ItemView, ...], *, keeps_unsaved: bool, may_go_on: bool = False
    ) -> None:
        """Make what viewers see (``shown``) what is stored (``saved``), before this attempt adds to it.

        What no checkpoint holds is withdrawn, for it will be written anew. A run that is to stop writes nothing more,
        and ``keeps_unsaved``: its text, thoughts and images are kept as they were seen, and stored with its end. A tool
        call that no checkpoint holds was never begun, so it is withdrawn in either case. ``may_go_on``: a text that
        broke off stays, until it is known whether the model goes on with it (`begun_text`).
        """
        saved_ids = {item.message_id for item in saved}
        unsaved = [item for item in shown.whole_items() if item["id"] not in saved_ids | shown.earlier]
        if may_go_on and not keeps_unsaved and ends_in_text(unsaved):
            self.adopt(saved)
            self._seen = unsaved
            return
        kept = [item for item in unsaved if keeps_unsaved and is_kept(item)]
        for item in unsaved:
            if item not in kept:
                self._publisher.event(events.item_removed(item["id"]))
        self.adopt(saved)
        for item in kept:
            self.restore(item)

    def adopt(self, saved: tuple[ItemView, ...]) -> None:
        """Go on with the workflow that an earlier attempt stored last; no message has taken over its calls yet."""
        for view in saved:
            if view.type == "workflow" and view.tool_calls:
                if self._workflow is not None:
                    self._closed.append(self._workflow)
                self._workflow = ShownWorkflow(
                    self._publisher,
                    self._conversation_id,
                    view.message_id,
                    view.created_at,
                    list(view.tool_calls),
                    self._words,
                    seconds_of(view.item),
                )
            elif is_said(view.item):
                self._said.add(view.message_id)
            self._citations.adopt(view)
        if self._workflow is not None:
            self._workflow.go_on()

    def restore(self, item: Json) -> None:
        """Keep what an earlier attempt showed and did not store, a message, thoughts or an image: it ends as it is."""
        if item["type"] != "assistant_message":
            item = ended(item)
            self._publisher.event(events.item_done(item))
            self._keep(ItemToSave(message_id=item["id"], type=item["type"], item=item))
            return
        self._restore_message(len(self._messages), item)

    def _restore_message(self, output_index: int, item: Json) -> ShownMessage:
        self._close_workflow()
        created_at = datetime.fromisoformat(item["created_at"])
        message = ShownMessage(self._publisher, self._conversation_id, item["id"], created_at)
        message.restore(item["content"])
        self._messages[output_index] = message
        return message

    @property
    def begun_text(self) -> str:
        """The text that an earlier attempt broke off in, while nothing has been added to it; "" where there is none."""
        return text_of(self._seen[-1]) if self._seen else ""

    def withdraw_begun(self) -> None:
        """The model does not go on with it: it will be written anew."""
        seen, self._seen = self._seen, []
        for item in seen:
            self._publisher.event(events.item_removed(item["id"]))

    def _go_on(self, output_index: int) -> ShownMessage:
        """The text that broke off is the beginning of this answer. It is told once more: a viewer may have put it aside
        when it heard that the run starts again."""
        self._gap = rules.blanks_at_end(self.begun_text)
        (*thoughts, begun), self._seen = self._seen, []
        for item in thoughts:
            self.restore(item)
        self._publisher.event(events.item_replaced(begun))
        return self._restore_message(output_index, begun)

    def _end_begun(self) -> None:
        """Nothing is added to the text that broke off: it ends as it was seen."""
        if self._seen:
            self._close_message(self._go_on(SAID_POSITION))
            del self._messages[SAID_POSITION]

    # --- the model's events ------------------------------------------------------------------------------

    def begin_response(self) -> None:
        """A model call begins: output positions count anew."""
        self._messages.clear()
        self._thoughts_streamed.clear()

    def on_model_event(self, event: Any) -> None:
        """One event of ``openai.types.responses.ResponseStreamEvent``; what has no place in ChatKit is ignored."""
        handler = _HANDLERS.get(event.type)
        if handler is not None:
            handler(self, event)

    def on_text_delta(self, event: Any) -> None:
        self._append_text(event.output_index, event.content_index or 0, event.delta)  # LiteLLM leaves out zeros

    def on_item_done(self, event: Any) -> None:
        if event.item.type == "message":
            self._show_unstreamed(event)
            message = self._messages.pop(event.output_index, None)
            if message is not None:
                self._close_message(message)
        elif event.item.type == "reasoning":
            self._show_unstreamed_thoughts(event)

    def on_annotation(self, event: Any) -> None:
        message = self._messages.get(event.output_index)
        if message is not None:
            message.annotate(event.content_index, event.annotation)

    def on_summary_delta(self, event: Any) -> None:
        self._append_thought(ThoughtKey(event.output_index, "summary", event.summary_index or 0), event.delta)

    def on_summary_done(self, event: Any) -> None:
        self._complete_thought(ThoughtKey(event.output_index, "summary", event.summary_index or 0), event.text)

    def on_reasoning_delta(self, event: Any) -> None:
        self._append_thought(ThoughtKey(event.output_index, "content", event.content_index or 0), event.delta)

    def on_reasoning_done(self, event: Any) -> None:
        self._complete_thought(ThoughtKey(event.output_index, "content", event.content_index or 0), event.text)

    # --- tool calls --------------------------------------------------------------------------------------

    def tool_started(self, call: ToolCallView) -> None:
        """Show a call as running; one that is shown already (by an earlier attempt) is not shown twice."""
        self._end_begun()
        self._close_thoughts()
        if self._workflow is None:
            self._workflow = ShownWorkflow(
                self._publisher, self._conversation_id, new_id("wf"), self._clock(), words=self._words
            )
            self._workflow.begin()
        self._workflow.start(call)

    def tool_noted(self, call_id: str, note: str) -> None:
        """Say beside a running call how it stands: its progress, or what it waits for."""
        if self._workflow is not None:
            self._workflow.note(call_id, note)

    def consent_asked(self, call_id: str, title: str, url: str) -> None:
        """Say beside a running call that it waits for the user, with the link to the page that asks them."""
        if self._workflow is not None:
            self._workflow.link(call_id, title, url)

    def tool_finished(self, call: ToolCallView) -> None:
        """Show the end of a call: success, failure or interrupted."""
        if self._workflow is not None:
            self._workflow.finish(call)

    def image_begun(self) -> ShownImage:
        """Show that an image is on its way, of which there may be previews."""
        image = ShownImage(self._publisher, self._conversation_id, new_message_id(), self._clock())
        image.begin()
        self._images[image.item_id] = image
        return image

    def image_shown(self, picture: ToolAttachment, begun: ShownImage | None = None) -> None:
        """Show a picture that a tool returned, or a model has drawn, as an item of its own."""
        image = begun or self.image_begun()
        del self._images[image.item_id]
        self._keep_workflow()  # before its picture, as viewers see it
        self._keep(image.end(image_of(picture, image.item_id)))

    def image_dropped(self, begun: ShownImage) -> None:
        """An image that was on its way does not come."""
        del self._images[begun.item_id]
        self._publisher.event(events.item_removed(begun.item_id))

    def running_calls(self) -> list[ToolCallView]:
        """The calls that are shown as running."""
        return self._workflow.running_calls if self._workflow else []

    def say(self, text: str) -> None:
        """Show a message that no model wrote."""
        message = self._open_message(SAID_POSITION)
        message.append(0, storable(text))
        self._close_message(self._messages.pop(SAID_POSITION))

    def withdraw(self) -> tuple[MessageId, ...]:
        """Take back all that was said, thought and drawn; what tools did stays. Returns the ids, some not stored."""
        self.withdraw_begun()
        withdrawn = [*self._said, *(message.item_id for message in self._messages.values())]
        if self._thoughts is not None:
            withdrawn.append(self._thoughts.item_id)
        for item_id in withdrawn:
            self._publisher.event(events.item_removed(item_id))
        self._items = [item for item in self._items if item.message_id not in self._said]
        self._messages.clear()
        self._citations.take()  # they were for words that nobody is shown
        self._said.clear()
        self._thoughts = None
        return tuple(withdrawn)

    def drop(self, item_id: MessageId) -> None:
        """Have an item not stored that somebody else has taken back."""
        self._items = [item for item in self._items if item.message_id != item_id]

    def cite(self, item_id: MessageId, annotation: Json, after: str | None) -> None:
        """Name a source of the message that is being written, or of the next one."""
        self._keep(self._citations.add(item_id, annotation, after, self._conversation_id))

    def keep(self, item: ItemToSave) -> None:
        """Have an item stored that somebody else has shown."""
        self._keep(item)

    def keep_or_remove(self, item: Json) -> None:
        """Of what was shown and not ended: store it as it was seen, or take it back."""
        if is_kept(item):
            self.restore(item)
        else:
            self._publisher.event(events.item_removed(item["id"]))

    # --- what is to be stored ----------------------------------------------------------------------------

    def take_items(self) -> tuple[ItemToSave, ...]:
        """The items since the last checkpoint, and the open workflow as it stands."""
        self._keep_workflow()
        items, self._items = self._items, []
        return tuple(items)

    def end(self) -> tuple[ItemToSave, ...]:
        """End the answer, finished or cut: open messages keep their text, calls that run are interrupted."""
        self._end_begun()
        for output_index in sorted(self._messages):
            self._close_message(self._messages[output_index])
        self._messages.clear()
        for image in list(self._images.values()):  # of one that was cut short there is its last preview
            if image.url is None:
                self.image_dropped(image)
            else:
                self.image_shown(ToolAttachment(type="image", title="", url=image.url), image)
        self._close_thoughts()
        if self._workflow is not None:
            for call in self._workflow.running_calls:
                self._workflow.finish(call.model_copy(update={"status": "interrupted"}))
            self._workflow.end(self._clock())
        items = self.take_items()
        self._workflow = None
        return items

    def unsaved_texts(self) -> list[str]:
        """The texts that no checkpoint has, the last one perhaps still being written."""
        ended = [str(item.content) for item in self._items if item.type == "assistant_message"]
        open_texts = (message.text for message in self._messages.values())
        return [text for text in (*ended, *open_texts, self.begun_text) if text]

    # --- inside ------------------------------------------------------------------------------------------

    def _show_unstreamed(self, event: Any) -> None:
        """Some providers send a message whole, without deltas."""
        if event.output_index not in self._messages:
            for content_index, part in enumerate(event.item.content):
                text = getattr(part, "text", None) or getattr(part, "refusal", None)
                if text:
                    self._append_text(event.output_index, content_index, text)

    def _show_unstreamed_thoughts(self, event: Any) -> None:
        if not any(key.output_index == event.output_index for key in self._thoughts_streamed):
            for kind in ("summary", "content"):
                for part_index, part in enumerate(getattr(event.item, kind, None) or ()):
                    self._append_thought(ThoughtKey(event.output_index, kind, part_index), part.text)

    def _append_thought(self, key: ThoughtKey, delta: str) -> None:
        if not delta:
            return
        self._thoughts_streamed.add(key)
        if self._thoughts is None:
            self._close_workflow()
            self._thoughts = ShownThoughts(self._publisher, self._conversation_id, new_id("wf"), self._clock())
            self._thoughts.begin()
        self._thoughts.append(key, storable(delta))

    def _complete_thought(self, key: ThoughtKey, text: str) -> None:
        if key not in self._thoughts_streamed:
            self._append_thought(key, text)
        if self._thoughts is not None:
            self._thoughts.complete(key, storable(text))

    def _append_text(self, output_index: int, content_index: int, delta: str) -> None:
        if not delta:
            return  # a model with nothing to say has no message
        message = self._messages.get(output_index) or self._open_message(output_index)
        if not delta.isascii() or "\x00" in delta:
            delta = storable(delta)
        if self._gap:
            delta, self._gap = rules.without_gap(delta, self._gap)
        message.append(content_index, delta)

    def _open_message(self, output_index: int) -> ShownMessage:
        self._close_thoughts()
        if self._seen:
            return self._go_on(output_index)
        self._close_workflow()
        message = ShownMessage(self._publisher, self._conversation_id, new_message_id(), self._clock())
        self._messages[output_index] = message
        message.begin()
        return message

    def _close_message(self, message: ShownMessage) -> None:
        for cited in self._citations.take():
            message.cite(cited)
        closed, self._closed = self._closed, []
        for workflow in closed:  # its calls belong to the message now: it is stored without them, at the same time
            self._keep(workflow.to_save().model_copy(update={"tool_calls": ()}))
        self._keep(message.end(tuple(call for workflow in closed for call in workflow.calls)))

    def _keep(self, item: ItemToSave) -> None:
        """Have an item stored at the next checkpoint, as it is now."""
        if is_said(item.item):
            self._said.add(item.message_id)
        for at, kept in enumerate(self._items):
            if kept.message_id == item.message_id:
                self._items[at] = item
                return
        self._items.append(item)

    def _keep_workflow(self) -> None:
        if self._workflow is not None:
            self._keep(self._workflow.to_save())

    def _close_workflow(self) -> None:
        """A message or thoughts begin; the calls wait for the next message, to which they belong."""
        workflow, self._workflow = self._workflow, None
        if workflow is not None:
            workflow.end(self._clock())
            self._closed.append(workflow)
            self._keep(workflow.to_save())

    def _close_thoughts(self) -> None:
        thoughts, self._thoughts = self._thoughts, None
        if thoughts is not None:
            self._keep(thoughts.end(self._clock()))


def is_said(item: Json) -> bool:
    """A message, thoughts or an image: what a guardrail may take back."""
    is_thought = item["type"] == "workflow" and item.get("workflow", {}).get("type") == "reasoning"
    return item["type"] in ("assistant_message", "generated_image") or is_thought


def seconds_of(item: Json) -> int | None:
    """How long a workflow took; None while it is not over."""
    summary: Json = item["workflow"].get("summary") or {}
    return summary.get("duration")


def is_kept(item: Json) -> bool:
    """What the user has seen of an answer that they stopped: text, thoughts, images."""
    if item["type"] == "generated_image":
        return item["image"] is not None
    return item["type"] in ("assistant_message", "widget") or item.get("workflow", {}).get("type") == "reasoning"


def ended(item: Json) -> Json:
    """The item with no thought that is still under way."""
    if item["type"] != "workflow":
        return item
    tasks = [{**task, "status_indicator": "complete"} for task in item["workflow"]["tasks"]]
    return {**item, "workflow": {**item["workflow"], "tasks": tasks}}


def ends_in_text(items: Sequence[Json]) -> bool:
    """Whether a model may go on with what was seen: one text, broken off, with nothing before it but thoughts."""
    *before, last = items or [{"type": ""}]
    is_text = last["type"] == "assistant_message" and len(last["content"]) == 1 and bool(text_of(last).strip())
    return is_text and all(item["type"] == "workflow" and is_said(item) for item in before)


def text_of(message: Json) -> str:
    return "".join(part["text"] for part in message["content"])


_HANDLERS: dict[str, Callable[[Transcript, Any], None]] = {
    "response.output_text.delta": Transcript.on_text_delta,
    "response.refusal.delta": Transcript.on_text_delta,
    "response.output_item.done": Transcript.on_item_done,
    "response.output_text.annotation.added": Transcript.on_annotation,
    "response.reasoning_summary_text.delta": Transcript.on_summary_delta,
    "response.reasoning_summary_text.done": Transcript.on_summary_done,
    "response.reasoning_text.delta": Transcript.on_reasoning_delta,
    "response.reasoning_text.done": Transcript.on_reasoning_done,
}
