"""Work done side by side."""

import asyncio
from collections.abc import Coroutine


async def together(*work: Coroutine[None, None, None]) -> None:
    """Do work side by side. When a part raises, the others are cancelled, and what it raised is raised here as it is
    (a TaskGroup would raise a group).
    """
    tasks = [asyncio.create_task(part) for part in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
