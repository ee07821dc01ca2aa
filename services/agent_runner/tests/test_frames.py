"""When text leaves: at once at ease, in frames where much is said or the loop is late, all runs together."""

import asyncio

import pytest
from agent_runner.frames import (
    CROWDED_DELTAS_PER_SECOND,
    CROWDED_FRAME_SECONDS,
    FRAME_SECONDS_MAX,
    RATE_WINDOW_SECONDS,
    Frames,
    frame_seconds,
)


@pytest.mark.parametrize(
    ("deltas_per_second", "loop_delay_seconds", "seconds"),
    [
        (0, 0.0, 0.0),
        (500, 0.01, 0.0),
        (1_000, 0.0, CROWDED_FRAME_SECONDS / 2),
        (1_500, 0.0, CROWDED_FRAME_SECONDS),
        (100_000, 0.0, CROWDED_FRAME_SECONDS),
        (0, 0.11, 0.05),
        (100_000, 5.0, FRAME_SECONDS_MAX),
    ],
)
def test_a_frame_grows_with_the_load(deltas_per_second: float, loop_delay_seconds: float, seconds: float) -> None:
    assert frame_seconds(deltas_per_second, loop_delay_seconds) == pytest.approx(seconds)


class Held:
    def __init__(self) -> None:
        self.released_at: list[float] = []

    def release(self) -> None:
        self.released_at.append(asyncio.get_running_loop().time())


async def test_what_all_runs_hold_leaves_together_and_then_at_most_once_a_frame() -> None:
    frames = Frames(lambda: 0.0)
    one, other = Held(), Held()
    for _ in range(2):
        frames.hold(one, 0.05)
        frames.hold(other, 0.05)
        await asyncio.sleep(0.06)
    first, second = one.released_at
    assert second - first >= 0.045
    assert [abs(ours - theirs) < 0.01 for ours, theirs in zip(one.released_at, other.released_at, strict=True)] == [
        True,
        True,
    ]


async def test_many_words_of_any_runs_make_frames_and_a_pause_ends_them() -> None:
    frames = Frames(lambda: 0.0)
    assert frames.count_delta() == 0.0
    for _ in range(int(CROWDED_DELTAS_PER_SECOND)):
        frames.count_delta()
    await asyncio.sleep(RATE_WINDOW_SECONDS)
    assert frames.count_delta() == pytest.approx(CROWDED_FRAME_SECONDS)
    await asyncio.sleep(RATE_WINDOW_SECONDS)
    assert frames.count_delta() == 0.0
