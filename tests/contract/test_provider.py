"""conversation_store keeps every contract, as `natter contracts test` sees it; one that does not is caught."""

from dataclasses import dataclass

import pytest
from actor_kit.actor import Actor, Delivery, Handlers
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.requests import RequestServer
from actor_kit.settings import ServiceSettings
from contracts.message import Message, Reply
from contracts.registry import requests_to
from contracts.replies import Done
from contracts.services import Service
from conversation_store.app import open_store
from conversation_store.testing import store_settings
from natter.contract_tests.commands import check_contracts
from natter.contract_tests.connections import Connections
from natter.contract_tests.provider import ProviderTest, Verdict

STORE = Service.CONVERSATION_STORE


async def verdicts_of(nats_url: str) -> list[Verdict]:
    async with Connections(nats_url, None) as connections:
        return [verdict async for verdict in ProviderTest(connections).run()]


@pytest.fixture
async def provisioned_nats_url(nats_url: str) -> str:
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus:
        await provision(bus)
    return nats_url


async def test_the_store_keeps_every_contract(provisioned_nats_url: str, database_url: str) -> None:
    async with open_store(store_settings(provisioned_nats_url, database_url)):
        verdicts = await verdicts_of(provisioned_nats_url)
    assert [verdict for verdict in verdicts if verdict.problem] == []
    answered = {verdict.message for verdict in verdicts if verdict.check.startswith("answers its example")}
    assert answered == {message.__name__ for message in requests_to(STORE)}


@dataclass(frozen=True)
class Careless(Actor):
    """Says "done" to everything, whoever asks."""

    @property
    def handlers(self) -> Handlers:
        return dict.fromkeys(requests_to(STORE), self.on_request)

    async def on_request(self, _message: Message, _delivery: Delivery) -> Reply:
        return Done()


async def test_a_service_that_lets_anyone_in_is_caught(provisioned_nats_url: str) -> None:
    async with (
        Bus.open(ServiceSettings(nats_url=provisioned_nats_url), service=STORE) as bus,
        RequestServer(bus, Careless(), service=STORE),
    ):
        problems = {f"{one.message} {one.check}" for one in await verdicts_of(provisioned_nats_url) if one.problem}
    assert "GetConversation refuses another user" in problems
    assert "GetTask does not know an unknown id" in problems
    assert "BeginTurn answers its example and ignores a new field" in problems


async def test_with_a_runner_on_the_bus_the_command_says_what_to_do(
    provisioned_nats_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = Service.AGENT_RUNNER
    async with (
        Bus.open(ServiceSettings(nats_url=provisioned_nats_url), service=runner) as bus,
        RequestServer(bus, None, service=runner),
    ):
        assert await check_contracts(provisioned_nats_url, None) == 2
    assert "stop it first" in capsys.readouterr().out
