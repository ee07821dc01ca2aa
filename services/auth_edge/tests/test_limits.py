"""Budgets over all replicas, and what a caller hears when the store or the bus is away, slow or full."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from actor_kit.bus import Bus
from actor_kit.requests import RequestServer
from actor_kit.settings import ServiceSettings
from auth_edge.http.call import LARGE_BODY_BYTES
from auth_edge.permits import REFUSED_WAIT_SECONDS, REFUSED_WAITING_MAX, Permits
from auth_edge.testing import RunningEdge, running_edge
from contracts.commands import BeginTurn, TakeRequestPermit
from contracts.errors import Code, RetryableError
from contracts.identity import Principal
from contracts.replies import RateChecked
from contracts.services import Service
from natter_testing.servers import start_nats, temporary_directory

ALICE, BOB = Principal(user_id="alice"), Principal(user_id="bob")


class Ledger:
    """The store's side of the budget: a window of a minute for each user."""

    def __init__(self) -> None:
        self.used: dict[str, int] = {}
        self.asked_count = 0

    async def ask(self, command: TakeRequestPermit) -> RateChecked:
        self.asked_count += 1
        await asyncio.sleep(0.001)
        user_id, limit = command.principal.user_id, command.requests_per_minute_max
        granted = min(command.permits, limit - self.used.get(user_id, 0))
        if granted == 0:
            raise RetryableError(Code.RATE_LIMITED, "Too many requests.", retry_after_seconds=30)
        self.used[user_id] = self.used.get(user_id, 0) + granted
        return RateChecked(limit=limit, remaining=limit - self.used[user_id], reset_seconds=60, granted=granted)


async def admitted(permits: Permits, ledger: Ledger, principal: Principal) -> int:
    try:
        return (await permits.take(principal, ledger.ask)).remaining
    except RetryableError as error:
        return -1 if error.code == Code.RATE_LIMITED else -1_000


@pytest.mark.parametrize("limit", [1, 5, 59, 60, 600])
async def test_all_replicas_together_admit_the_limit_and_no_more(limit: int) -> None:
    ledger = Ledger()
    replicas = [Permits(limit, now=lambda: 0.0) for _ in range(3)]
    outcomes = await asyncio.gather(*(admitted(replicas[n % 3], ledger, ALICE) for n in range(limit + 200)))
    allowed = sum(outcome >= 0 for outcome in outcomes)
    assert allowed == limit
    assert await admitted(replicas[0], ledger, BOB) == limit - 1
    # One question for each share, and at most one refusal heard by each replica.
    assert ledger.asked_count <= limit / max(1, limit // 30) + 3 + 2 * len(replicas)


async def test_a_window_ends_and_a_refusal_is_remembered_until_then() -> None:
    now = 0.0
    ledger = Ledger()
    permits = Permits(2, now=lambda: now)
    assert [await admitted(permits, ledger, ALICE) for _ in range(5)] == [1, 0, -1, -1, -1]
    assert ledger.asked_count == 3
    now, ledger.used = 31.0, {}
    assert await admitted(permits, ledger, ALICE) == 1


async def test_a_budget_is_told_in_every_answer(edge: RunningEdge) -> None:
    answer = await edge.call("GET", "/tasks")
    assert answer.headers["ratelimit-policy"] == '"requests";q=1200;w=60'
    assert answer.headers["ratelimit"] == '"requests";r=1199;t=60'
    assert (await edge.call("GET", "/tasks/*")).headers["ratelimit"] == '"requests";r=1198;t=60'


async def test_too_much_is_429_with_the_time_to_wait(edge: RunningEdge, store: Any) -> None:
    store.answers["TakeRequestPermit"] = RetryableError(Code.RATE_LIMITED, "Too many.", retry_after_seconds=17.4)
    for _ in range(3):
        answer = await edge.call("POST", "/chat", json={"message": "hello"})
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert answer.headers["retry-after"] in {"17", "18"}
        assert answer.headers["ratelimit"].startswith('"requests";r=0;t=1')
    assert [type(message) for message in store.asked] == [TakeRequestPermit]


async def test_too_many_turns_name_their_own_policy(edge: RunningEdge, store: Any) -> None:
    store.answers["BeginTurn"] = RetryableError(Code.RATE_LIMITED, "Too many turns.", retry_after_seconds=20)
    answer = await edge.call("POST", "/chat", json={"message": "hello"})
    assert answer.status_code == 429
    assert answer.headers["ratelimit-policy"] == '"requests";q=1200;w=60, "turns";q=120;w=60'
    assert answer.headers["ratelimit"] == '"turns";r=0;t=20'
    # Remembered; but with a key it may be one that was stored before.
    assert (await edge.call("POST", "/chat", json={"message": "hello"})).status_code == 429
    assert len(begun_turns(store)) == 1
    await edge.call("POST", "/chat", json={"message": "hello"}, headers={"Idempotency-Key": "known"})
    assert (await edge.call("POST", "/chat", json={"message": "hello"}, user_id="bob")).status_code == 429
    assert len(begun_turns(store)) == 3


def begun_turns(store: Any) -> list[BeginTurn]:
    return [message for message in store.asked if isinstance(message, BeginTurn)]


async def test_a_user_s_slow_requests_leave_room_for_the_others(edge: RunningEdge, store: Any) -> None:
    release = asyncio.Event()

    async def wait(query: Any) -> Any:
        if query.principal.user_id == "alice":
            await release.wait()
        return store_page

    store_page, store.answers["ListTasks"] = store.answers["ListTasks"], wait
    inside = [asyncio.create_task(edge.call("GET", "/tasks")) for _ in range(20)]
    async with asyncio.timeout(2):
        while len(store.asked) < 5:  # one permit question, four for todos
            await asyncio.sleep(0.01)
        assert (await edge.call("GET", "/tasks", user_id="bob")).status_code == 200
        assert len(store.asked) == 7
        release.set()
        assert {answer.status_code for answer in await asyncio.gather(*inside)} == {200}


async def test_a_user_is_sent_one_export_at_a_time(edge: RunningEdge, store: Any) -> None:
    release = asyncio.Event()

    async def wait(query: Any) -> Any:
        if query.principal.user_id == "alice":
            await release.wait()
        return store_page

    store_page, store.answers["ExportUser"] = store.answers["ExportUser"], wait
    first = asyncio.create_task(edge.call("GET", "/export"))
    async with asyncio.timeout(2):
        while len(store.asked) < 2:  # the permit question, and the first part
            await asyncio.sleep(0.01)
    second = await edge.call("GET", "/export")
    assert (second.status_code, second.json()["code"]) == (429, "rate_limited")
    assert int(second.headers["retry-after"]) >= 1
    assert (await edge.call("GET", "/export", user_id="bob")).status_code == 200
    release.set()
    assert (await first).status_code == 200
    assert (await edge.call("GET", "/export")).status_code == 200


async def test_one_large_body_of_a_user_is_read_at_a_time(edge: RunningEdge) -> None:
    release = asyncio.Event()

    async def slow_body() -> Any:
        yield b" " * 70_000
        await release.wait()

    first = asyncio.create_task(edge.call("POST", "/chat", content=slow_body()))
    second = asyncio.create_task(edge.call("POST", "/chat", content=b" " * 70_000))
    done, _ = await asyncio.wait({first, second}, timeout=0.2)
    assert not done
    assert (await edge.call("POST", "/chat", content=b" " * 70_000, user_id="bob")).status_code == 422
    release.set()
    assert {answer.status_code for answer in await asyncio.gather(first, second)} == {422}


async def test_a_slow_store_is_503_within_three_seconds(edge: RunningEdge, store: Any) -> None:
    async def sleep(_: object) -> None:
        await asyncio.sleep(4)

    store.answers["ListTasks"] = sleep
    started = time.monotonic()
    answer = await edge.call("GET", "/tasks")
    assert (answer.status_code, answer.json()["code"]) == (503, "deadline_exceeded")
    assert int(answer.headers["retry-after"]) >= 1
    assert time.monotonic() - started < 3


async def test_a_full_edge_says_so_at_once_and_stays_alive(nats_url: str, tmp_path: Path, store: Any) -> None:
    release = asyncio.Event()

    async def wait(_: object) -> Any:
        await release.wait()
        return store_page

    store_page, store.answers["ListTasks"] = store.answers["ListTasks"], wait
    async with running_edge(nats_url, tmp_path, requests_concurrent_max=3) as edge:
        inside = [asyncio.create_task(edge.call("GET", "/tasks")) for _ in range(3)]
        async with asyncio.timeout(2):
            while len(store.asked) < 4:  # one permit question, three for todos
                await asyncio.sleep(0.01)
        turned_away = await edge.call("GET", "/conversations")
        assert (turned_away.status_code, turned_away.json()["code"]) == (503, "overloaded")
        assert turned_away.headers["retry-after"] == "1"
        assert (await edge.client.get("/healthz")).status_code == 200
        release.set()
        assert [answer.status_code for answer in await asyncio.gather(*inside)] == [200, 200, 200]
        assert (await edge.call("GET", "/conversations")).status_code == 200


async def test_a_store_that_is_away_is_503_and_readiness_says_so(nats_url: str, tmp_path: Path) -> None:
    async with running_edge(nats_url, tmp_path) as edge:
        started = time.monotonic()
        answers = await asyncio.gather(*(edge.call("POST", "/chat", json={"message": "x"}) for _ in range(20)))
        assert {(a.status_code, a.json()["code"]) for a in answers} == {(503, "store_unavailable")}
        assert all(answer.headers["retry-after"] for answer in answers)
        assert time.monotonic() - started < 3
        ready = await edge.client.get("/readyz")
        assert (ready.status_code, ready.json()["missing"]) == (503, ["conversation_store"])
        assert (await edge.client.get("/healthz")).status_code == 200


async def test_without_the_issuer_s_keys_nobody_can_be_judged(nats_url: str, tmp_path: Path, store: Any) -> None:
    async with running_edge(nats_url, tmp_path, jwt_jwks_url="http://127.0.0.1:9/jwks") as edge:
        answer = await edge.call("GET", "/tasks")
        assert (answer.status_code, answer.json()["code"]) == (503, "identity_unavailable")
        assert answer.headers["retry-after"] == "2"
        assert (await edge.client.get("/readyz")).json()["missing"] == ["issuer_keys"]
    async with running_edge(nats_url, tmp_path) as edge:
        assert (await edge.client.get("/readyz")).json() == {"status": "ok", "missing": []}


async def test_a_bus_that_restarts_between_request_and_reply_loses_and_doubles_nothing(
    tmp_path: Path, store_answers: Any
) -> None:
    """The edge says 503; the repeated request, with the same Idempotency-Key, reaches the same turn."""
    with temporary_directory() as folder:
        running, accounts = start_nats(folder)
        url = accounts.new_url()
        stopped = asyncio.Event()

        async def begin(command: Any) -> Any:
            if not stopped.is_set():
                await asyncio.to_thread(running.kill)
                stopped.set()
            return store_answers.begun(command)

        store_answers.answers["BeginTurn"] = begin
        settings = ServiceSettings(nats_url=url)
        try:
            async with (
                Bus.open(settings, service=Service.CONVERSATION_STORE) as bus,
                RequestServer(bus, store_answers, service=Service.CONVERSATION_STORE),
                running_edge(url, tmp_path) as edge,
            ):
                request: dict[str, Any] = {"json": {"message": "hello"}, "headers": {"Idempotency-Key": "once"}}
                started = time.monotonic()
                answer = await edge.call("POST", "/chat", **request)
                assert (answer.status_code, answer.json()["code"]) == (503, "bus_unavailable")
                assert time.monotonic() - started < 3
                assert "bus" in (await edge.client.get("/readyz")).json()["missing"]
                await asyncio.to_thread(running.start)
                async with asyncio.timeout(20):
                    while (again := await edge.call("POST", "/chat", **request)).status_code == 503:
                        await asyncio.sleep(0.1)
                assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
                keys = [turn.idempotency_key for turn in store_answers.asked if isinstance(turn, BeginTurn)]
                assert keys == ["once", "once"]
        finally:
            running.stop()


async def test_who_is_beyond_their_budget_hears_it_later_others_and_a_crowd_of_them_at_once(
    edge: RunningEdge, store: Any
) -> None:
    async def seconds(user_id: str) -> tuple[int, float]:
        started = time.monotonic()
        answer = await edge.call("GET", "/tasks", user_id=user_id)
        return answer.status_code, time.monotonic() - started

    granted = store.answers["TakeRequestPermit"]

    async def refuse_alice(command: TakeRequestPermit) -> RateChecked:
        if command.principal == ALICE:
            raise RetryableError(Code.RATE_LIMITED, "Too many requests.", retry_after_seconds=30)
        return granted

    store.answers["TakeRequestPermit"] = refuse_alice
    assert (await seconds("bob"))[0] == 200  # what there is to import and to connect
    flood = [asyncio.create_task(seconds("alice")) for _ in range(REFUSED_WAITING_MAX + 20)]
    await asyncio.sleep(REFUSED_WAIT_SECONDS / 10)
    status, waited = await seconds("bob")
    assert (status, waited < REFUSED_WAIT_SECONDS) == (200, True)
    answers = await asyncio.gather(*flood)
    assert {status for status, _ in answers} == {429}
    assert sum(waited >= REFUSED_WAIT_SECONDS for _, waited in answers) >= REFUSED_WAITING_MAX
    assert edge.edge.slow_refusals.waiting == 0


@pytest.mark.parametrize("says_its_length", [True, False])
async def test_a_body_is_large_when_much_of_it_has_come_whatever_it_says_of_its_length(
    says_its_length: bool, nats_url: str, tmp_path: Path, store: Any
) -> None:
    async def pieces(body: bytes) -> AsyncIterator[bytes]:
        for begin in range(0, len(body), 16 * 1024):
            yield body[begin : begin + 16 * 1024]

    def said(characters: int) -> Any:
        body = json.dumps({"message": "x" * characters}).encode() + b" " * characters
        return {"content": body if says_its_length else pieces(body), "headers": {"Content-Type": "application/json"}}

    async with running_edge(nats_url, tmp_path) as edge, edge.edge.places_for_large.place("alice"):
        small = await edge.call("POST", "/chat", **said(10_000))
        assert small.status_code == 202, small.text
        large = asyncio.create_task(edge.call("POST", "/chat", **said(32_000 + LARGE_BODY_BYTES // 2)))
        while edge.edge.places_for_large.waiting_count == 0:
            await asyncio.sleep(0.01)
        assert (await edge.call("POST", "/chat", **said(32_000))).status_code == 202  # of full length, and not large
        large.cancel()
