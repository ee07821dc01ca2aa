"""What an assistant's code can show beside its words: progress, tasks, notices, widgets, images, sources, effects."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self, cast

Json = dict[str, Any]
Level = Literal["info", "warning", "danger"]
TaskKind = Literal["custom", "search", "file", "image", "thought"]
TaskStatus = Literal["none", "loading", "complete"]
Status = Literal["active", "locked", "closed"]
_TYPES: Final[Mapping[TaskKind, str]] = {
    "custom": "custom",
    "search": "web_search",
    "file": "file",
    "image": "image",
    "thought": "thought",
}


@dataclass(frozen=True, kw_only=True)
class UrlSource:
    """A page that something was found on."""

    url: str
    title: str
    description: str | None = None
    timestamp: str | None = None
    group: str | None = None
    attribution: str | None = None
    type: Literal["url"] = "url"


@dataclass(frozen=True, kw_only=True)
class FileSource:
    """A file that something was found in."""

    filename: str
    title: str
    description: str | None = None
    timestamp: str | None = None
    group: str | None = None
    type: Literal["file"] = "file"


@dataclass(frozen=True, kw_only=True)
class EntitySource:
    """A thing of yours that something is about; ``id`` and ``data`` reach the page's `entities` options."""

    id: str
    title: str
    description: str | None = None
    timestamp: str | None = None
    group: str | None = None
    icon: str | None = None
    label: str | None = None
    inline_label: str | None = None
    interactive: bool = False
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    type: Literal["entity"] = "entity"


Source = UrlSource | FileSource | EntitySource
Widget = Any
"""A ``WidgetRoot`` of openai-chatkit (``Card``, ``ListView``, what ``WidgetTemplate.build`` gives), or a dict of it."""


class ShowingEffects(Protocol):
    """What a runner does for what is shown; a test may give its own."""

    async def tell(self, event: Json, *, is_told_once: bool) -> None: ...

    async def put_task(self, task: Json, place: Any = None) -> Any: ...

    async def end_tasks(self, summary: Json | None, *, is_expanded: bool) -> None: ...

    async def show_widget(
        self, widget: Widget | AsyncIterator[Widget], *, item_id: str | None, copy_text: str | None
    ) -> str: ...

    async def show_image(
        self, image: str | bytes | AsyncIterator[str | bytes], *, images_count: int | None, title: str
    ) -> str: ...

    async def annotate(self, annotation: Json, *, after: str | None) -> None: ...

    async def set_status(self, status: Status, reason: str | None) -> None: ...

    async def remove(self, item_id: str) -> None: ...


class Task:
    """An entry of what is being done. ``async with`` it, and it is complete at the end (`none` where that failed)."""

    def __init__(self, effects: ShowingEffects, place: Any, told: Json) -> None:
        self._effects = effects
        self._place = place
        self._told = told

    async def update(self, **changes: Any) -> None:
        """Show it with other values: those of `Showing.task`, ``kind`` excepted."""
        self._told = {**self._told, **_task_values(self._told["type"], changes)}
        await self._effects.put_task(self._told, self._place)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self.update(status="complete" if error_type is None else "none")


class Showing:
    """What `Context` offers for it. All of it is shown at once, and stored as far as ChatKit has items for it.

    In a tool, what is shown belongs to its call: when that is executed again, because its runner died or a person was
    asked, the same things are shown in their place, and nothing twice. For that a tool shows them in the same order.
    """

    effects: Any

    async def progress(self, text: str, icon: str | None = None) -> None:
        """One line that says what is being done. It goes with the next item, and is not stored."""
        await self.effects.tell({"type": "progress_update", "text": text, **_given(icon=icon)}, is_told_once=False)

    async def notice(self, level: Level, text: str, *, title: str | None = None) -> None:
        """A banner, in markdown, for those who look at the conversation now."""
        event = {"type": "notice", "level": level, "message": text, **_given(title=title)}
        await self.effects.tell(event, is_told_once=True)

    async def effect(self, name: str, data: Mapping[str, Any] | None = None) -> None:
        """Have the page do something, without an answer: its `onEffect` gets ``name`` and ``data``."""
        await self.effects.tell({"type": "client_effect", "name": name, "data": dict(data or {})}, is_told_once=True)

    async def task(self, title: str, *, kind: TaskKind = "custom", status: TaskStatus = "loading", **more: Any) -> Task:
        """An entry beside those of tool calls. ``more``: ``icon`` and ``content`` (markdown) of a custom one;
        ``sources`` of a search or a file; ``queries`` and ``title_query`` of a search; ``content`` of a thought.

        Entries of one call stand together; their list ends with the call, or with `end_tasks`.
        """
        told: Json = {"type": _TYPES[kind], **({"content": ""} if kind == "thought" else {})}
        told |= _task_values(told["type"], {"title": title, "status": status, **more})
        return Task(self.effects, await self.effects.put_task(told), told)

    async def end_tasks(self, summary: str | None = None, *, icon: str | None = None, expanded: bool = False) -> None:
        """End the list of entries, under a summary, or how long it took where there is none."""
        told = None if summary is None else {"title": summary, **_given(icon=icon)}
        await self.effects.end_tasks(told, is_expanded=expanded)

    async def widget(
        self,
        widget: Widget | AsyncIterator[Widget],
        *,
        item_id: str | None = None,
        copy_text: str | None = None,
    ) -> str:
        """Show a widget and return its item's id; or, with ``item_id``, show it in the place of that one.

        An async generator shows it as it changes; of ``Text`` and ``Markdown`` with an id only what was added goes out.
        Raises ValueError for what is no widget, or too large, and LookupError where there is no such item.
        """
        return await self.effects.show_widget(widget, item_id=item_id, copy_text=copy_text)

    async def image(
        self, image: str | bytes | AsyncIterator[str | bytes], *, images_count: int | None = None, title: str = ""
    ) -> str:
        """Show an image: its bytes, a data URL, or an https address. An async generator gives previews and, last, the
        image; ``images_count``, how many that will be, makes the progress. ``title``: what is seen on it, in a few
        words, for those who do not see it; it is saved under that name. Returns the item's id.

        Bytes are looked at as an upload is, and kept as a file of the user's. Raises ValueError for what is no picture,
        is too large, or finds no room.
        """
        return await self.effects.show_image(image, images_count=images_count, title=title)

    async def annotate(self, source: Source | Any, *, after: str | None = None, index: int | None = None) -> None:
        """Name a source of the message that is being written, or else of the next one.

        The mark stands behind the words ``after``, or at the character ``index``; else the source is listed at the end.
        """
        await self.effects.annotate(
            {"type": "annotation", "source": _source(source), **_given(index=index)}, after=after
        )

    async def set_status(self, status: Status, reason: str | None = None) -> None:
        """Lock the conversation for messages (actions of widgets go on), close it for everything, or open it again."""
        await self.effects.set_status(status, reason)

    async def remove(self, item_id: str) -> None:
        """Take an item away: of this answer, or of an earlier one. Raises LookupError where there is none."""
        await self.effects.remove(item_id)


def _task_values(kind: str, values: Mapping[str, Any]) -> Json:
    """Raises TypeError for what this kind of entry has not."""
    known = {"custom": ("icon", "content"), "web_search": ("sources", "queries", "title_query"), "file": ("sources",)}
    told: Json = {}
    for name, value in values.items():
        if name == "status":
            told["status_indicator"] = value
        elif name == "sources":
            told["sources"] = [_source(source) for source in value]
        else:
            told[name] = list(value) if name == "queries" else value
        if name not in ("title", "status", *known.get(kind, ("content",) if kind == "thought" else ())):
            raise TypeError(f"A {kind} task has no {name}.")
    return told


def _source(source: Any) -> Json:
    if isinstance(source, UrlSource | FileSource | EntitySource):
        return _given(**asdict(source))
    if isinstance(source, Mapping):
        return dict(cast("Json", source))
    return source.model_dump(mode="json", exclude_none=True)


def _given(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value is not None}
