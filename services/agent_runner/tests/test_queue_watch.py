"""A queue's age: how long at least a run was there that nobody took."""

from typing import Any, cast

from agent_runner.metrics import QUEUE_AGE_SECONDS
from agent_runner.queue_watch import QueueWatch


def state(pending: int, taken: str | None = None) -> dict[str, Any]:
    return {"num_pending": pending, "num_ack_pending": 0, "delivered": {"last_active": taken} if taken else {}}


def test_the_age_begins_with_the_first_run_and_anew_with_each_that_is_taken() -> None:
    watch = QueueWatch(cast("Any", None), ["a"])
    age = QUEUE_AGE_SECONDS.labels("a")._value.get
    told: list[float] = []
    for now, said in (
        (1_000.0, state(0, "1970-01-01T00:16:00.5Z")),
        (1_005.0, state(2, "1970-01-01T00:16:00.5Z")),
        (1_035.0, state(9, "1970-01-01T00:16:00.5Z")),
        (1_040.0, state(8, "1970-01-01T00:17:18.123456789Z")),  # 1,038 s: one was taken
        (1_045.0, state(0)),
    ):
        watch.note("a", said, now)
        told.append(age())
    assert told == [0, 0, 30, 2, 0]
