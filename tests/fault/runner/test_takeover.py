"""One runner dies with many runs in its hands; what the next one makes of each: bounded, stopped, handed over, gone."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from actor_kit.bus import Pulled
from actor_kit.bus.admin import StreamAdmin
from contracts.commands import CancelRun, DeleteConversation, EraseUser, RunRequested
from contracts.events import DeadLetter
from contracts.identity import Principal
from contracts.replies import TurnBegun
from contracts.streams import RUNS_MAILBOX
from contracts.subjects import parse_subject

from tests.openai_server import Answer, OpenaiServer, text
from tests.runner_stack import RunnerStack, Watched, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEASE_SECONDS = 1.5
WAIT_SECONDS_MAX = 30.0
RUN_SECONDS_MAX = 600.0
TURNS_MAX = 4
TOKENS_MAX = 500
LOOK = Answer(calls=(("list_tasks", {}),))
LOOK_WORDILY = Answer(words=("word ",) * 200, calls=(("list_tasks", {}),))
SILENCE = Answer(stall_before=True)
WORDS = tuple(f"word{number} " for number in range(24))
SEEN = "".join(WORDS[:12])
# By a word in the user's message: what the model answers, over the death of its first caller.
SCRIPTS = {
    "COUNTS": [Answer(words=("one more ",) * 20_000, word_delay_seconds=0.005)],
    "TURNS": [LOOK, LOOK, SILENCE, LOOK],
    "TOKENS": [LOOK_WORDILY, SILENCE, LOOK_WORDILY, LOOK_WORDILY, text("fine")],
    "STOPPED": [Answer(calls=(("add_task", {"title": "kept"}),)), text("one ", "two ", "three ", stall_after_words=2)],
    "HANDED": [text("first answer"), text("lost answer"), text("final answer")],
    "GOESON": [
        Answer(calls=(("add_task", {"title": "begun"}),)),
        Answer(words=WORDS, thoughts=("Hm.",), stall_after_words=12),
        Answer(words=WORDS),
    ],
    "JOINS": [Answer(words=WORDS, stall_after_words=12), Answer(words=(" word11", "!"))],
    "ENDED": [Answer(words=WORDS, stall_after_words=12), Answer(calls=(("add_task", {"title": "after"}),)), text("ok")],
}
GO_ON = {"goes-on": "GOESON", "joins": "JOINS", "ended": "ENDED"}
HOUSE: dict[str, Any] = {"inference_options": {"model": "house"}}


@dataclass
class Crash:
    """A stack whose only runner was killed and replaced, the runs that it had, and what was seen before it died."""

    stack: RunnerStack
    provider: OpenaiServer
    begun: dict[str, TurnBegun] = field(default_factory=dict)
    before: dict[str, Watched] = field(default_factory=dict)

    def asked(self, word: str) -> list[dict[str, Any]]:
        """The model calls of the run whose message holds a word."""
        return [request for request in self.provider.requests if word in json.dumps(request)]

    async def seen(self, user: str) -> Watched:
        return await self.stack.watch(user, self.begun[user])

    async def shown(self, user: str) -> Watched:
        return Watched.of(await self.stack.deltas(user, self.begun[user]))


async def until(is_true: Callable[[], Any]) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await is_true():
            await asyncio.sleep(0.02)


async def use_up_deliveries(stack: RunnerStack, count: int) -> None:
    """Take ``count`` messages as often as may be, but once, and give them back."""
    consumer = stack.bus.pull_consumer(replace(RUNS_MAILBOX, ack_wait_seconds=LEASE_SECONDS))
    await consumer.open()
    for attempt in range(1, RUNS_MAILBOX.max_deliver):
        pulled: list[Pulled] = []
        while len(pulled) < count:
            if one := await consumer.next(count - len(pulled)):
                pulled.append(one)
        assert [one.attempt for one in pulled] == [attempt] * count
        for one in pulled:
            await one.nak(0)
    await consumer.close()


async def delete(stack: RunnerStack, user: str, begun: TurnBegun) -> None:
    await stack.bus.request(
        DeleteConversation(principal=Principal(user_id=user), conversation_id=begun.conversation_id)
    )


async def begin_before_any_runner(crash: Crash) -> None:
    """Runs whose deliveries are used up when the first runner comes; one of them is deleted by then."""
    for user in ("spent", "spent-deleted"):
        crash.begun[user] = await crash.stack.begin(user, "COUNTS, please")

    async def both_wait() -> bool:
        state = await StreamAdmin(crash.stack.bus.client).stream_state("RUNS")
        return state is not None and state["messages"] == 2

    await until(both_wait)
    await use_up_deliveries(crash.stack, 2)
    await delete(crash.stack, "spent-deleted", crash.begun["spent-deleted"])


async def begin_and_wait(crash: Crash) -> None:
    """Begin the runs, and bring each to the place where its runner is to die."""
    stack = crash.stack
    _, first = await stack.ask("handed", "HANDED, please")
    assert first.viewer.texts() == ["first answer"]
    (conversation_id,) = [one for one, items in crash.provider.conversations.items() if "HANDED" in json.dumps(items)]
    handed_count = len(crash.provider.conversations[conversation_id])
    crash.provider.keeps_silent = True
    for user in ("late", "deleted", "erased"):
        crash.begun[user] = await stack.begin(user, "COUNTS, please")
    for user in ("turns", "tokens", "stopped"):
        crash.begun[user] = await stack.begin(user, f"{user.upper()}, please")
    for user, word in GO_ON.items():
        crash.begun[user] = await stack.begin(user, f"{word}, please", **HOUSE)
    crash.begun["handed"] = await stack.begin("handed", "HANDED again", first_conversation(first))

    async def all_are_there() -> bool:
        counting = [(await crash.shown(user)).viewer.texts() for user in ("late", "deleted", "erased")]
        return (
            all(counting)
            and (len(crash.asked("TURNS")), len(crash.asked("TOKENS"))) == (3, 2)
            and (await crash.shown("stopped")).viewer.texts() == ["one two "]
            and all([(await crash.shown(user)).viewer.texts() == [SEEN] for user in GO_ON])
            and len(crash.provider.conversations[conversation_id]) == handed_count + 2
        )

    await until(all_are_there)


def providers_at(base_url: str) -> list[dict[str, Any]]:
    """One over Responses, whose models begin anew, and one whose models go on with what was begun."""
    house = {"api": "chat_completions", "continues": "continue_final_message", "models": ["house"]}
    return [
        {"name": "scripted", "base_url": base_url, "key_variable": "OPENAI_API_KEY", "models": ["scripted"]},
        {"name": "house", "base_url": base_url, **house},
    ]


def first_conversation(seen: Watched) -> str:
    return seen.run_events[0]["conversation_id"]


async def while_nobody_is_there(crash: Crash) -> None:
    """What people do while the runner is dead; and of one run so much time has gone by that little is left."""
    stack = crash.stack
    crash.provider.keeps_silent = False
    for user in crash.begun:
        crash.before[user] = await crash.shown(user)
    stopped = crash.begun["stopped"]
    await stack.bus.request(CancelRun(principal=Principal(user_id="stopped"), run_id=stopped.run_id))
    await delete(stack, "deleted", crash.begun["deleted"])
    await stack.bus.request(EraseUser(principal=Principal(user_id="erased")))
    connection = await asyncpg.connect(stack.database_url)
    async with connection.transaction():
        await connection.execute("select set_config('app.system', 'on', true)")
        done = await connection.execute(
            "update chat.run set started_at = now() - make_interval(secs => $2) where run_id = $1",
            crash.begun["late"].run_id,
            RUN_SECONDS_MAX - 5,
        )
    await connection.close()
    assert done == "UPDATE 1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crash(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[Crash]:
    directory = tmp_path_factory.mktemp("takeover")
    async with (
        OpenaiServer(
            scripts={word: list(script) for word, script in SCRIPTS.items()}, continues=True
        ).running() as provider,
        runner_stack(directory, module_nats_url, module_database_url, runners=0, lease_seconds=LEASE_SECONDS) as stack,
    ):
        crash = Crash(stack, provider)
        await begin_before_any_runner(crash)
        environment = {
            "OPENAI_API_KEY": "sk-test",
            "AGENT_RUNNER_MODEL_PROVIDERS": json.dumps(providers_at(provider.base_url)),
            "AGENT_RUNNER_MODEL": "scripted",
            "AGENT_RUNNER_MODELS_ALLOWED": "house",
            "AGENT_RUNNER_SESSION": "openai",
            "AGENT_RUNNER_RUN_SECONDS_MAX": str(RUN_SECONDS_MAX),
            "AGENT_RUNNER_RUN_TURNS_MAX": str(TURNS_MAX),
            "AGENT_RUNNER_RUN_TOKENS_MAX": str(TOKENS_MAX),
        }
        runner = stack.add_runner("runner", environment)
        runner.start()
        await runner.wait_until_ready()
        await begin_and_wait(crash)
        assert runner.process is not None
        runner.process.kill()
        runner.process.wait()
        await while_nobody_is_there(crash)
        runner.start()
        yield crash


def code_of(seen: Watched) -> tuple[str, str | None]:
    assert seen.end is not None
    return seen.end["type"], seen.end.get("code")


async def test_a_stopped_run_keeps_the_text_that_was_seen(crash: Crash) -> None:
    seen = await crash.seen("stopped")
    assert code_of(seen)[0] == "run.cancelled"
    assert [event["epoch"] for event in seen.run_events if event["type"] == "run.restarted"] == [2]
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["one two "]
    assert list(seen.viewer.items) == list(crash.before["stopped"].viewer.items)  # nothing was withdrawn on the way
    assert not [event for event in seen.events if event["type"] == "thread.item.removed"]
    items = await crash.stack.items("stopped", crash.begun["stopped"].conversation_id)
    assert [item.item for item in items] == list(seen.viewer.items.values())
    assert items[-1].content == "one two "
    assert [(call.name, call.status) for call in items[-1].tool_calls] == [("add_task", "success")]
    assert [task.title for task in await crash.stack.tasks("stopped")] == ["kept"]
    (kept,) = [items for items in crash.provider.conversations.values() if "STOPPED" in json.dumps(items)]
    assert kept[-1]["content"][0]["text"] == "one two "  # and the model will remember it


async def test_a_model_that_can_goes_on_with_the_text_that_was_seen_and_repeats_no_word(crash: Crash) -> None:
    seen = await crash.seen("goes-on")
    assert code_of(seen)[0] == "run.completed"
    assert [event["epoch"] for event in seen.run_events if event["type"] == "run.restarted"] == [2]
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["".join(WORDS)]
    before = crash.before["goes-on"].viewer.items
    assert list(seen.viewer.items)[: len(before)] == list(before)
    assert not [event for event in seen.events if event["type"] == "thread.item.removed"]
    (asked,) = [one for one in crash.asked("GOESON") if one.get("continue_final_message")]
    assert asked["messages"][-1] == {"role": "assistant", "content": SEEN.rstrip()}
    assert [message["role"] for message in asked["messages"][-3:]] == ["assistant", "tool", "assistant"]
    items = await crash.stack.items("goes-on", crash.begun["goes-on"].conversation_id)
    assert [item.item for item in items] == list(seen.viewer.items.values())
    assert items[-1].content == "".join(WORDS)
    assert [(call.name, call.status) for call in items[-1].tool_calls] == [("add_task", "success")]
    (kept,) = [items for items in crash.provider.conversations.values() if "GOESON" in json.dumps(items)]
    assert kept[-1]["content"][0]["text"] == "".join(WORDS)  # and the model will remember all of it
    # The second answer had the words that were missing and the blank before them, and no other.
    usage = (await crash.stack.run("goes-on", crash.begun["goes-on"].run_id)).usage
    assert usage is not None
    assert usage.output_tokens == len(WORDS) - 12 + 1


async def test_a_blank_that_a_model_was_not_given_is_there_once(crash: Crash) -> None:
    seen = await crash.seen("joins")
    assert seen.viewer.texts() == seen.viewer.stored_texts() == [f"{SEEN}word11!"]
    (kept,) = [items for items in crash.provider.conversations.values() if "JOINS" in json.dumps(items)]
    assert kept[-1]["content"][0]["text"] == f"{SEEN}word11!"


async def test_a_text_that_a_model_adds_nothing_to_stays_and_its_tools_follow(crash: Crash) -> None:
    seen = await crash.seen("ended")
    assert seen.viewer.texts() == seen.viewer.stored_texts() == [SEEN, "ok"]
    assert [task.title for task in await crash.stack.tasks("ended")] == ["after"]
    assert [item["type"] for item in seen.viewer.items.values()][-3:] == [
        "assistant_message",
        "workflow",
        "assistant_message",
    ]
    last = crash.asked("ENDED")[-1]["messages"]
    assert last[-2]["content"] == SEEN
    assert last[-2]["tool_calls"]


async def test_the_turns_of_all_attempts_count(crash: Crash) -> None:
    assert code_of(await crash.seen("turns")) == ("run.failed", "run_turns_exceeded")
    unanswered = 1
    assert len(crash.asked("TURNS")) == TURNS_MAX + unanswered


async def test_the_tokens_of_all_attempts_count_and_are_stored(crash: Crash) -> None:
    assert code_of(await crash.seen("tokens")) == ("run.failed", "run_tokens_exceeded")
    usage = (await crash.stack.run("tokens", crash.begun["tokens"].run_id)).usage
    assert usage is not None
    assert (usage.requests, usage.input_tokens) == (3, 21)
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > TOKENS_MAX


async def test_the_seconds_of_a_run_count_over_its_attempts(crash: Crash) -> None:
    seen = await crash.seen("late")
    assert code_of(seen) == ("run.failed", "run_time_exceeded")
    assert seen.viewer.texts() == seen.viewer.stored_texts()
    run = await crash.stack.run("late", crash.begun["late"].run_id)
    assert run.started_at is not None
    assert run.finished_at is not None
    assert (run.finished_at - run.started_at).total_seconds() < RUN_SECONDS_MAX + WAIT_SECONDS_MAX


async def test_a_turn_is_handed_over_to_openai_once_with_the_text_that_the_user_has(crash: Crash) -> None:
    seen = await crash.seen("handed")
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["final answer"]
    (kept,) = [items for items in crash.provider.conversations.values() if "HANDED" in json.dumps(items)]
    texts = [item["content"][0]["text"] for item in kept]
    assert texts == ["HANDED, please", "first answer", "HANDED again", "final answer"]
    # Nor does the model see what was taken back.
    assert "lost answer" not in json.dumps(crash.asked("HANDED")[-1]["input"])


async def test_a_run_whose_deliveries_are_used_up_fails_with_a_dead_letter(crash: Crash) -> None:
    assert code_of(await crash.seen("spent")) == ("run.failed", "run_attempts_exhausted")


async def test_runs_of_deleted_conversations_and_erased_users_leave_the_queue_and_no_dead_letter(crash: Crash) -> None:
    async def queue_is_empty() -> bool:
        state = await StreamAdmin(crash.stack.bus.client).stream_state("RUNS")
        return state is not None and state["messages"] == 0

    await until(queue_is_empty)
    letters, _ = await crash.stack.bus.direct_get("DEAD_LETTERS", ">", from_sequence=1)
    runs = [DeadLetter.decode(letter.payload) for letter in letters]
    about = [parse_subject(RunRequested, letter.subject)["conversation_id"] for letter in runs]
    assert about == [crash.begun["spent"].conversation_id]
