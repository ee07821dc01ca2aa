"""The decisions of a stream, without I/O: order and loss, epochs, a viewer's queue, what a Last-Event-ID is worth."""

from collections import OrderedDict
from collections.abc import Iterable
from enum import Enum
from typing import Literal

from stream_relay.translate import END_SEQUENCE, Frame

SUBJECTS_REMEMBERED_MAX = 4096
"""So many subjects of one filter have their last sequence or epoch remembered, the most recent ones."""

SEQUENCE_DIGITS_MAX = 19
UNREADABLE_PLACE = 2**63
"""Stands for a Last-Event-ID that is not a sequence. It is later than every sequence, so it is judged unknown."""

ResetReason = Literal["expired", "unknown_id"]


class Verdict(Enum):
    """How a live message follows on what was passed on before."""

    NEXT = "next"
    SEEN = "seen"
    GAP = "gap"


class Continuity:
    """Which messages under one filter were passed on, so that each is passed on once and a loss is noticed.

    Everything up to `complete_to` was passed on: a read in order ended there. After it a republished message decides by
    the sequence that it names as the one before it on its subject. `highest` is the last known message under the
    filter; `complete_to` may be the sequence of a message under another filter.
    """

    def __init__(self, complete_to: int = 0, highest: int = 0) -> None:
        self.complete_to = complete_to
        self.highest = highest
        self._last: OrderedDict[str, int] = OrderedDict()

    def judge(self, subject: str, sequence: int, previous: int) -> Verdict:
        """Judge a live message. On NEXT, pass it on and `note` it; on GAP, read the filter again."""
        last = max(self._last.get(subject, 0), self.complete_to)
        if sequence <= last:
            return Verdict.SEEN
        return Verdict.NEXT if previous <= last else Verdict.GAP

    def is_new(self, subject: str, sequence: int) -> bool:
        """Say whether a message that was read from DELTAS has not been passed on yet."""
        return sequence > max(self._last.get(subject, 0), self.complete_to)

    def note(self, subject: str, sequence: int) -> None:
        """Remember that a message was passed on."""
        self._last[subject] = sequence
        self._last.move_to_end(subject)
        if len(self._last) > SUBJECTS_REMEMBERED_MAX:
            self._last.popitem(last=False)
        self.highest = max(self.highest, sequence)

    def read_to(self, sequence: int) -> None:
        """Remember that everything up to a sequence was read in order, and forget what that covers."""
        if sequence <= self.complete_to:
            return
        self.complete_to = sequence
        for subject in [subject for subject, last in self._last.items() if last <= sequence]:
            del self._last[subject]


class EpochGuard:
    """Refuses deltas that an overtaken attempt published after the next one had begun.

    DELTAS refuses such a message itself, by the expected last sequence of its subject; this is a second safeguard.
    """

    def __init__(self) -> None:
        self._highest: OrderedDict[str, int] = OrderedDict()

    def admits(self, subject: str, epoch: int | None) -> bool:
        """Say whether a message may be shown. Messages of the store have no epoch, and always may."""
        if epoch is None:
            return True
        if epoch < self._highest.get(subject, 0):
            return False
        self._highest[subject] = epoch
        self._highest.move_to_end(subject)
        if len(self._highest) > SUBJECTS_REMEMBERED_MAX:
            self._highest.popitem(last=False)
        return True


class ChatKitTurn:
    """What ChatKit takes for one turn of a run: from its beginning, or from behind a wait, to the next wait.

    ``after_wait``: the number of the wait that a decision ended, 0 for the run's beginning. ``begins``: what comes
    before that wait is to be left out; not where a viewer goes on from its place.
    """

    def __init__(self, after_wait: int, *, begins: bool) -> None:
        self.has_ended = False
        self._after_wait = after_wait
        self._has_begun = not begins or after_wait == 0

    def take(self, frames: Iterable[Frame]) -> list[Frame]:
        """The frames that belong to it."""
        taken: list[Frame] = []
        for frame in frames:
            number, is_waiting = frame.wait or (0, False)
            if not self._has_begun and (number >= self._after_wait or frame.is_terminal):
                self._has_begun = True
            if self._has_begun and not self.has_ended:
                taken.append(frame)
                self.has_ended = frame.is_terminal or (is_waiting and number > self._after_wait)
        return taken


class FrameQueue:
    """The frames that wait to be written to one viewer, in order. The queue is bounded: when it is full it is emptied.

    After such an overflow it takes no frames until `restart`: the viewer reads the dropped ones from DELTAS.
    ``read_to`` is the place up to which the viewer has read DELTAS in order, ``place`` the highest that it was shown.
    """

    def __init__(self, *, frames_max: int, bytes_max: int) -> None:
        self.read_to = 0
        self.place = 0
        self.has_overflowed = False
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._frames: list[Frame] = []
        self._bytes_count = 0
        self._late: list[Frame] = []

    def __len__(self) -> int:
        return len(self._frames)

    def offer(self, frame: Frame) -> bool:
        """Take a frame in. True: the queue was full, and has been emptied."""
        self._frames.append(frame)
        self._bytes_count += len(frame.full)
        is_full = len(self._frames) > self._frames_max or self._bytes_count > self._bytes_max
        has_just_overflowed = is_full and not self.has_overflowed
        if is_full or self.has_overflowed:
            self.empty()
        return has_just_overflowed

    def empty(self) -> None:
        """Drop the waiting frames: the viewer will read them from DELTAS, after its place."""
        self.has_overflowed = True
        # Frames with a sequence below the place (they came late) would not be read again from there: they are kept.
        self._late += [frame for frame in self._frames if self.read_to < frame.sequence < self.place]
        self._frames.clear()
        self._bytes_count = 0

    def restart(self) -> list[Frame]:
        """Take frames in again. The caller reads those that were dropped from DELTAS, after `place`.

        Returns the dropped frames with a sequence below `place`, which such a read does not find.
        """
        late, self._late = self._late, []
        self.has_overflowed = False
        self.read_to = self.place
        return late

    def take(self, bytes_max: int) -> list[Frame]:
        """Take frames out, up to about so many bytes, without those that the viewer has read already."""
        frames: list[Frame] = []
        taken_count = bytes_count = 0
        for frame in self._frames:
            if bytes_count >= bytes_max:
                break
            taken_count += 1
            self._bytes_count -= len(frame.full)
            if frame.sequence > self.read_to:
                self.place = max(self.place, frame.sequence)
                bytes_count += len(frame.full)
                frames.append(frame)
        del self._frames[:taken_count]
        return frames

    def start_at(self, place: int) -> None:
        """Begin at a place, as if everything before it had been read."""
        self.place = self.read_to = place

    def read(self, sequence: int) -> None:
        """Remember that everything up to a sequence was read in order."""
        self.read_to = max(self.read_to, sequence)
        self.place = max(self.place, self.read_to)


def read_place(last_event_id: str | None) -> int | None:
    """Read a Last-Event-ID: a sequence, None where there is none, `UNREADABLE_PLACE` for anything else."""
    text = (last_event_id or "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > SEQUENCE_DIGITS_MAX:
        return UNREADABLE_PLACE
    return int(text)


def judge_place(place: int, *, found: int | None, first: int | None, last: int | None) -> ResetReason | None:
    """Say why a stream cannot go on after ``place``, or None if it can.

    ``found`` is the first sequence from ``place`` on under the filter, ``first`` and ``last`` those of all DELTAS.
    Place 0 is before everything: the store gives it out while DELTAS is empty.
    """
    if place in (0, found):
        return None
    if place >= END_SEQUENCE:
        return "unknown_id"
    if first is None or place + 1 < first:
        return "expired"
    if found is None and (last is None or place > last):
        return "unknown_id"
    return None
