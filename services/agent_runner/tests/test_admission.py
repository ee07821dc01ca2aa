"""How many runs are taken on, by the loop's delay and the memory."""

import pytest
from actor_kit.health import Health
from agent_runner.admission import AT_ONCE_MAX, Admission, memory_bytes, room_for_runs


@pytest.mark.parametrize(
    ("free", "delay", "memory", "room"),
    [
        (512, 0.0, 0.1, AT_ONCE_MAX),
        (3, 0.0, 0.1, 3),
        (512, 0.2, 0.1, 1),
        (512, 1.5, 0.1, 0),
        (512, 0.0, 1.0, 0),
        (0, 0.2, 0.1, 0),
    ],
)
def test_a_runner_takes_on_what_it_has_room_for(free: int, delay: float, memory: float, room: int) -> None:
    assert room_for_runs(free, loop_delay_seconds=delay, memory_share=memory) == room


def test_it_asks_for_the_delay_and_the_memory_of_now() -> None:
    used = [10]
    health = Health()
    admission = Admission(health, 100, lambda: used[0])
    assert admission(5) == 5
    health.loop_delay_seconds = 0.5
    assert admission(5) == 1
    used[0] = 100
    assert admission(5) == 0


def test_the_memory_is_that_of_this_process() -> None:
    ballast = bytearray(64 * 1_048_576)
    assert 64 * 1_048_576 < memory_bytes() < 4_096 * 1_048_576
    del ballast
