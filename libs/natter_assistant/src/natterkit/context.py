"""What an assistant's code knows of the run that it is part of, and what it may say to the conversation."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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


class Effects(Protocol):
    """What a runner does for a context; a test may give its own."""

    async def set_title(self, title: str) -> None: ...

    async def set_metadata(self, patch: Mapping[str, Any]) -> None: ...

    async def add_hidden_context(self, text: str) -> None: ...


@dataclass(frozen=True)
class Context:
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
        return _CALL_ID.get()

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


def _zone(name: str | None) -> Any:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


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
