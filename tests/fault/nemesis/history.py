"""What happened while the nemesis was at work: what was done to whom, what clients asked and saw, what is stored."""

import time
from dataclasses import dataclass, field

from tests.sse import Frame


@dataclass(frozen=True)
class Accepted:
    """The ids of a 202 answer."""

    conversation_id: str
    message_id: str
    run_id: str


@dataclass
class Turn:
    """A message that one client sent, as often as it took, with one idempotency key.

    `expected` is the answer's text. For a todo (`task` is its title) it is what tells that the todo was added; the
    assistant may also say that it could not add it.
    """

    user: str
    key: str
    message: str
    expected: str
    task: str | None = None
    deal: str | None = None
    """Of a turn whose run waits for its user: what they decide, "approve" or "decline"."""
    accepted: list[Accepted] = field(default_factory=list[Accepted])
    refused: list[str] = field(default_factory=list[str])
    """Answers that no fault excuses."""


@dataclass
class View:
    """What one viewer saw over all its connections: of a run, or of everything of the user (`run_id` None)."""

    name: str
    user: str
    run_id: str | None = None
    frames: list[Frame] = field(default_factory=list[Frame])
    refused: list[str] = field(default_factory=list[str])
    """Answers that no fault excuses."""


@dataclass(frozen=True)
class Message:
    """A stored row of a conversation."""

    user: str
    conversation_id: str
    message_id: str
    role: str
    content: str


@dataclass
class Stored:
    """What is there when all is over, in stored order. `runs` has the status of each run, `tasks` user and title."""

    messages: list[Message] = field(default_factory=list[Message])
    runs: dict[str, str] = field(default_factory=dict[str, str])
    tasks: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    deals: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """What the dealer has written down: what it was about, and the call; a call that was executed again is there again.
    """


@dataclass
class History:
    """Everything that the checker judges, and the timeline that explains it."""

    turns: list[Turn] = field(default_factory=list[Turn])
    views: list[View] = field(default_factory=list[View])
    stored: Stored = field(default_factory=Stored)
    timeline: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    began_at: float = field(default_factory=time.monotonic)

    def note(self, who: str, what: str) -> None:
        """Add a line to the timeline."""
        self.timeline.append((time.monotonic() - self.began_at, who, what))

    def lines(self) -> list[str]:
        """The timeline, a line for each thing that was done or seen."""
        return [f"{seconds:7.2f} s  {who:24}  {what}" for seconds, who, what in self.timeline]

    def frames_of_run(self, run_id: str) -> list[str]:
        """What each viewer of a run saw, frame by frame."""
        return [
            f"{view.name}: {frame.id if frame.has_own_id else '-'} {frame.event} {frame.data}"
            for view in self.views
            if view.run_id == run_id
            for frame in view.frames
        ]
