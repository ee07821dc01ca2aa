"""Models behind OpenAI's HTTP APIs: what goes right, what goes wrong, and how a run says so."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from agent_runner.model_errors import ModelError
from agent_runner.publisher import FencedError
from agent_runner.rules import storable_item
from contracts.errors import Code

from tests.model_call import BOUNDS, Shown, call
from tests.openai_server import Answer, OpenaiServer, text, tool

APIS = ["responses", "chat_completions"]


@pytest.fixture
async def server() -> AsyncIterator[OpenaiServer]:
    async with OpenaiServer().running() as running:
        yield running


@pytest.mark.parametrize("api", APIS)
async def test_an_answer_streams_with_ids_of_our_own_and_its_usage(server: OpenaiServer, api: str) -> None:
    server.script = [text("Hello", " there")]
    shown = Shown()
    await call(server, api, shown)
    assert shown.viewer.texts() == shown.viewer.stored_texts() == ["Hello there"]
    assert next(iter(shown.viewer.items)).startswith("msg_")
    assert shown.usage is not None
    assert (shown.usage.input_tokens, shown.usage.total_tokens) == (7, 9)
    assert server.requests[0]["model"] == "scripted"
    await call(server, api, shown)
    assert len(shown.viewer.items) == 2


@pytest.mark.parametrize("api", APIS)
async def test_call_ids_that_are_missing_or_used_are_replaced(server: OpenaiServer, api: str) -> None:
    server.script = [Answer(calls=(("a", {}), ("b", {}), ("c", {})), call_ids=("call_0", "call_0", "call_9"))]
    shown = Shown()
    await call(server, api, shown, {"call_0"})
    ids = [item.call_id for item in shown.output]
    assert len(set(ids)) == 3
    assert "call_0" not in ids
    assert ids[2] == "call_9"


async def test_a_call_without_an_id_gets_one(server: OpenaiServer) -> None:
    server.script = [Answer(calls=(("a", {}),), call_ids=(None,))]
    shown = Shown()
    await call(server, "responses", shown)
    assert shown.output[0].call_id.startswith("call_")


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "fault",
    [
        Answer(status=429, retry_after_seconds=0.1),
        Answer(status=500),
        Answer(status=503, retry_after_seconds=0.1),
        Answer(words=("never",), stall_before=True),
        text("never", cut_after_words=0),
    ],
    ids=["429", "500", "503", "stall", "cut"],
)
async def test_a_fault_before_the_first_token_is_tried_again(server: OpenaiServer, api: str, fault: Answer) -> None:
    server.script = [fault, text("fine")]
    shown = Shown()
    await call(server, api, shown)
    assert shown.viewer.texts() == ["fine"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (text("half", " an", cut_after_words=1), Code.MODEL_UNAVAILABLE),
        (text("half", " an", stall_after_words=1), Code.MODEL_TIMEOUT),
        (text("half", " an", malformed_after_words=1), Code.MODEL_BAD_RESPONSE),
    ],
    ids=["cut", "stall", "malformed"],
)
async def test_a_fault_after_the_first_token_is_not_tried_again(
    server: OpenaiServer, api: str, fault: Answer, code: Code
) -> None:
    server.script = [fault, text("never")]
    shown = Shown()
    with pytest.raises(ModelError) as failed:
        await call(server, api, shown)
    assert failed.value.code == code
    assert shown.viewer.texts() == ["half"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "code", "requests"),
    [
        (Answer(status=401), Code.MODEL_REFUSED_KEY, 1),
        (Answer(status=403), Code.MODEL_REFUSED_KEY, 1),
        (Answer(status=404, error_code="model_not_found"), Code.MODEL_REJECTED_REQUEST, 1),
        (Answer(status=400, error_code="context_length_exceeded"), Code.MODEL_CONTEXT_EXCEEDED, 1),
        (Answer(status=400, error_words="This model's maximum context length is 8"), Code.MODEL_CONTEXT_EXCEEDED, 1),
        (Answer(status=400, error_code="content_filter"), Code.MODEL_CONTENT_FILTERED, 1),
        (Answer(status=429, error_code="insufficient_quota"), Code.MODEL_RATE_LIMITED, 1),
        (Answer(status=429, retry_after_seconds=0.05), Code.MODEL_RATE_LIMITED, 3),
        (Answer(status=429, retry_after_seconds=50), Code.MODEL_RATE_LIMITED, 1),
        (Answer(failed_event_code="server_error"), Code.MODEL_UNAVAILABLE, 3),
        (Answer(failed_event_code="rate_limit_exceeded"), Code.MODEL_RATE_LIMITED, 3),
    ],
)
async def test_what_cannot_be_helped_has_a_code_and_says_nothing_of_the_providers_words(
    server: OpenaiServer, fault: Answer, code: Code, requests: int
) -> None:
    server.script = [fault]
    with pytest.raises(ModelError) as failed:
        await call(server, "responses", Shown())
    assert failed.value.code == code
    assert "secret" not in failed.value.detail
    assert "OPENAI" not in failed.value.detail
    assert len(server.requests) == requests


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
async def test_a_provider_that_says_when_to_ask_again_is_not_asked_before(server: OpenaiServer, as_date: bool) -> None:
    wait_seconds = 2.0 if as_date else 0.8  # a date has whole seconds
    server.script = [Answer(status=429, retry_after_seconds=wait_seconds, retry_after_is_date=as_date), text("fine")]
    await call(server, "responses", Shown())
    first, second = server.asked_at
    assert second - first > 0.75  # the first backoff of our own is shorter


async def test_an_answer_may_take_long_as_long_as_it_goes_on(server: OpenaiServer) -> None:
    server.script = [text(*["word "] * 6, word_delay_seconds=0.22)]
    shown = Shown()
    await call(server, "responses", shown)  # longer in all than the first token may take
    assert shown.viewer.texts() == ["word " * 6]
    server.script = [text("half", " an", stall_after_words=1)]
    started = time.monotonic()
    with pytest.raises(ModelError):
        await call(server, "responses", shown)
    assert time.monotonic() - started < BOUNDS.first_token_seconds_max


async def test_a_tool_call_and_its_output_go_back_to_chat_completions(server: OpenaiServer) -> None:
    """What a checkpoint keeps of a call is enough to go on, also for an API with other words for it."""
    server.script = [Answer(calls=(("look", {"at": 1}),)), text("fine")]
    shown = Shown()
    await call(server, "chat_completions", shown)
    kept = [storable_item(item.model_dump(exclude_none=True)) for item in shown.output]
    output = {"type": "function_call_output", "call_id": kept[0]["call_id"], "output": "seen"}
    await call(server, "chat_completions", shown, more=[*kept, output])
    assert [(message["role"], message.get("content")) for message in server.requests[1]["messages"]] == [
        ("system", "Be brief."),
        ("user", "hi"),
        ("assistant", None),
        ("tool", "seen"),
    ]
    (asked,) = server.requests[1]["messages"][2]["tool_calls"]
    assert (asked["id"], asked["function"]) == (kept[0]["call_id"], {"name": "look", "arguments": '{"at": 1}'})
    assert shown.viewer.texts() == ["fine"]


@pytest.mark.parametrize("api", APIS)
async def test_a_refusal_is_an_answer(server: OpenaiServer, api: str) -> None:
    server.script = [text("I will", " not.", is_refusal=True)]
    shown = Shown()
    await call(server, api, shown)
    assert shown.viewer.texts() == shown.viewer.stored_texts() == ["I will not."]
    (message,) = shown.output
    assert storable_item(message.model_dump(exclude_none=True))["content"][0]["refusal"] == "I will not."


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("words", [("half ", "an "), ()], ids=["text", "nothing"])
@pytest.mark.parametrize(
    ("finish_reason", "code"),
    [("length", Code.MODEL_ANSWER_CUT_OFF), ("content_filter", Code.MODEL_CONTENT_FILTERED)],
)
async def test_an_answer_that_is_not_whole_says_why_and_calls_nothing(
    server: OpenaiServer, api: str, words: tuple[str, ...], finish_reason: str, code: Code
) -> None:
    server.script = [Answer(words=words, calls=(("delete_all", {}),), finish_reason=finish_reason), text("never")]
    shown = Shown()
    with pytest.raises(ModelError) as failed:
        await call(server, api, shown)
    assert failed.value.code == code
    assert "".join(shown.viewer.texts()) == "".join(words)
    assert shown.output == []
    assert len(server.requests) == 1
    assert shown.usage is not None
    assert shown.usage.total_tokens == 7 + len(words)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
async def test_thoughts_are_shown_before_the_answer(server: OpenaiServer, api: str, field: str) -> None:
    server.script = [text("Yes.", thoughts=("Let me ", "see, and see, and see again."), thoughts_as=field)]
    shown = Shown()
    await call(server, api, shown)
    kinds = [item["type"] for item in shown.viewer.items.values()]
    assert kinds == ["workflow", "assistant_message"]
    assert [task["content"] for task in shown.viewer.tasks()] == ["Let me see, and see, and see again."]
    assert shown.viewer.texts() == ["Yes."]


@pytest.mark.parametrize("api", APIS)
async def test_a_model_is_asked_to_think_only_as_it_is_configured(server: OpenaiServer, api: str) -> None:
    server.script = [text("Yes.")]
    await call(server, api, Shown())
    await call(server, api, Shown(), reasoning={"scripted": {"effort": "low", "summary": "auto"}})
    asked = [{key: body[key] for key in ("reasoning", "reasoning_effort") if key in body} for body in server.requests]
    thinks = {"reasoning": {"effort": "low", "summary": "auto"}} if api == "responses" else {"reasoning_effort": "low"}
    assert asked == [{}, thinks]


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("said", [{"type": "message", "role": "assistant"}, {"type": "message", "role": "nobody"}])
async def test_a_request_that_cannot_be_built_is_our_own_fault_and_is_not_tried_again(
    server: OpenaiServer, api: str, said: dict[str, Any]
) -> None:
    server.script = [text("never")]
    broken = said if api == "chat_completions" else {"type": "message", "role": "user", "content": object()}
    with pytest.raises(ModelError) as failed:
        await call(server, api, Shown(), more=[broken])
    assert failed.value.code == Code.INTERNAL
    assert server.requests == []


async def test_a_header_that_cannot_be_sent_is_our_own_fault() -> None:
    absent = cast("OpenaiServer", SimpleNamespace(base_url="ftp://127.0.0.1/v1"))
    started = time.monotonic()
    with pytest.raises(ModelError) as failed:
        await call(absent, "responses", Shown())
    assert failed.value.code == Code.INTERNAL
    assert time.monotonic() - started < 0.5


class Fenced(Shown):
    """Somebody else owns the run by the time of the first word."""

    def text_delta(self, item_id: str, content_index: int, delta: str) -> None:
        raise FencedError


@pytest.mark.parametrize("api", APIS)
async def test_a_run_that_was_taken_over_is_no_failed_model_call(
    server: OpenaiServer, api: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    server.script = [text("never")]
    with pytest.raises(FencedError):
        await call(server, api, Fenced())
    assert len(server.requests) == 1
    logged = caplog.text + "".join(capsys.readouterr())
    assert "model.failed" not in logged
    assert "Traceback" not in logged


async def test_words_and_the_calls_after_them_are_one_message_of_chat_completions(server: OpenaiServer) -> None:
    server.script = [text("fine")]
    called = [
        {"type": "message", "role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "seen"},
    ]
    await call(server, "chat_completions", Shown(), more=called)
    roles = [message["role"] for message in server.requests[0]["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]
    assert server.requests[0]["messages"][2]["content"] == "I look."


async def test_nobody_listening_is_a_provider_that_cannot_be_reached() -> None:
    absent = cast("OpenaiServer", SimpleNamespace(base_url="http://127.0.0.1:9/v1"))
    with pytest.raises(ModelError) as failed:
        await call(absent, "responses", Shown())
    assert failed.value.code == Code.MODEL_UNAVAILABLE


async def test_a_cancelled_call_ends_at_once(server: OpenaiServer) -> None:
    server.script = [text("never", stall_before=True)]
    calling = asyncio.create_task(call(server, "responses", Shown()))
    async with asyncio.timeout(5):
        while not server.requests:
            await asyncio.sleep(0.01)
    calling.cancel()
    async with asyncio.timeout(0.5):
        with pytest.raises(asyncio.CancelledError):
            await calling


def test_scripts_are_what_they_say() -> None:
    assert tool("add_task", title="x").calls == (("add_task", {"title": "x"}),)
