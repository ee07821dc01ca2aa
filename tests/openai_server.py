"""A local server that speaks OpenAI's HTTP API (responses, chat completions, conversations), with scripted faults."""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import uvicorn
from actor_kit.uvicorn_internals import QuietServer
from agent_runner.demo.responses import ResponseWriter
from natter.servers.ports import free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclass(frozen=True)
class Answer:
    """One scripted answer: words and tool calls, and what goes wrong when."""

    words: tuple[str, ...] = ()
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    call_ids: tuple[str | None, ...] = ()
    status: int = 200
    error_code: str | None = None
    error_words: str = "secret detail"
    retry_after_seconds: float | None = None
    retry_after_is_date: bool = False
    stall_before: bool = False
    stall_after_words: int | None = None
    cut_after_words: int | None = None
    malformed_after_words: int | None = None
    failed_event_code: str | None = None
    word_delay_seconds: float = 0.0
    is_refusal: bool = False
    finish_reason: str | None = None
    """In the words of Chat Completions: "length" or "content_filter"."""
    hosted: tuple[dict[str, Any], ...] = ()
    """Responses: items of calls that the provider executes, as they end; they come before the words."""
    stall_in_hosted: bool = False
    """Say that the first of them has begun, and no more until `stalled` is set."""
    thoughts: tuple[str, ...] = ()
    thoughts_as: str = "reasoning_content"
    """Chat Completions: the name of the field; Responses: "reasoning" is its content, else its summary."""


def text(*words: str, **faults: Any) -> Answer:
    return Answer(words=words, **faults)


def tool(name: str, **arguments: Any) -> Answer:
    return Answer(calls=((name, arguments),))


@dataclass
class OpenaiServer:
    """Answers from ``script`` in order; the last one again and again. ``requests`` keeps every body.

    ``scripts``: for requests that hold a certain word (the last one counts), a script of their own. ``keeps_silent``:
    items of a conversation are stored, and that is never answered.
    """

    scripts: dict[str, list[Answer]] = field(default_factory=dict)
    keeps_silent: bool = False
    continues: bool = False
    """Chat Completions: an answer goes on behind the beginning that is the last message, as vLLM's do when asked to."""
    script: list[Answer] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    titles: list[dict[str, Any]] = field(default_factory=list)
    """The bodies of requests for titles, which are asked for without a stream."""
    keys: set[str] = field(default_factory=set)
    """The keys that requests for answers had."""
    ids_given: set[str] = field(default_factory=set)
    conversations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    items_count: int = 0
    port: int = field(default_factory=free_port)
    stalled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def app(self) -> Starlette:
        one = "/v1/conversations/{conversation_id}"
        return Starlette(
            routes=[
                Route("/v1/responses", self._responses, methods=["POST"]),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/conversations", self._create, methods=["POST"]),
                Route(one, self._retrieve, methods=["GET"]),
                Route(one, self._update, methods=["POST"]),
                Route(f"{one}/items", self._list, methods=["GET"]),
                Route(f"{one}/items", self._append, methods=["POST"]),
                Route(f"{one}/items/{{item_id}}", self._delete, methods=["DELETE"]),
            ]
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["OpenaiServer"]:
        config = uvicorn.Config(
            self.app, port=self.port, log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        server = QuietServer(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield self
        finally:
            self.stalled.set()
            server.should_exit = True
            await serving

    def _next(self, body: dict[str, Any]) -> Answer:
        text = json.dumps(body)
        words = [word for word in self.scripts if word in text]
        script = self.scripts[max(words, key=text.rfind)] if words else self.script
        return script.pop(0) if len(script) > 1 else script[0]

    # --- responses -----------------------------------------------------------------------------------------

    async def _responses(self, request: Request) -> Response:
        body = await request.json()
        if not body.get("stream"):
            self.titles.append(body)
            writer = ResponseWriter(model="scripted")
            writer.begin_message()
            writer.text_delta("A fine title")
            writer.end_message()
            return JSONResponse(writer.completed().response.model_dump(mode="json"))
        self.requests.append(body)
        self.keys.add(request.headers.get("authorization", "").removeprefix("Bearer "))
        self.asked_at.append(time.monotonic())
        unknown = [item["id"] for item in body["input"] if item.get("id") and item["id"] not in self.ids_given]
        if unknown:
            return refusal(Answer(status=404, error_code="item_not_found"))
        # What it was not to store it has forgotten: such a thought is good only with its seal.
        if body.get("store") is False and any(map(is_forgotten, body["input"])):
            return refusal(Answer(status=404, error_code="item_not_found"))
        answer = self._next(body)
        if answer.status != 200:
            return refusal(answer)
        is_sealed = "reasoning.encrypted_content" in (body.get("include") or ())
        return StreamingResponse(self._told(answer, is_sealed=is_sealed), media_type="text/event-stream")

    async def _told(self, answer: Answer, *, is_sealed: bool) -> AsyncIterator[str]:
        """The events with what the demo model's writer does not write: thoughts, refusals, unfinished answers."""
        thinking = reasoning_item(answer)
        if thinking and is_sealed:
            thinking["encrypted_content"] = f"sealed {thinking['id']}"
        hosted = [{"id": f"hs_{secrets.token_hex(8)}", **one} for one in answer.hosted]
        leading = [thinking, *hosted] if thinking else hosted
        async for text in self._response_events(answer):
            if not text.startswith("event: "):
                yield text
                continue
            data = json.loads(text.partition("data: ")[2])
            for event in edited(data, answer, thinking, leading):
                if answer.stall_in_hosted and event["type"] == "response.output_item.done":
                    await self.stalled.wait()
                for item in (event.get("item"), *event.get("response", {}).get("output", ())):
                    self.ids_given |= {item["id"]} if item else set()
                yield sse(event)

    async def _response_events(self, answer: Answer) -> AsyncIterator[str]:
        writer = ResponseWriter(model="scripted", input_tokens=7)
        yield frame(writer.created())
        if answer.stall_before:
            await self.stalled.wait()
        if answer.failed_event_code:
            failed = writer.completed().response.model_dump(mode="json")
            failed |= {"status": "failed", "error": {"code": answer.failed_event_code, "message": "secret detail"}}
            yield sse({"type": "response.failed", "sequence_number": 9, "response": failed})
            return
        if answer.words:
            for event in writer.begin_message():
                yield frame(event)
            async for word in self._words(answer):
                yield frame(writer.text_delta(word)) if word is not None else "data: {not json\n\n"
            for event in writer.end_message():
                yield frame(event)
        for number, (name, arguments) in enumerate(answer.calls):
            for event in writer.function_call(name, arguments):
                if number < len(answer.call_ids) and hasattr(event, "item"):
                    event.item.call_id = answer.call_ids[number] or ""
                yield frame(event)
        yield frame(writer.completed())

    async def _words(self, answer: Answer) -> AsyncIterator[str | None]:
        for number, word in enumerate(answer.words):
            if answer.stall_after_words == number:
                await self.stalled.wait()
            if answer.cut_after_words == number:
                raise ConnectionResetError
            if answer.malformed_after_words == number:
                yield None
            await asyncio.sleep(answer.word_delay_seconds)
            yield word

    # --- chat completions ----------------------------------------------------------------------------------

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        if not body.get("stream"):
            self.titles.append(body)
            message = {"role": "assistant", "content": "A fine title"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return JSONResponse(
                {"id": "c", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice]}
            )
        self.requests.append(body)
        self.keys.add(request.headers.get("authorization", "").removeprefix("Bearer "))
        self.asked_at.append(time.monotonic())
        if not follows_chat_rules(body["messages"]):
            return refusal(Answer(status=400, error_code="invalid_messages"))
        answer = self._next(body)
        if answer.status != 200:
            return refusal(answer)
        last = body["messages"][-1]
        if self.continues and last["role"] == "assistant" and body.get("continue_final_message"):
            answer = replace(answer, words=behind(answer.words, last["content"]))
        return StreamingResponse(self._chunks(answer), media_type="text/event-stream")

    async def _chunks(self, answer: Answer) -> AsyncIterator[str]:
        if answer.stall_before:
            await self.stalled.wait()
        for thought in answer.thoughts:
            yield sse(chunk({answer.thoughts_as: thought}))
        async for word in self._words(answer):
            said = {"refusal": word} if answer.is_refusal else {"content": word}
            yield sse(chunk(said)) if word is not None else "data: {not json\n\n"
        for number, (name, arguments) in enumerate(answer.calls):
            call_id = answer.call_ids[number] if number < len(answer.call_ids) else f"call_{number}"
            function = {"name": name, "arguments": json.dumps(arguments)}
            call = {"index": number, "id": call_id, "type": "function", "function": function}
            yield sse(chunk({"tool_calls": [call]}))
        yield sse(chunk({}, finish_reason=answer.finish_reason or ("tool_calls" if answer.calls else "stop")))
        usage = {"prompt_tokens": 7, "completion_tokens": len(answer.words), "total_tokens": 7 + len(answer.words)}
        yield sse({**chunk({}), "choices": [], "usage": usage})
        yield "data: [DONE]\n\n"

    # --- conversations -------------------------------------------------------------------------------------

    def _conversation(self, conversation_id: str) -> dict[str, Any]:
        metadata = self.metadata[conversation_id]
        return {"id": conversation_id, "object": "conversation", "created_at": 1, "metadata": metadata}

    async def _create(self, _request: Request) -> Response:
        conversation_id = f"conv_openai_{len(self.conversations)}"
        self.conversations[conversation_id] = []
        self.metadata[conversation_id] = {}
        return JSONResponse(self._conversation(conversation_id))

    async def _retrieve(self, request: Request) -> Response:
        return JSONResponse(self._conversation(request.path_params["conversation_id"]))

    async def _update(self, request: Request) -> Response:
        conversation_id = request.path_params["conversation_id"]
        self.metadata[conversation_id] = (await request.json())["metadata"]
        return JSONResponse(self._conversation(conversation_id))

    async def _append(self, request: Request) -> Response:
        items = self.conversations[request.path_params["conversation_id"]]
        for item in (await request.json())["items"]:
            self.items_count += 1
            items.append(as_conversation_item(item, self.items_count))
        if self.keeps_silent:
            await self.stalled.wait()
        return JSONResponse({"object": "list", "data": items, "first_id": "a", "last_id": "b", "has_more": False})

    async def _list(self, request: Request) -> Response:
        items = list(self.conversations[request.path_params["conversation_id"]])
        if request.query_params.get("order", "desc") == "desc":
            items.reverse()
        ids = [item["id"] for item in items]
        first = ids.index(request.query_params["after"]) + 1 if "after" in request.query_params else 0
        page = items[first : first + int(request.query_params.get("limit", 20))]
        edges = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": "", "last_id": ""}
        has_more = first + len(page) < len(items)
        return JSONResponse({"object": "list", "data": page, "has_more": has_more, **edges})

    async def _delete(self, request: Request) -> Response:
        conversation_id = request.path_params["conversation_id"]
        items = self.conversations[conversation_id]
        items[:] = [item for item in items if item["id"] != request.path_params["item_id"]]
        return JSONResponse(self._conversation(conversation_id))


def as_conversation_item(item: dict[str, Any], number: int) -> dict[str, Any]:
    """An item as the Conversations API gives it back: with an id, its content in parts."""
    stored = {"type": "message", **item, "id": f"item_{number}"}
    if stored["type"] == "message" and isinstance(stored["content"], str):
        kind = "input_text" if stored["role"] == "user" else "output_text"
        stored["content"] = [{"type": kind, "text": stored["content"]}]
    if stored["type"] == "message":
        stored.setdefault("status", "completed")
    return stored


def refusal(answer: Answer) -> Response:
    headers = {}
    if answer.retry_after_seconds is not None:
        at = datetime.now(UTC) + timedelta(seconds=answer.retry_after_seconds)
        number = str(answer.retry_after_seconds)
        headers["retry-after"] = format_datetime(at, usegmt=True) if answer.retry_after_is_date else number
    error = {"message": answer.error_words, "type": "invalid_request_error", "code": answer.error_code, "param": None}
    return JSONResponse({"error": error}, answer.status, headers)


def follows_chat_rules(messages: list[dict[str, Any]]) -> bool:
    """What OpenAI refuses: a call without its output right after it, an output without a call, an empty message."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return False
            waiting.remove(message["tool_call_id"])
            continue
        calls = [call["id"] for call in message.get("tool_calls") or ()]
        if waiting or not (message.get("content") or message.get("refusal") or calls):
            return False
        waiting = calls
    return not waiting


def behind(words: tuple[str, ...], beginning: str) -> tuple[str, ...]:
    """What of the words comes behind a beginning of their text; all of them where it is none."""
    if not "".join(words).startswith(beginning):
        return words
    rest = list(words)
    while beginning:
        length = min(len(rest[0]), len(beginning))
        beginning, rest[0] = beginning[length:], rest[0][length:]
        rest = rest if rest[0] else rest[1:]
    return tuple(rest)


def is_forgotten(item: dict[str, Any]) -> bool:
    return item.get("type") == "reasoning" and not item.get("encrypted_content")


def reasoning_item(answer: Answer) -> dict[str, Any] | None:
    if not answer.thoughts:
        return None
    text = "".join(answer.thoughts)
    item = {"id": f"rs_{secrets.token_hex(8)}", "type": "reasoning", "summary": [], "status": "completed"}
    if answer.thoughts_as == "reasoning":
        return {**item, "content": [{"type": "reasoning_text", "text": text}]}
    return {**item, "summary": [{"type": "summary_text", "text": text}]}


def edited(
    event: dict[str, Any], answer: Answer, thinking: dict[str, Any] | None, leading: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """One event of the writer as this answer's script wants it; ``leading`` are the items before the writer's."""
    if "output_index" in event:
        event["output_index"] += len(leading)
    if answer.is_refusal:
        event = as_refusal(event)
    if event["type"] == "response.completed":
        response = event["response"]
        response["output"] = [*leading, *response["output"]]
        if answer.finish_reason:
            reason = {"length": "max_output_tokens"}.get(answer.finish_reason, answer.finish_reason)
            event["type"] = "response.incomplete"
            response |= {"status": "incomplete", "incomplete_details": {"reason": reason}}
    if event["type"] == "response.created":
        thoughts = reasoning_events(answer, thinking) if thinking else []
        return [event, *thoughts, *hosted_events(leading, len(leading) - len(answer.hosted))]
    return [event]


def hosted_events(leading: list[dict[str, Any]], first: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for output_index, item in enumerate(leading):
        if output_index >= first:
            place = {"output_index": output_index, "sequence_number": 3}
            begun = {key: value for key, value in item.items() if key not in ("result", "results", "outputs", "output")}
            begun |= {"status": "in_progress", **({"result": None} if "result" in item else {})}
            events.append({**place, "type": "response.output_item.added", "item": begun})
            if item["type"] == "image_generation_call":
                preview = {"item_id": item["id"], "partial_image_b64": item["result"], "partial_image_index": 0}
                events.append({**place, **preview, "type": "response.image_generation_call.partial_image"})
            events.append({**place, "type": "response.output_item.done", "item": item})
    return events


def as_refusal(event: dict[str, Any]) -> dict[str, Any]:
    """The event of a message that holds a refusal in place of its text."""
    encoded = json.dumps(event).replace("response.output_text.", "response.refusal.")
    event = json.loads(encoded.replace('"type": "output_text", "text"', '"type": "refusal", "refusal"'))
    for item in (event.get("item"), *event.get("response", {}).get("output", ())):
        for part in (item or {}).get("content") or ():
            if "text" in part:
                part |= {"type": "refusal", "refusal": part.pop("text")}
    if event["type"] == "response.refusal.done":
        event["refusal"] = event.pop("text")
    return event


def reasoning_events(answer: Answer, thinking: dict[str, Any]) -> list[dict[str, Any]]:
    kind = "reasoning_text" if answer.thoughts_as == "reasoning" else "reasoning_summary_text"
    place = {"item_id": thinking["id"], "output_index": 0, "content_index": 0, "summary_index": 0, "sequence_number": 2}
    begun = {**thinking, "summary": [], "content": None}
    return [
        {**place, "type": "response.output_item.added", "item": begun},
        *({**place, "type": f"response.{kind}.delta", "delta": thought} for thought in answer.thoughts),
        {**place, "type": f"response.{kind}.done", "text": "".join(answer.thoughts)},
        {**place, "type": "response.output_item.done", "item": thinking},
    ]


def frame(event: Any) -> str:
    return sse(event.model_dump(mode="json", exclude_unset=False))


def sse(data: dict[str, Any]) -> str:
    return f"event: {data.get('type', 'chunk')}\ndata: {json.dumps(data)}\n\n"


def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [choice]}
