"""The queue of one viewer: bounded; what it drops is found again from the viewer's place."""

from hypothesis import given
from hypothesis import strategies as st
from stream_relay.rules import FrameQueue
from stream_relay.translate import Frame


def frame(sequence: int, size: int = 10) -> Frame:
    return Frame(sequence, b"x" * size, b"x" * size)


def sequences(frames: list[Frame]) -> list[int]:
    return [each.sequence for each in frames]


def test_frames_come_out_in_the_order_they_were_offered() -> None:
    queue = FrameQueue(frames_max=10, bytes_max=1000)
    for sequence in (3, 5, 9):
        queue.offer(frame(sequence))
    assert sequences(queue.take(1000)) == [3, 5, 9]
    assert queue.place == 9
    assert len(queue) == 0


def test_what_was_read_is_left_out() -> None:
    queue = FrameQueue(frames_max=10, bytes_max=1000)
    for sequence in (3, 5, 9):
        queue.offer(frame(sequence))
    queue.read(5)
    assert sequences(queue.take(1000)) == [9]


def test_one_chunk_takes_about_so_many_bytes() -> None:
    queue = FrameQueue(frames_max=10, bytes_max=1000)
    for sequence in range(1, 6):
        queue.offer(frame(sequence))
    assert sequences(queue.take(15)) == [1, 2]
    assert sequences(queue.take(1)) == [3]


def test_too_many_frames_or_bytes_empty_it_until_it_is_restarted() -> None:
    for queue, size in ((FrameQueue(frames_max=2, bytes_max=1000), 10), (FrameQueue(frames_max=9, bytes_max=25), 10)):
        for sequence in (1, 2, 3, 4):
            queue.offer(frame(sequence, size))
        assert queue.has_overflowed
        assert queue.take(1000) == []
        assert queue.restart() == []
        queue.offer(frame(5, size))
        assert sequences(queue.take(1000)) == [5]


def test_a_late_frame_that_was_dropped_is_not_lost() -> None:
    queue = FrameQueue(frames_max=2, bytes_max=1000)
    queue.start_at(10)
    queue.offer(frame(20))
    queue.take(1000)
    queue.offer(frame(15))  # lost on its way and found after 20 was shown: a read from 20 would not find it
    queue.offer(frame(8))  # read already
    queue.offer(frame(21))  # one too many
    queue.offer(frame(16))
    assert sequences(queue.restart()) == [15, 16]
    assert queue.restart() == []


@given(st.lists(st.sampled_from(["offer", "take", "read on"]), max_size=60), st.integers(1, 5))
def test_every_frame_is_shown_once_whatever_overflows(steps: list[str], frames_max: int) -> None:
    queue = FrameQueue(frames_max=frames_max, bytes_max=1000)
    shown: list[int] = []
    stored = 0

    def read_on() -> None:
        shown.extend(sequences(queue.restart()))
        shown.extend(range(queue.place + 1, stored + 1))
        queue.read(stored)

    for step in steps:
        if step == "offer":
            stored += 1
            queue.offer(frame(stored))
        elif queue.has_overflowed or step == "read on":
            read_on()
        else:
            shown.extend(sequences(queue.take(25)))
    read_on()
    shown.extend(sequences(queue.take(10_000)))
    assert shown == list(range(1, stored + 1))
