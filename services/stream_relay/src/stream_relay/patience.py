"""A moment's patience with a bus that is just coming back: an EventSource gives up on its first 503."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from contracts.errors import Code, RetryableError

BUS_AWAY_SECONDS_MAX: Final = 0.5
BUS_AWAY_PAUSE_SECONDS: Final = 0.1
"""With the 2 s that a direct get may take: 503 comes within 3 s."""

ResultT = TypeVar("ResultT")


async def patiently(ask: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Ask, and again for a moment while the bus is away. Raises what ``ask`` raises."""
    clock = asyncio.get_running_loop().time
    give_up_at = clock() + BUS_AWAY_SECONDS_MAX
    while True:
        try:
            return await ask()
        except RetryableError as error:
            if error.code != Code.BUS_UNAVAILABLE or clock() > give_up_at:
                raise
            await asyncio.sleep(BUS_AWAY_PAUSE_SECONDS)
