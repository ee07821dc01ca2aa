"""Everything of a user is sent part by part, to one of their requests at a time."""

import asyncio
from typing import Any

from auth_edge.testing import RunningEdge
from contracts.commands import BeginExport
from contracts.errors import Code, RetryableError
from contracts.message import Json
from contracts.replies import ExportPage


async def test_it_leaves_as_it_is_read_and_a_second_one_of_the_user_has_to_wait(edge: RunningEdge, store: Any) -> None:
    may_go_on = asyncio.Event()
    asked: list[str | None] = []

    async def page(query: Any) -> ExportPage:
        asked.append(query.after)
        if query.after is not None:
            await may_go_on.wait()
        number = int(query.after or 0)
        last = number == 3
        rows: tuple[Json, ...] = ({"text": "x" * 100_000},)
        return ExportPage(kind="messages", data=rows, after=None if last else str(number + 1))

    store.answers["ExportUser"] = page
    first = asyncio.create_task(edge.call("GET", "/export"))
    async with asyncio.timeout(5):
        while len(asked) < 2:  # the first part is on its way, the second one is asked for: nobody asks ahead
            await asyncio.sleep(0.01)
    refused = await edge.call("GET", "/export")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert asked == [None, "1"]
    may_go_on.set()
    whole = await first
    assert (whole.status_code, len(whole.json()["messages"])) == (200, 4)
    assert (await edge.call("GET", "/export")).status_code == 200


async def test_who_had_enough_in_this_hour_is_told_before_anything_is_read(edge: RunningEdge, store: Any) -> None:
    store.answers["BeginExport"] = RetryableError(Code.RATE_LIMITED, "Too many exports.", retry_after_seconds=1_800)
    for path in ("/export", "/export?format=markdown"):
        refused = await edge.call("GET", path)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 1_795 <= int(refused.headers["retry-after"]) <= 1_800
    begun = [message for message in store.asked if isinstance(message, BeginExport)]
    assert [(one.format, one.exports_per_hour_max) for one in begun] == [("json", 10), ("markdown", 10)]
    assert "ExportUser" not in {type(message).__name__ for message in store.asked}
