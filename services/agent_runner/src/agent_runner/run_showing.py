"""What an assistant's code shows (natterkit's `Showing`), as ChatKit's events: once, however often the code runs."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any, cast

from chatkit_protocol import events, items
from chatkit_protocol.items import Json
from contracts.commands import ItemToSave
from contracts.ids import MessageId
from contracts.replies import ItemView, RunClaimed
from contracts.text import storable
from natterkit.context import calling_id
from pydantic import TypeAdapter
from pydantic_core import to_json

from agent_runner import rules
from agent_runner.pictures import DATA_URL, PictureRefusedError, RunPictures, data_of, image_of, preview_url
from agent_runner.publisher import Publisher
from agent_runner.transcript import Transcript
from agent_runner.transcript_items import ShownItem

WIDGET_BYTES_MAX = 256 * 1024
EVENT_BYTES_MAX = 64 * 1024
TASKS_MAX = 200
FindItem = Callable[[MessageId], Awaitable[Json]]


@dataclass
class ShownTasks(ShownItem):
    """Entries that belong together: those of one call, or those outside of calls."""

    tasks: list[Json] = field(default_factory=list[Json])
    summary: Json | None = None
    is_expanded: bool = False

    def put(self, task: Json, at: int | None, *, is_known: bool) -> int:
        """Show a new entry, or another state of one; returns its place. ``is_known``: the item is there already."""
        if at is not None:
            self.tasks[at] = task
            self._publish(events.task_changed(self.item_id, "updated", at, task))
            return at
        self.tasks.append(task)
        if len(self.tasks) > 1:
            self._publish(events.task_changed(self.item_id, "added", len(self.tasks) - 1, task))
        else:
            self._publish((events.item_replaced if is_known else events.item_added)(self.item()))
        return len(self.tasks) - 1

    def end(self, now: datetime, summary: Json | None, *, is_expanded: bool, status: str) -> None:
        """End the list; entries that are still under way get this status."""
        self.tasks = [
            {**task, "status_indicator": status} if task.get("status_indicator") == "loading" else task
            for task in self.tasks
        ]
        self.summary = summary or {"duration": self._seconds_until(now)}
        self.is_expanded = is_expanded
        self._publish(events.item_done(self.item()))

    def item(self) -> Json:
        item = items.workflow(self.item_id, self.conversation_id, self.created_at, "custom", self.tasks)
        item["workflow"] |= {"expanded": self.is_expanded, **({"summary": self.summary} if self.summary else {})}
        return item


class RunShowing:
    """What one attempt shows.

    Things are named after the call that shows them and their number in it: so a call that is executed again, by another
    attempt or after a person was asked, shows the same things in the place of the first ones.
    """

    pictures: RunPictures

    def __init__(self, claimed: RunClaimed, publisher: Publisher, transcript: Transcript, find_item: FindItem) -> None:
        self.told: set[str] = set()
        """What earlier attempts have told viewers that is no item, by its key."""
        self.removed: set[MessageId] = set()
        """Items that are to be deleted with the run's end."""
        self.has_unsaved = False
        self._run_id = claimed.run.run_id
        self._conversation_id = claimed.run.conversation_id
        self._publisher = publisher
        self._transcript = transcript
        self._find_item = find_item
        self._counts: Counter[str] = Counter()
        self._saved = {view.message_id: view for view in claimed.saved_items}
        self._shown: dict[MessageId, Json] = {}
        self._tasks: dict[str | None, ShownTasks] = {}

    # --- told to those who watch --------------------------------------------------------------------------

    async def tell(self, event: Json, *, is_told_once: bool) -> None:
        """Raises ValueError for what is no event of ChatKit, or too large."""
        event = _checked(event, EVENT_BYTES_MAX)
        _types("types", "ThreadStreamEvent")(event)
        if not is_told_once:
            self._publisher.event(event)
            return
        key = self._next_key()
        if key not in self.told:
            self.told.add(key)
            self._publisher.event(event, key)

    # --- entries ------------------------------------------------------------------------------------------

    async def put_task(self, task: Json, place: Any = None) -> Any:
        """Raises ValueError for what is no task, or one too many."""
        task = _checked(task, EVENT_BYTES_MAX)
        _types("types", "Task")(task)
        owner, at = place or (calling_id(), None)
        shown = self._tasks.get(owner)
        if shown is None:
            if place is not None:
                return place  # its list has ended, with the call: a task that was left running in the background
            shown = self._tasks[owner] = self._new_tasks()
        if len(shown.tasks) >= TASKS_MAX:
            raise ValueError(f"A list has at most {TASKS_MAX} entries.")
        at = shown.put(task, at, is_known=self._is_known(shown.item_id))
        self._keep(shown.item())
        return owner, at

    async def end_tasks(self, summary: Json | None, *, is_expanded: bool) -> None:
        self._end_tasks(calling_id(), _checked(summary, EVENT_BYTES_MAX) if summary else None, is_expanded=is_expanded)

    def end_call(self, call_id: str | None) -> None:
        """A call is done, and with it the list of its entries."""
        self._end_tasks(call_id, None)

    def end(self, *, is_complete: bool) -> None:
        """The run is over: what is shown as under way is so no longer."""
        for owner in list(self._tasks):
            self._end_tasks(owner, None, status="complete" if is_complete else "none")
        for view in self._saved.values():
            if view.message_id not in self._shown and _is_under_way(view):
                workflow: Any = view.item["workflow"]
                left = ShownTasks(
                    self._publisher, self._conversation_id, view.message_id, view.created_at, workflow["tasks"]
                )
                left.end(datetime.now(UTC), None, is_expanded=False, status="none")
                self._keep(left.item())

    def _end_tasks(
        self, owner: str | None, summary: Json | None, *, is_expanded: bool = False, status: str = "complete"
    ) -> None:
        shown = self._tasks.pop(owner, None)
        if shown is not None:
            shown.end(datetime.now(UTC), summary, is_expanded=is_expanded, status=status)
            self._keep(shown.item())

    def _new_tasks(self) -> ShownTasks:
        item_id = self._next_id("wf")
        return ShownTasks(self._publisher, self._conversation_id, item_id, self._created_at(item_id))

    # --- widgets and images -------------------------------------------------------------------------------

    async def show_widget(self, widget: Any, *, item_id: MessageId | None, copy_text: str | None) -> MessageId:
        """Raises ValueError for what is no widget, LookupError where the item is not there."""
        item = await self._widget_item(item_id, copy_text)
        is_known = item_id is not None or self._is_known(item["id"])
        if not isinstance(widget, AsyncIterator):
            item["widget"] = _widget(widget)
            self._publisher.event((events.item_replaced if is_known else events.item_done)(item))
            self._keep(item)
            return item["id"]
        before: Any = None
        async for state in cast("AsyncIterator[Any]", widget):
            now = _widget(state)
            if before is None:
                begin = events.item_replaced if is_known else events.item_added
                self._publisher.event(begin({**item, "widget": now}))
            else:
                for update in _updates(before, now):
                    self._publisher.event({"type": "thread.item.updated", "item_id": item["id"], "update": update})
            before = now
        if before is None:
            raise ValueError("The generator has given no widget.")
        item["widget"] = before
        self._publisher.event(events.item_done(item))
        self._keep(item)
        return item["id"]

    async def show_image(self, image: Any, *, images_count: int | None, title: str) -> MessageId:
        """Raises ValueError for what is no image, too large, or more than the user has room for."""
        item_id = self._next_id("msg")
        is_known = self._is_known(item_id)
        created_at = self._created_at(item_id)
        item = items.generated_image(item_id, self._conversation_id, created_at, None)
        if not is_known:
            self._publisher.event(events.item_added(item))
        try:
            if isinstance(image, AsyncIterator):
                image = await self._show_previews(item_id, cast("AsyncIterator[Any]", image), images_count)
            item = {**item, "image": await self._picture(item_id, image, title)}
        except ValueError:
            if not is_known:
                self._publisher.event(events.item_removed(item_id))
            raise
        self._publisher.event(events.item_done(item))
        self._keep(item)
        return item_id

    async def _show_previews(self, item_id: MessageId, previews: AsyncIterator[Any], images_count: int | None) -> Any:
        """Show what is drawn, as far as it is small enough to be; returns the last one."""
        last, number = None, 0
        async for last in previews:
            number += 1
            data = _image_data(last)
            url = str(last) if data is None else preview_url(data)
            if url is not None:
                progress = min(1.0, number / images_count) if images_count else 0.0
                self._publisher.event(events.image_changed(item_id, url, progress))
        if last is None:
            raise ValueError("The generator has given no image.")
        return last

    async def _picture(self, item_id: MessageId, image: Any, title: str) -> Json:
        """A picture as its item has it; one at another's address stays there."""
        data = _image_data(image)
        if data is None:
            return items.image(item_id, str(image), title)
        try:
            kept = await self.pictures.keep(item_id, data, title=title, source="tool")
        except PictureRefusedError as error:
            raise ValueError(str(error)) from error  # as the code that shows it knows it
        return image_of(kept, item_id)

    async def remove(self, item_id: MessageId) -> None:
        """Raises LookupError where there is no such item."""
        if not self._is_known(item_id):
            await self._find_item(item_id)
        self.removed.add(item_id)
        self._shown.pop(item_id, None)
        self._transcript.drop(item_id)
        self._publisher.event(events.item_removed(item_id))

    async def annotate(self, annotation: Json, *, after: str | None) -> None:
        """Raises ValueError for what is no annotation."""
        annotation = _checked(annotation, EVENT_BYTES_MAX)
        _types("types", "Annotation")(annotation)
        self._transcript.cite(self._next_id("msg"), annotation, after)
        self.has_unsaved = True

    async def _widget_item(self, item_id: MessageId | None, copy_text: str | None) -> Json:
        if item_id is None:
            new_id = self._next_id("msg")
            item = items.widget(new_id, self._conversation_id, self._created_at(new_id), {})
        else:
            known = self._shown.get(item_id) or getattr(self._saved.get(item_id), "item", None)
            item = dict(known or await self._find_item(item_id))
            if item["type"] != "widget":
                raise ValueError(f"The item {item_id} is no widget.")
        return item if copy_text is None else {**item, "copy_text": storable(copy_text)}

    # --- names, and what is stored ------------------------------------------------------------------------

    def _next_key(self) -> str:
        call_id = calling_id() or ""
        self._counts[call_id] += 1
        return f"{hashlib.sha256(call_id.encode()).hexdigest()[:16]}.{self._counts[call_id]}"

    def _next_id(self, prefix: str) -> MessageId:
        return f"{prefix}_{hashlib.sha256(f'{self._run_id} {self._next_key()}'.encode()).hexdigest()[:32]}"

    def _is_known(self, item_id: MessageId) -> bool:
        return item_id in self._shown or item_id in self._saved

    def _created_at(self, item_id: MessageId) -> datetime:
        saved = self._saved.get(item_id)
        return datetime.now(UTC) if saved is None else datetime.fromisoformat(str(saved.item["created_at"]))

    def _keep(self, item: Json) -> None:
        self._shown[item["id"]] = item
        self._transcript.keep(ItemToSave(message_id=item["id"], type=item["type"], item=item))
        self.has_unsaved = True


def _is_under_way(view: ItemView) -> bool:
    """Whether it is a list of entries that has no end. (Those of tool calls have the calls beside them.)"""
    workflow: Any = view.item.get("workflow") or {}
    return workflow.get("type") == "custom" and not view.tool_calls and "summary" not in workflow


def _checked(value: Json, bytes_max: int) -> Json:
    """As it can be stored. Raises ValueError."""
    value = rules.storable_json(value)
    if len(to_json(value)) > bytes_max:
        raise ValueError(f"This has more than {bytes_max} bytes.")
    return value


def _image_data(image: Any) -> bytes | None:
    """The bytes of an image; None of an https address. Raises ValueError."""
    if isinstance(image, bytes):
        return image
    if isinstance(image, str) and image.startswith("https://"):
        return None
    data = data_of(image.partition(";base64,")[2]) if isinstance(image, str) and image.startswith(DATA_URL) else None
    if data is None:
        raise ValueError("An image is bytes, a data URL, or an https address.")
    return data


def _widget(widget: Any) -> Json:
    """A widget as it goes over the wire: what is a dict stays as it is, whatever this SDK knows of it."""
    told = widget.model_dump(mode="json", by_alias=True, exclude_none=True) if hasattr(widget, "model_dump") else widget
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):  # pyright: ignore[reportUnknownMemberType]
        raise ValueError("A widget is a WidgetRoot of chatkit.widgets, or a dict with its type.")  # noqa: TRY004
    return _checked(told, WIDGET_BYTES_MAX)  # pyright: ignore[reportUnknownArgumentType]


def _updates(before: Json, now: Json) -> list[Json]:
    """What leads from one state of a widget to the next, as openai-chatkit tells it; the whole where that cannot be."""
    from chatkit.server import diff_widget  # noqa: PLC0415 - half a second, for those who show widgets

    root: Json = {"type": "widget.root.updated", "widget": now}
    try:
        changes = diff_widget(_types("widgets", "WidgetRoot")(before), _types("widgets", "WidgetRoot")(now))
    except (ValueError, AttributeError):  # of a component that it does not know it may ask for what is not there
        return [root]
    told = [change.model_dump(mode="json", by_alias=True, exclude_none=True) for change in changes]
    return [root] if any(change["type"] == "widget.root.updated" for change in told) else told


@cache
def _types(module: str, name: str) -> Callable[[Any], Any]:
    """What reads a value as one of chatkit's types. It raises ValueError."""
    return TypeAdapter[Any](getattr(import_module(f"chatkit.{module}"), name)).validate_python
