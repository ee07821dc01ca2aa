"""A bounded queue, fair among users."""

import asyncio

import pytest
from actor_kit.fair_queue import FairQueue
from contracts.errors import Code, RetryableError


def queue(places: int = 1, waiting_max: int = 100, seconds_max: float = 5.0) -> FairQueue:
    return FairQueue(places, waiting_max=waiting_max, seconds_max=seconds_max, code=Code.OVERLOADED)


class Crowd:
    """Users who each want a place; `order` says who got one, and `refused` who did not."""

    def __init__(self, wanted: FairQueue) -> None:
        self.wanted = wanted
        self.order: list[str] = []
        self.refused: list[str] = []
        self.inside_max = 0
        self._inside = 0

    async def ask(self, user: str) -> None:
        try:
            async with self.wanted.place(user):
                self._inside += 1
                self.inside_max = max(self.inside_max, self._inside)
                self.order.append(user)
                await asyncio.sleep(0.001)
                self._inside -= 1
        except RetryableError:
            self.refused.append(user)


async def test_no_more_are_inside_than_there_are_places_and_all_come_in() -> None:
    crowd = Crowd(queue(places=3))
    await asyncio.gather(*(crowd.ask(f"user{number}") for number in range(50)))
    assert crowd.inside_max == 3
    assert len(crowd.order) == 50
    assert crowd.wanted.waiting_count == 0


async def test_a_user_who_asks_for_much_waits_behind_themselves() -> None:
    crowd = Crowd(queue())
    flood = [crowd.ask("flood") for _ in range(30)]
    await asyncio.gather(*flood, crowd.ask("quiet"), crowd.ask("other"))
    assert max(crowd.order.index("quiet"), crowd.order.index("other")) <= 4


async def test_slow_work_of_one_user_leaves_places_for_the_others() -> None:
    wanted = FairQueue(4, waiting_max=100, seconds_max=5.0, code=Code.OVERLOADED, user_places_max=3)
    release = asyncio.Event()

    async def slow() -> None:
        async with wanted.place("slow"):
            await release.wait()

    inside = [asyncio.create_task(slow()) for _ in range(10)]
    await asyncio.sleep(0)
    assert wanted.waiting_count == 7
    for user in ("quiet", "other", "quiet"):
        async with asyncio.timeout(1), wanted.place(user):
            pass
    release.set()
    async with asyncio.timeout(1):
        await asyncio.gather(*inside)
        async with wanted.place("slow"), wanted.place("slow"), wanted.place("slow"), wanted.place("quiet"):
            assert wanted.waiting_count == 0


async def test_a_full_queue_refuses_the_user_who_has_the_most_in_it() -> None:
    crowd = Crowd(queue(waiting_max=10))
    flood = [crowd.ask("flood") for _ in range(11)]
    await asyncio.gather(*flood, *(crowd.ask(f"user{number}") for number in range(5)))
    assert crowd.refused == ["flood"] * 5
    assert {f"user{number}" for number in range(5)} <= set(crowd.order)


async def test_nobody_waits_longer_than_the_bound_and_a_place_is_not_lost() -> None:
    wanted = queue(seconds_max=0.02)
    async with wanted.place("one"):
        with pytest.raises(RetryableError) as refused:
            async with wanted.place("two"):
                pass
    assert refused.value.code == Code.OVERLOADED
    async with wanted.place("three"):
        assert wanted.waiting_count == 0


async def test_who_goes_away_while_waiting_leaves_no_hole() -> None:
    wanted = queue()
    async with wanted.place("one"):
        waiting = [asyncio.create_task(Crowd(wanted).ask(f"user{number}")) for number in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.sleep(0)
        assert wanted.waiting_count == 2
    await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(1), wanted.place("again"):
        pass


async def test_after_a_pause_one_comes_in_again_and_others_at_once() -> None:
    wanted = FairQueue(
        1, waiting_max=9, seconds_max=5.0, code=Code.OVERLOADED, user_places_max=1, user_pause_seconds=0.05
    )
    crowd = Crowd(wanted)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(crowd.ask(user) for user in ("one", "one", "two", "one")))
    assert crowd.order == ["one", "two", "one", "one"]
    assert loop.time() - began >= 0.1


async def test_all_who_wait_are_refused_at_once_where_the_thing_is_away() -> None:
    wanted = queue()
    crowd = Crowd(wanted)
    async with wanted.place("one"):
        waiting = [asyncio.create_task(crowd.ask(f"user{number}")) for number in range(3)]
        await asyncio.sleep(0)
        wanted.refuse_waiting(RetryableError(Code.STORE_UNAVAILABLE, "away"))
        await asyncio.gather(*waiting)
        assert len(crowd.refused) == 3
