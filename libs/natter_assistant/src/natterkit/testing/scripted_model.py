"""A model that says what a test tells it to: an HTTP server on this machine that speaks OpenAI's Responses API."""

import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

NAME = "scripted"
TITLE = "A conversation"
OUT_OF_SCRIPT = "The test's model was asked once more than it has answers."


@dataclass(frozen=True)
class _Turn:
    """One answer of the model."""

    words: tuple[str, ...] = ()
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    status: int = 200
    code: str = "server_error"
    seconds_between_words: float = 0.0


@dataclass
class ScriptedModel:
    """Tell it what to answer, in order: `says`, `calls`, `fails`. ``asked``: the bodies of the requests, as they came.

    Several agents of one assistant ask the same model, one after the other.
    """

    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _turns: deque[_Turn] = field(default_factory=deque[_Turn])
    _server: ThreadingHTTPServer | None = None

    def says(self, text: str, *, seconds_between_words: float = 0.0) -> "ScriptedModel":
        """Answer with words, which are streamed one by one."""
        words = text.split(" ")
        pieces = tuple(word if last else f"{word} " for word, last in zip(words, _lasts(len(words)), strict=True))
        self._turns.append(_Turn(words=pieces, seconds_between_words=seconds_between_words))
        return self

    def calls(self, name: str, /, **arguments: Any) -> "ScriptedModel":
        """Call one tool. What the tool returns is in the next request; a handoff is a tool `transfer_to_<agent>`."""
        return self.calls_together((name, arguments))

    def calls_together(self, *calls: tuple[str, dict[str, Any]]) -> "ScriptedModel":
        """Call several tools in one turn."""
        self._turns.append(_Turn(calls=calls))
        return self

    def fails(self, status: int = 500, code: str = "server_error") -> "ScriptedModel":
        """Refuse a request as a provider does: 429 ``rate_limit_exceeded``, 400 ``context_length_exceeded``, …

        A runner asks again after what may pass (429, 5xx): then the next answer of the script is given.
        """
        self._turns.append(_Turn(status=status, code=code))
        return self

    @property
    def tool_outputs(self) -> list[str]:
        """What the model was told that its tools returned, in the last request."""
        items: list[Any] = self.asked[-1]["input"] if self.asked else []
        return [str(item["output"]) for item in items if item.get("type") == "function_call_output"]

    @property
    def tools_offered(self) -> list[str]:
        """The names of the tools in the last request."""
        return [tool["name"] for tool in self.asked[-1].get("tools", ())] if self.asked else []

    @property
    def is_used_up(self) -> bool:
        """Whether everything that it was told to answer has been asked for."""
        return not self._turns

    def clear(self) -> None:
        """Forget what is left of the script, and what was asked."""
        self._turns.clear()
        self.asked.clear()

    @property
    def base_url(self) -> str:
        """For OPENAI_BASE_URL."""
        assert self._server is not None, "the model has not been started"
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def start(self) -> None:
        """Listen on a free port of this machine."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"model": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="scripted model", daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def next_turn(self, body: dict[str, Any]) -> _Turn:
        """Keep the request and take the answer to it. For the server."""
        self.asked.append(body)
        return self._turns.popleft() if self._turns else _Turn(status=400, code="out_of_script")


class _Handler(BaseHTTPRequestHandler):
    model: ScriptedModel
    protocol_version = "HTTP/1.0"  # the end of the connection is the end of the answer

    def do_POST(self) -> None:
        body = cast("dict[str, Any]", json.loads(self.rfile.read(int(self.headers.get("content-length", 0)))))
        if not body.get("stream"):  # a conversation's title
            self._send(200, "application/json", json.dumps(_response([_message(TITLE)], "completed")))
            return
        turn = self.model.next_turn(body)
        if turn.status != 200:
            error = {"message": OUT_OF_SCRIPT if turn.code == "out_of_script" else turn.code, "code": turn.code}
            self._send(turn.status, "application/json", json.dumps({"error": {**error, "type": turn.code}}))
            return
        self._head(200, "text/event-stream")
        try:
            for number, event in enumerate(_events(turn)):
                text = json.dumps({"sequence_number": number, **event})
                self.wfile.write(f"event: {event['type']}\ndata: {text}\n\n".encode())
                self.wfile.flush()
        except OSError:  # who asked has gone: the run was stopped, or its runner killed
            return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Not into the test's output."""

    def _send(self, status: int, kind: str, text: str) -> None:
        self._head(status, kind)
        self.wfile.write(text.encode())

    def _head(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()


def _events(turn: _Turn) -> Iterator[dict[str, Any]]:
    """The events of one answer (platform.openai.com/docs/api-reference/responses-streaming)."""
    output: list[dict[str, Any]] = []
    yield {"type": "response.created", "response": _response([], "in_progress")}
    if turn.words:
        message = _message("".join(turn.words))
        place = {"item_id": message["id"], "output_index": 0, "content_index": 0}
        part = message["content"][0]
        begun: dict[str, Any] = {**message, "status": "in_progress", "content": []}
        yield {"type": "response.output_item.added", "output_index": 0, "item": begun}
        yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
        for number, word in enumerate(turn.words):
            if number:
                time.sleep(turn.seconds_between_words)
            yield {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
        yield {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": part}
        yield {"type": "response.output_item.done", "output_index": 0, "item": message}
        output.append(message)
    for name, arguments in turn.calls:
        call = {
            "type": "function_call",
            "id": f"fc_{uuid.uuid4().hex}",
            "call_id": f"call_{uuid.uuid4().hex}",
            "name": name,
            "arguments": json.dumps(arguments),
            "status": "completed",
        }
        place = {"output_index": len(output), "item_id": call["id"]}
        yield {"type": "response.output_item.added", "output_index": len(output), "item": call}
        done = {"type": "response.function_call_arguments.done", "name": name, "arguments": call["arguments"]}
        yield {**done, **place}
        yield {"type": "response.output_item.done", "output_index": len(output), "item": call}
        output.append(call)
    yield {"type": "response.completed", "response": _response(output, "completed")}


def _message(text: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return {
        "type": "message",
        "id": f"msg_{uuid.uuid4().hex}",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }


def _response(output: list[dict[str, Any]], status: str) -> dict[str, Any]:
    words = sum(len(item["content"][0]["text"].split()) for item in output if item["type"] == "message")
    usage = {
        "input_tokens": 10,
        "output_tokens": words,
        "total_tokens": 10 + words,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": time.time(),
        "model": NAME,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "status": status,
        "usage": usage if status == "completed" else None,
    }


def _lasts(count: int) -> Iterator[bool]:
    for number in range(count):
        yield number == count - 1
