"""Commands and queries over the bus: replies, errors, discovery, side by side, bounded."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest
import structlog
from actor_kit.actor import Actor, Delivery, Handlers
from actor_kit.bus import Bus
from actor_kit.requests import RequestServer
from actor_kit.telemetry import traced
from contracts.commands import CancelRun
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.identity import Principal
from contracts.message import Message, Reply
from contracts.queries import GetRun, ListTasks
from contracts.registry import requests_to
from contracts.replies import RunReply, TaskPage
from contracts.services import Service

ALICE = Principal(user_id="alice")


@dataclass(frozen=True)
class Answers(Actor):
    """Answers ListTasks, refuses GetRun with the given error; everything else is not expected."""

    error: Exception | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def handlers(self) -> Handlers:
        unexpected = dict.fromkeys(requests_to(Service.CONVERSATION_STORE), self.on_unexpected)
        return unexpected | {
            ListTasks: self.on_list_tasks,
            GetRun: self.on_get_run,
            CancelRun: self.on_cancel_run,
        }

    async def on_unexpected(self, message: Message, _delivery: Delivery) -> Reply:
        raise AssertionError(message)

    async def on_list_tasks(self, _query: ListTasks, _delivery: Delivery) -> TaskPage:
        return TaskPage(data=(), has_more=False)

    async def on_get_run(self, _query: GetRun, _delivery: Delivery) -> RunReply:
        assert self.error is not None
        raise self.error

    async def on_cancel_run(self, _command: CancelRun, _delivery: Delivery) -> RunReply:
        self.entered.set()
        await self.release.wait()
        raise TerminalError.not_found("run")


async def test_a_query_is_answered_with_its_reply(store_bus: Bus, runner_bus: Bus) -> None:
    async with RequestServer(store_bus, Answers(), service=Service.CONVERSATION_STORE):
        page = await runner_bus.request(ListTasks(principal=ALICE))
    assert page == TaskPage(data=(), has_more=False)


@pytest.mark.parametrize(
    "error",
    [
        TerminalError(Code.FORBIDDEN, "This run belongs to another user."),
        TerminalError(Code.INVALID_REQUEST, "Too long.", field="title"),
        RetryableError(Code.RUN_LEASED, "Another runner has it.", retry_after_seconds=2.5),
    ],
    ids=lambda error: str(error.code),
)
async def test_an_error_arrives_with_its_class_code_and_detail(
    store_bus: Bus, runner_bus: Bus, error: NatterError
) -> None:
    async with RequestServer(store_bus, Answers(error), service=Service.CONVERSATION_STORE):
        with pytest.raises(type(error)) as raised:
            await runner_bus.request(GetRun(principal=ALICE, run_id="run_1"))
    got = raised.value
    assert (got.code, got.detail, got.field) == (error.code, error.detail, error.field)
    assert got.retry_after_seconds == error.retry_after_seconds


async def test_a_bug_is_answered_with_internal_and_tells_nothing(store_bus: Bus, runner_bus: Bus) -> None:
    async with RequestServer(store_bus, Answers(ValueError("secret")), service=Service.CONVERSATION_STORE):
        with pytest.raises(TerminalError) as raised:
            await runner_bus.request(GetRun(principal=ALICE, run_id="run_1"))
    assert raised.value.code == Code.INTERNAL
    assert "secret" not in raised.value.detail


async def test_a_body_against_its_contract_names_the_field(store_bus: Bus, runner_bus: Bus) -> None:
    async with RequestServer(store_bus, Answers(), service=Service.CONVERSATION_STORE):
        body = json.dumps({"principal": {"user_id": "alice"}, "limit": "many", "new_field": 1}).encode()
        answer = await runner_bus.client.request(ListTasks.subject_template, body)
    assert json.loads(answer.data)["code"] == "invalid_request"
    assert json.loads(answer.data)["field"] == "limit"


async def test_a_slow_request_does_not_hold_up_another(store_bus: Bus, runner_bus: Bus) -> None:
    actor = Answers()
    async with RequestServer(store_bus, actor, service=Service.CONVERSATION_STORE):
        slow = asyncio.create_task(_code_of(runner_bus, CancelRun(principal=ALICE, run_id="run_1")))
        await asyncio.wait_for(actor.entered.wait(), 2)
        await runner_bus.request(ListTasks(principal=ALICE))
        actor.release.set()
        assert await slow == Code.NOT_FOUND


async def test_a_flood_is_refused_and_not_queued(store_bus: Bus, runner_bus: Bus) -> None:
    actor = Answers()
    async with RequestServer(store_bus, actor, service=Service.CONVERSATION_STORE, concurrency_max=2):
        waiting = [
            asyncio.create_task(_code_of(runner_bus, CancelRun(principal=ALICE, run_id="run_1"))) for _ in range(2)
        ]
        await asyncio.wait_for(actor.entered.wait(), 2)
        await asyncio.sleep(0.05)
        with pytest.raises(RetryableError) as refused:
            await runner_bus.request(ListTasks(principal=ALICE))
        assert refused.value.code == Code.STORE_UNAVAILABLE
        actor.release.set()
        assert await asyncio.gather(*waiting) == [Code.NOT_FOUND] * 2


async def test_a_request_under_way_is_answered_before_the_server_stops(store_bus: Bus, runner_bus: Bus) -> None:
    actor = Answers()
    async with RequestServer(store_bus, actor, service=Service.CONVERSATION_STORE):
        under_way = asyncio.create_task(_code_of(runner_bus, CancelRun(principal=ALICE, run_id="run_1")))
        await asyncio.wait_for(actor.entered.wait(), 2)
        asyncio.get_running_loop().call_later(0.1, actor.release.set)
    assert await under_way == Code.NOT_FOUND


async def test_services_are_found_and_their_figures_read(store_bus: Bus, runner_bus: Bus) -> None:
    async with RequestServer(store_bus, Answers(), service=Service.CONVERSATION_STORE):
        await runner_bus.request(ListTasks(principal=ALICE))
        ping = json.loads((await runner_bus.client.request("$SRV.PING.conversation_store", b"")).data)
        info = json.loads((await runner_bus.client.request("$SRV.INFO.conversation_store", b"")).data)
        stats = json.loads((await runner_bus.client.request("$SRV.STATS.conversation_store", b"")).data)
    assert ping["name"] == "conversation_store"
    assert {endpoint["subject"] for endpoint in info["endpoints"]} == {
        message.subject_template for message in requests_to(Service.CONVERSATION_STORE)
    }
    figures = {endpoint["subject"]: endpoint["num_requests"] for endpoint in stats["endpoints"]}
    assert figures[ListTasks.subject_template] == 1


async def test_a_service_without_requests_is_found_too(runner_bus: Bus) -> None:
    async with RequestServer(runner_bus, None, service=Service.AGENT_RUNNER):
        answer = await runner_bus.client.request("$SRV.PING.agent_runner", b"")
    assert json.loads(answer.data)["name"] == "agent_runner"


async def test_the_trace_of_a_caller_is_the_trace_of_the_handler(store_bus: Bus, runner_bus: Bus) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    seen: list[str] = []

    @dataclass(frozen=True)
    class Tracing(Answers):
        async def on_list_tasks(self, _query: ListTasks, delivery: Delivery) -> TaskPage:
            seen.append(delivery.headers["traceparent"])
            seen.append(structlog.contextvars.get_contextvars()["message"])
            return TaskPage(data=(), has_more=False)

    async with RequestServer(store_bus, Tracing(), service=Service.CONVERSATION_STORE):
        with traced({"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}):
            await runner_bus.request(ListTasks(principal=ALICE))
    assert trace_id in seen[0]
    assert seen[1] == "ListTasks"


async def test_an_actor_that_lacks_a_handler_does_not_start(store_bus: Bus) -> None:
    with pytest.raises(TypeError, match="has no handler for BeginTurn"):
        async with RequestServer(store_bus, Actor(), service=Service.CONVERSATION_STORE):
            pass


async def _code_of(bus: Bus, request: CancelRun) -> Code:
    with pytest.raises(NatterError) as raised:
        await bus.request(request)
    return raised.value.code
