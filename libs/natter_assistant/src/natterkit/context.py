"""What an assistant's code knows of the run that it is part of, and what it may say to the conversation."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from natterkit.asking import Form, Question, Request, request_of
from natterkit.files import FileEffects, Files
from natterkit.scheduled import Schedule
from natterkit.showing import Showing, ShowingEffects

_CURRENT: ContextVar["Context | None"] = ContextVar("natterkit_context", default=None)
_CALL_ID: ContextVar[str | None] = ContextVar("natterkit_call_id", default=None)


@dataclass(frozen=True)
class User:
    """Who is asking: from the verified token and the request, never from the model.

    ``claims``: those of the token that the operator lets pass (``AUTH_EDGE_CLAIMS_PASSED``). ``locale``: a language
    tag such as ``de-DE``. ``time_zone``: an IANA name such as ``Europe/Berlin``.
    """

    id: str
    name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Conversation:
    """The conversation as it was when the run was claimed."""

    id: str
    title: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Effects(ShowingEffects, FileEffects, Protocol):
    """What a runner does for a context; a test may give its own."""

    async def set_title(self, title: str) -> None: ...

    async def set_metadata(self, patch: Mapping[str, Any]) -> None: ...

    async def add_hidden_context(self, text: str) -> None: ...

    async def ask(self, request: Request) -> Any: ...

    async def schedule(
        self, text: str, *, at: datetime | None, cron: str | None, time_zone: str | None, reminds: bool, here: bool
    ) -> str: ...

    async def schedules(self) -> list[Schedule]: ...

    async def pause_schedule(self, schedule_id: str, *, paused: bool) -> None: ...

    async def delete_schedule(self, schedule_id: str) -> None: ...


@dataclass(frozen=True)
class Context(Showing, Files):
    """The SDK's context of every agent that Natter runs: ``RunContextWrapper[Context]`` in tools and instructions."""

    user: User
    conversation: Conversation
    run_id: str
    assistant_id: str
    effects: Effects = field(repr=False)

    @staticmethod
    def current() -> "Context":
        """The context of the run that this code is part of. Raises LookupError outside of one."""
        context = _CURRENT.get()
        if context is None:
            raise LookupError("There is no run: Context.current() is for code that an assistant's run calls.")
        return context

    @property
    def call_id(self) -> str | None:
        """The id of the tool call that this code is part of, or None outside of one.

        It stays the same when the call is executed again after a crash: hand it on as idempotency key, together with
        `run_id`, and the call's effect happens once.
        """
        return calling_id()

    @property
    def now(self) -> datetime:
        """The time, in the user's time zone where it is known, else in UTC."""
        return datetime.now(_zone(self.user.time_zone))

    async def set_title(self, title: str) -> None:
        """Name the conversation; the last title of a run is kept."""
        await self.effects.set_title(title)

    async def set_metadata(self, **patch: Any) -> None:
        """Change the conversation's metadata; what is None is removed. Other keys stay as they are."""
        await self.effects.set_metadata(patch)

    async def add_hidden_context(self, text: str) -> None:
        """Tell the model something, for this turn and the next ones, that people are not shown."""
        await self.effects.add_hidden_context(text)

    async def ask(self, form: Form | Question) -> Any:
        """Ask the user, and wait for the answer, however long that takes and whatever is restarted meanwhile.

        Of one question the answer itself, of a `Form` a dict by the ids of its questions; None for what was left out.
        Only for function tools: while the user thinks, the call is taken off the stack. When the answer is there, the
        tool is executed again from its start, on any machine, and this call returns the answer. So what stands before
        an ask runs again: put effects after it. Ask in the same order each time. Raises NotAnsweredError.
        """
        answers = await self.effects.ask(request_of(form))
        return answers if isinstance(form, Form) else next(iter(answers.values()))

    async def schedule(
        self,
        text: str,
        *,
        at: datetime | None = None,
        cron: str | None = None,
        time_zone: str | None = None,
        reminds: bool = False,
        here: bool = True,
    ) -> str:
        """Begin a turn later: once, ``at`` a time, or whenever ``cron`` says so (five fields, in ``time_zone``, which
        is the user's where it is absent). Returns the schedule's id.

        ``reminds``: the assistant tells the user the text; else it does what the text asks for. ``here``: in this
        conversation, else in one of its own. A time without an offset is in that zone as well. Made once, also where
        the call is executed again. Raises ValueError where it is refused, with words that a model understands.
        """
        if at is not None and at.tzinfo is None:
            at = at.replace(tzinfo=_zone(time_zone or self.user.time_zone))
        return await self.effects.schedule(text, at=at, cron=cron, time_zone=time_zone, reminds=reminds, here=here)

    async def schedules(self) -> list[Schedule]:
        """What the user has scheduled, the newest first, whoever made it; reminders of todos are with the todos."""
        return await self.effects.schedules()

    async def pause_schedule(self, schedule_id: str, *, paused: bool = True) -> None:
        """Pause a schedule of the user's, or let it go on. Raises ValueError as `schedule` does."""
        await self.effects.pause_schedule(schedule_id, paused=paused)

    async def delete_schedule(self, schedule_id: str) -> None:
        """Forget a schedule of the user's. Raises ValueError as `schedule` does."""
        await self.effects.delete_schedule(schedule_id)

    async def client_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Have the user's page do something (`onClientTool`), and wait for what it returns, as with `ask`."""
        return await self.effects.ask(Request("client_tool", name, arguments or {}))


def _zone(name: str | None) -> Any:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def calling_id() -> str | None:
    """The running tool call's id; for runners and tests."""
    return _CALL_ID.get()


@contextmanager
def running(context: Context) -> Generator[None]:
    """Make ``context`` the current one; for runners and tests."""
    token = _CURRENT.set(context)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextmanager
def calling(call_id: str) -> Generator[None]:
    """Make ``call_id`` the running tool call's; for runners and tests."""
    token = _CALL_ID.set(call_id)
    try:
        yield
    finally:
        _CALL_ID.reset(token)
