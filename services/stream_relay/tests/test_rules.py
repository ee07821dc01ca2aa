"""The pure decisions: what is passed on, once and in order, whatever is lost; places; epochs."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_relay.rules import (
    SUBJECTS_REMEMBERED_MAX,
    UNREADABLE_PLACE,
    ChatKitTurn,
    Continuity,
    EpochGuard,
    Verdict,
    judge_place,
    read_place,
)
from stream_relay.translate import END_SEQUENCE, Frame


@dataclass
class Listening:
    """What a channel does with its `Continuity`, without the bus: DELTAS is a list of subjects."""

    stored: list[str]
    continuity: Continuity
    passed_on: list[int] = field(default_factory=list)

    def hear(self, sequence: int) -> None:
        """A live message; on a gap everything stored so far is read, but for what a follower does not have yet."""
        subject = self.stored[sequence - 1]
        previous = max((s for s in range(1, sequence) if self.stored[s - 1] == subject), default=0)
        verdict = self.continuity.judge(subject, sequence, previous)
        if verdict is Verdict.NEXT:
            self._pass_on(sequence)
        elif verdict is Verdict.GAP:
            self.read(up_to=sequence)

    def read(self, up_to: int) -> None:
        for sequence in range(self.continuity.complete_to + 1, up_to + 1):
            if self.continuity.is_new(self.stored[sequence - 1], sequence):
                self._pass_on(sequence)
        self.continuity.read_to(up_to)

    def _pass_on(self, sequence: int) -> None:
        self.continuity.note(self.stored[sequence - 1], sequence)
        self.passed_on.append(sequence)


@given(
    subjects=st.lists(st.sampled_from("abc"), min_size=1, max_size=60),
    fates=st.lists(st.sampled_from(["heard", "lost", "twice", "audit"]), min_size=60, max_size=60),
    joined_at=st.integers(0, 60),
)
def test_every_message_is_passed_on_once_whatever_is_lost(
    subjects: list[str], fates: list[str], joined_at: int
) -> None:
    joined_at = min(joined_at, len(subjects))
    listening = Listening(subjects, Continuity(joined_at))
    for sequence in range(joined_at + 1, len(subjects) + 1):
        fate = fates[sequence - 1]
        if fate != "lost":
            listening.hear(sequence)
        if fate == "twice":
            listening.hear(sequence)
        if fate == "audit":
            listening.read(up_to=sequence)
    listening.read(up_to=len(subjects))  # the audit of a quiet subject
    expected = list(range(joined_at + 1, len(subjects) + 1))
    assert sorted(listening.passed_on) == expected
    for subject in "abc":
        of_subject = [s for s in listening.passed_on if subjects[s - 1] == subject]
        assert of_subject == sorted(of_subject)
    if "lost" not in fates[joined_at : len(subjects)] or len(set(subjects)) == 1:
        assert listening.passed_on == expected


def test_a_gap_is_noticed_on_its_own_subject_only() -> None:
    continuity = Continuity(10)
    assert continuity.judge("a", 11, 3) is Verdict.NEXT
    continuity.note("a", 11)
    assert continuity.judge("b", 14, 12) is Verdict.GAP
    assert continuity.judge("a", 13, 11) is Verdict.NEXT
    assert continuity.judge("a", 11, 3) is Verdict.SEEN
    assert continuity.judge("b", 9, 0) is Verdict.SEEN


def test_what_is_remembered_is_bounded() -> None:
    continuity, guard = Continuity(), EpochGuard()
    for number in range(SUBJECTS_REMEMBERED_MAX + 10):
        continuity.note(str(number), number + 1)
        guard.admits(str(number), 1)
    assert len(continuity._last) == len(guard._highest) == SUBJECTS_REMEMBERED_MAX
    continuity.read_to(SUBJECTS_REMEMBERED_MAX + 9)
    assert len(continuity._last) == 1


@given(st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(1, 4)), max_size=30))
def test_shown_epochs_never_go_back(messages: list[tuple[str, int | None]]) -> None:
    guard = EpochGuard()
    shown = [message for message in messages if guard.admits(*message)]
    for subject in "ab":
        epochs = [epoch for of, epoch in shown if of == subject and epoch is not None]
        assert epochs == sorted(epochs)
        highest = [epoch for of, epoch in messages if of == subject and epoch is not None]
        assert max(epochs, default=0) == max(highest, default=0)
    assert [m for m in shown if m[1] is None] == [m for m in messages if m[1] is None]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("0", 0),
        (" 17 ", 17),
        ("1795222635311746", 1795222635311746),
        ("9007199254740991", END_SEQUENCE),
        ("-1", UNREADABLE_PLACE),
        ("1.5", UNREADABLE_PLACE),
        ("٣", UNREADABLE_PLACE),
        ("²", UNREADABLE_PLACE),
        ("abc", UNREADABLE_PLACE),
        ("9" * 20, UNREADABLE_PLACE),
        ("9" * 5000, UNREADABLE_PLACE),
    ],
)
def test_a_last_event_id_is_a_sequence_or_reads_as_unknown(text: str | None, place: int | None) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize(
    ("place", "found", "first", "last", "reason"),
    [
        (100, 100, 90, 120, None),  # it is there
        (100, 105, 90, 120, None),  # what follows it is there
        (100, None, 90, 120, None),  # nothing follows under the filter
        (89, 95, 90, 120, None),  # everything after it is kept
        (88, 95, 90, 120, "expired"),  # 89 may have been under the filter
        (100, None, None, None, "expired"),  # DELTAS is empty: what came after has expired
        (0, None, None, None, None),  # given out while DELTAS was empty
        (0, 95, 90, 120, None),
        (121, None, 90, 120, "unknown_id"),
        (END_SEQUENCE, None, 90, 120, "unknown_id"),
        (UNREADABLE_PLACE, None, 90, 120, "unknown_id"),
        (UNREADABLE_PLACE, None, None, None, "unknown_id"),
    ],
)
def test_a_place_is_judged_by_what_deltas_still_holds(
    place: int, found: int | None, first: int | None, last: int | None, reason: str | None
) -> None:
    assert judge_place(place, found=found, first=first, last=last) == reason


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 60), st.sets(st.integers(1, 60)))
def test_no_place_is_accepted_that_could_hide_a_loss(first: int, span: int, place: int, under_filter: set[int]) -> None:
    last = first + span
    kept = sorted(sequence for sequence in under_filter if first <= sequence <= last)
    found = next((sequence for sequence in kept if sequence >= place), None)
    reason = judge_place(place, found=found, first=first, last=last)
    lost = [sequence for sequence in under_filter if place < sequence < first]
    if place and lost:
        assert reason == "expired"
    if first <= place <= last:
        assert reason is None


def frames(*words: str) -> list[Frame]:
    """`w1`: the run waits for the first time; `r1`: it goes on; `end`; anything else is an event."""
    told: list[Frame] = []
    for sequence, word in enumerate(words, 1):
        is_mark = word[0] in "wr" and word[1:].isdigit()
        wait = (int(word[1:]), word[0] == "w") if is_mark else None
        told.append(Frame(sequence, word.encode(), b"", word == "end", wait))
    return told


RUN = ("user", "asks", "w1", "r1", "answered", "asks2", "w2", "w2", "partly", "w3", "r3", "answered2", "text", "end")
"""A run that waits, goes on, waits for two things, and goes on."""


@pytest.mark.parametrize(
    ("wait", "shown"),
    [
        (0, ["user", "asks", "w1"]),
        (1, ["w1", "r1", "answered", "asks2", "w2"]),
        (2, ["w2", "w2", "partly", "w3"]),
        (3, ["w3", "r3", "answered2", "text", "end"]),
        (4, ["end"]),  # a run never ends with a viewer still waiting
    ],
)
@pytest.mark.parametrize("batch_frames", [1, 3, 20])
def test_chatkits_turn_goes_from_one_wait_to_the_next(wait: int, shown: list[str], batch_frames: int) -> None:
    turn = ChatKitTurn(wait, begins=True)
    every = frames(*RUN)
    taken = [turn.take(every[at : at + batch_frames]) for at in range(0, len(every), batch_frames)]
    assert [frame.full.decode() for batch in taken for frame in batch] == shown
    assert turn.has_ended


def test_a_turn_whose_beginning_has_expired_begins_where_the_run_goes_on() -> None:
    turn = ChatKitTurn(2, begins=True)
    assert [frame.full for frame in turn.take(frames("r2", "answered", "end"))] == [b"r2", b"answered", b"end"]


def test_a_viewer_who_goes_on_from_a_place_is_shown_all_that_follows() -> None:
    turn = ChatKitTurn(1, begins=False)
    assert [frame.full for frame in turn.take(frames("answered", "text", "w2", "later"))] == [
        b"answered",
        b"text",
        b"w2",
    ]
