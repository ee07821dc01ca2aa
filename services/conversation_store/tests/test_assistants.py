"""Several assistants: who is offered, whose a conversation is, and what a run keeps for who answers it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from contracts.assistants import AssistantCard, Requester, StartPrompt
from contracts.commands import AppendCheckpoint, RegisterAssistants
from contracts.errors import Code, TerminalError
from contracts.message import Json
from contracts.queries import ExportUser, GetConversation, GetRun, ListAssistants, ListConversations
from conversation_store.testing import ALICE, Client, everything_published, running_client, store_settings
from pydantic import ValidationError

OFFERED = "support, todo"
SUPPORT = AssistantCard(
    assistant_id="support",
    name="Support desk",
    greeting="How can we help?",
    start_prompts=(StartPrompt(label="My order", prompt="Where is my order?"),),
)
TODO = AssistantCard(assistant_id="todo", name="Natter")
OTHER = AssistantCard(assistant_id="other", name="Not offered")


@pytest.fixture
async def desk(nats_url: str, database_url: str) -> AsyncIterator[Client]:
    """A store that offers two assistants, the support desk first."""
    async with running_client(store_settings(nats_url, database_url, assistants=OFFERED), database_url) as made:
        yield made


async def cards(client: Client) -> tuple[AssistantCard, ...]:
    return (await client.ask(ListAssistants(principal=ALICE))).data


async def assistant_of(client: Client, conversation_id: str) -> str:
    reply = await client.ask(GetConversation(principal=ALICE, conversation_id=conversation_id))
    return reply.conversation.assistant_id


async def refusal(client: Client, **turn: Any) -> TerminalError:
    with pytest.raises(TerminalError) as refused:
        await client.begin(**turn)
    return refused.value


async def test_who_is_offered_is_listed_in_the_operators_order_once_its_runner_has_come(desk: Client) -> None:
    assert await cards(desk) == ()
    await desk.ask(RegisterAssistants(cards=(TODO, OTHER)))
    assert await cards(desk) == (TODO,)
    await desk.ask(RegisterAssistants(cards=(SUPPORT,)))
    assert await cards(desk) == (SUPPORT, TODO)


async def test_a_later_card_replaces_an_earlier_one(desk: Client) -> None:
    await desk.ask(RegisterAssistants(cards=(SUPPORT,)))
    renamed = SUPPORT.model_copy(update={"name": "Help", "greeting": None})
    await desk.ask(RegisterAssistants(cards=(renamed, renamed)))
    assert await cards(desk) == (renamed,)


async def test_a_conversation_is_the_default_assistants_or_who_was_asked_for(desk: Client) -> None:
    default, chosen = await desk.begin(), await desk.begin(assistant_id="todo")
    assert await assistant_of(desk, default.conversation_id) == "support"
    assert await assistant_of(desk, chosen.conversation_id) == "todo"
    listed = (await desk.ask(ListConversations(principal=ALICE))).data
    assert {view.conversation_id: view.assistant_id for view in listed} == {
        default.conversation_id: "support",
        chosen.conversation_id: "todo",
    }
    assert [(await desk.claim(turn.run_id)).assistant_id for turn in (default, chosen)] == ["support", "todo"]


async def test_a_conversation_keeps_its_assistant_whatever_is_asked_for_later(desk: Client) -> None:
    turn = await desk.answer(assistant_id="todo")
    await desk.begin("more", conversation_id=turn.conversation_id, assistant_id="support")
    assert await assistant_of(desk, turn.conversation_id) == "todo"


async def test_an_unknown_assistant_is_refused_and_nothing_is_stored(desk: Client) -> None:
    refused = await refusal(desk, assistant_id="other")
    assert (refused.code, refused.field) == (Code.ASSISTANT_UNKNOWN, "assistant_id")
    assert await desk.rows("select 1 from chat.conversation") == []


async def test_a_conversation_of_an_assistant_that_is_gone_is_readable_and_takes_no_message(
    nats_url: str, database_url: str
) -> None:
    async with running_client(store_settings(nats_url, database_url, assistants=OFFERED), database_url) as client:
        turn = await client.answer(idempotency_key="k", body_hash="h")
        waiting = await client.begin("and?", conversation_id=turn.conversation_id)
    async with running_client(store_settings(nats_url, database_url), database_url) as client:
        assert await assistant_of(client, turn.conversation_id) == "support"
        assert (await refusal(client, conversation_id=turn.conversation_id)).code == Code.ASSISTANT_NOT_SERVED
        again = await client.begin(idempotency_key="k", body_hash="h")  # what was accepted stays accepted
        assert (again.run_id, again.replayed) == (turn.run_id, True)
        await client.execute("update chat.run set requested_at = now() - interval '1 hour'")
        assert await client.store.sweeper.sweep() == {"failed": 1}
        run = (await client.ask(GetRun(principal=ALICE, run_id=waiting.run_id))).run
        assert (run.status, run.error_code) == ("failed", Code.ASSISTANT_NOT_SERVED)
        await everything_published(client)
        assert (await client.deltas())[-1]["code"] == "assistant_not_served"


async def test_what_is_known_of_who_asked_goes_to_the_runner_and_into_the_export(client: Client) -> None:
    requester = Requester(name="Alice", locale="de-CH", time_zone="Europe/Zurich", claims={"plan": ["team", 3]})
    turn, unknown = await client.begin(requester=requester), await client.begin()
    assert (await client.claim(turn.run_id)).requester == requester
    assert (await client.claim(unknown.run_id)).requester == Requester()
    exported: dict[str, Any] = {}
    after = None
    while True:
        part = await client.ask(ExportUser(principal=ALICE, after=after))
        exported |= {run["run_id"]: run["requester"] for run in part.data if part.kind == "runs"}
        after = part.after
        if after is None:
            break
    assert exported == {turn.run_id: requester.model_dump(mode="json"), unknown.run_id: {}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"claims": {"groups": ["x" * 9_000]}},
        {"locale": "de_CH; drop"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "/Europe/Zurich"},
        {"name": "x" * 201},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_known_of_who_asked_is_bounded(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Requester(**wrong)


async def test_the_agent_that_goes_on_after_a_handoff_is_in_the_checkpoint(client: Client) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    assert claimed.agent_name is None
    checkpoint = {"principal": ALICE, "run_id": turn.run_id, "epoch": claimed.epoch}
    await client.ask(AppendCheckpoint(**checkpoint, step=0, agent_name="Billing"))
    await client.ask(AppendCheckpoint(**checkpoint, step=1))
    await client.ask(AppendCheckpoint(**checkpoint, step=0, agent_name="Late"))  # stored already
    assert (await client.claim(turn.run_id)).agent_name == "Billing"


async def test_a_run_changes_the_metadata_of_its_conversation_by_key(client: Client) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    checkpoint = {"principal": ALICE, "run_id": turn.run_id, "epoch": claimed.epoch}
    await client.ask(AppendCheckpoint(**checkpoint, step=0, metadata={"order": 7, "seen": {"deep": None}}))
    await client.ask(AppendCheckpoint(**checkpoint, step=0, metadata={"order": 8}))  # stored already
    assert (await client.claim(turn.run_id)).conversation.metadata == {"order": 7, "seen": {"deep": None}}
    claimed = await client.claim(turn.run_id)
    await client.finish(claimed, metadata={"seen": None, "plan": "team"})
    reply = await client.ask(GetConversation(principal=ALICE, conversation_id=turn.conversation_id))
    assert reply.conversation.metadata == {"order": 7, "plan": "team"}


async def test_metadata_does_not_grow_without_bound_and_the_step_is_not_stored(client: Client) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    step = AppendCheckpoint(
        principal=ALICE, run_id=turn.run_id, epoch=claimed.epoch, step=0, metadata={"note": "x" * 70_000}
    )
    with pytest.raises(TerminalError) as refused:
        await client.ask(step)
    assert (refused.value.code, refused.value.field) == (Code.INVALID_REQUEST, "metadata")
    again = await client.claim(turn.run_id)
    assert (again.next_step, again.conversation.metadata) == (0, {})


async def test_a_stale_attempt_changes_no_metadata(client: Client) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    await client.claim(turn.run_id)
    changes: Json = {"order": 7}
    with pytest.raises(TerminalError) as refused:
        await client.ask(
            AppendCheckpoint(principal=ALICE, run_id=turn.run_id, epoch=claimed.epoch, step=0, metadata=changes)
        )
    assert refused.value.code == Code.RUN_STALE_EPOCH
    reply = await client.ask(GetConversation(principal=ALICE, conversation_id=turn.conversation_id))
    assert reply.conversation.metadata == {}
