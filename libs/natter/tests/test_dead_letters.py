"""Dead letters are shown, and replayed once to whom they were for."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from actor_kit.bus import Bus
from actor_kit.bus.admin import StreamAdmin
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.events import AuditEvent, DeadLetter
from contracts.services import Service
from contracts.streams import RUNS
from contracts.subjects import subject_of
from natter.__main__ import main
from natter.dead_letters import read_all
from typer.testing import CliRunner

SUBJECT = "run.todo.YWxpY2U.conv_1.requested"
PAYLOAD = b'{"run_id": "run_1"}'


@pytest.fixture
async def bus(nats_url: str):
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus:
        await provision(bus)
        yield bus


async def give_up(bus: Bus, number: int, subject: str = SUBJECT) -> None:
    letter = DeadLetter(
        service="agent_runner",
        message="RunRequested",
        subject=subject,
        code="internal",
        detail=f"The handler failed ({number}).",
        deliveries_count=5,
        headers={"Natter-Schema": "1", "Nats-Msg-Id": "run_1"},
        payload_base64=base64.b64encode(PAYLOAD).decode(),
    )
    await bus.publish_stored(subject_of(DeadLetter, service="agent_runner", message="RunRequested"), letter.encode())


async def runs(bus: Bus) -> int:
    return (await StreamAdmin(bus.client).stream_state(RUNS.name) or {})["messages"]


async def test_a_dead_letter_is_listed_and_replayed_once(bus: Bus, nats_url: str) -> None:
    for number in range(3):
        await give_up(bus, number)
    letters = await read_all(bus)
    assert [stored.letter.detail for stored in letters] == [f"The handler failed ({number})." for number in range(3)]

    shown = await run("list", "--nats-url", nats_url)
    assert "agent_runner" in shown.stdout
    assert "internal" in shown.stdout
    assert (await run("replay", str(letters[1].sequence), "--nats-url", nats_url)).stdout == "replayed 1\n"
    assert await runs(bus) == 1
    assert [stored.sequence for stored in await read_all(bus)] == [letters[0].sequence, letters[2].sequence]

    unknown = await run("replay", str(letters[1].sequence), "--nats-url", nats_url)
    assert unknown.exit_code == 1
    assert f"no dead letter {letters[1].sequence}" in unknown.stderr
    assert (await run("replay", "--all", "--nats-url", nats_url)).stdout == "replayed 2\n"
    assert (await run("list", "--nats-url", nats_url)).stdout == "there are no dead letters\n"
    assert await audited(bus) == [("dead_letter_replayed", stored.sequence) for stored in (letters[1], *letters[::2])]


async def audited(bus: Bus) -> list[tuple[str, int]]:
    """What AUDIT holds: no more of a letter than which it was."""
    messages, _ = await bus.direct_get("AUDIT", "audit.operator.-.*")
    events = [AuditEvent.decode(message.payload) for message in messages]
    assert all(event.details.keys() == {"sequence", "message", "code"} for event in events)
    return [(event.action, int(event.details["sequence"])) for event in events]


async def test_a_letter_of_the_time_with_one_assistant_goes_to_that_one(bus: Bus, nats_url: str) -> None:
    await give_up(bus, 1, subject="run.YWxpY2U.conv_1.requested")
    assert (await run("replay", "--all", "--nats-url", nats_url)).stdout == "replayed 1\n"
    assert (await bus.client.jetstream().get_msg("RUNS", seq=1)).subject == SUBJECT


async def test_a_dead_letter_is_shown_whole_and_discarded(bus: Bus, nats_url: str) -> None:
    for number in range(3):
        await give_up(bus, number)
    first, second, third = [stored.sequence for stored in await read_all(bus)]
    shown = json.loads((await run("show", str(second), "--nats-url", nats_url)).stdout)
    assert (shown["sequence"], shown["payload"], shown["subject"]) == (second, {"run_id": "run_1"}, SUBJECT)
    assert (await run("discard", str(first), str(second), "--nats-url", nats_url)).stdout == "discarded 2\n"
    assert [stored.sequence for stored in await read_all(bus)] == [third]
    assert await audited(bus) == [("dead_letter_discarded", sequence) for sequence in (first, second)]
    assert await runs(bus) == 0
    for command in ("show", "discard"):
        unknown = await run(command, str(first), "--nats-url", nats_url)
        assert (unknown.exit_code, f"no dead letter {first}" in unknown.stderr) == (1, True)
    assert (await run("discard", "--nats-url", nats_url)).exit_code == 2


async def test_replay_wants_to_be_told_which(nats_url: str) -> None:
    assert (await run("replay", "--nats-url", nats_url)).exit_code == 2
    assert (await run("replay", "1", "--all", "--nats-url", nats_url)).exit_code == 2


async def test_without_a_bus_or_a_stack_the_reason_is_said(tmp_path: Path) -> None:
    away = await run("list", "--nats-url", "nats://127.0.0.1:1")
    assert away.exit_code == 1
    assert "NATS cannot be reached" in away.stderr
    none = await run("list", "--data-dir", str(tmp_path))
    assert none.exit_code == 1
    assert "no stack has run" in none.stderr


async def run(*arguments: str):
    """Run the command in a thread: it has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main, ["dead-letters", *arguments])
