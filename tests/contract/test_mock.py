"""A service played from its examples keeps its contracts' shapes, so another can be developed against it alone."""

import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.requests import RequestServer
from actor_kit.settings import ServiceSettings
from contracts.commands import BeginTurn, ClaimRun
from contracts.message import Message, reply_type_of
from contracts.registry import REGISTRY, requests_to
from contracts.services import Service
from natter.contract_tests.mock import ExampleActor
from natter.contract_tests.scenario import STORE_SCENARIO

from contracts import golden


@pytest.mark.parametrize("request_type", requests_to(Service.CONVERSATION_STORE), ids=lambda one: one.__name__)
async def test_every_request_is_answered_with_its_reply(nats_url: str, request_type: type[Message]) -> None:
    store, edge = Service.CONVERSATION_STORE, Service.AUTH_EDGE
    settings = ServiceSettings(nats_url=nats_url)
    async with Bus.open(settings, service=store) as store_bus, Bus.open(settings, service=edge) as bus:
        await provision(store_bus)
        async with RequestServer(store_bus, ExampleActor(store), service=store):
            reply = await bus.request(request_type.decode(golden.example_of(request_type)))  # pyright: ignore[reportArgumentType]
    assert isinstance(reply, reply_type_of(request_type) or Message)


async def test_an_answer_repeats_the_callers_ids(nats_url: str) -> None:
    store = Service.CONVERSATION_STORE
    claim = ClaimRun.decode(golden.example_of(ClaimRun)).model_copy(update={"run_id": "run_mine"})
    turn = BeginTurn.decode(golden.example_of(BeginTurn)).model_copy(update={"conversation_id": None})
    async with (
        Bus.open(ServiceSettings(nats_url=nats_url), service=store) as bus,
        RequestServer(bus, ExampleActor(store), service=store),
    ):
        claimed = await bus.request(claim)
        first, second = await bus.request(turn), await bus.request(turn)
    assert claimed.run.run_id == "run_mine"
    assert first.conversation_id != second.conversation_id


def test_the_provider_scenario_asks_every_request_of_the_store() -> None:
    """A new request without a step would be a contract that nobody tests."""
    assert {step.message for step in STORE_SCENARIO} == set(requests_to(Service.CONVERSATION_STORE))
    assert all(entry.receivers or entry.senders for entry in REGISTRY)
