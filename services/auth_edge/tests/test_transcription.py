"""Dictation: ChatKit's input.transcribe, with a server for speech that answers as the test says."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from auth_edge.testing import RunningEdge, running_edge
from contracts.errors import Code

AUDIO = b"\x1a\x45\xdf\xa3 speech"
SPOKEN = {"audio_base64": b64encode(AUDIO).decode(), "mime_type": "audio/webm;codecs=opus"}


@dataclass
class SpeechServer:
    """Over real HTTP. What it says of its own holds a secret, which nobody may see."""

    url: str = ""
    status: int = 200
    body: bytes = b'{"text": " Buy milk. ", "usage": {"seconds": 1}}'
    goes_on: Event = field(default_factory=Event)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)


@pytest.fixture
def speech() -> Iterator[SpeechServer]:
    server = SpeechServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.requests.append((self.path, self.headers["Authorization"] or "", body))
            server.goes_on.wait()
            self.send_response(server.status)
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Nothing."""

    server.goes_on.set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        server.url = f"http://127.0.0.1:{listener.server_port}/v1"
        Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.goes_on.set()
        listener.shutdown()


@pytest.fixture
async def dictating(nats_url: str, tmp_path: Path, store: Any, speech: SpeechServer) -> AsyncIterator[RunningEdge]:
    settings = {
        "transcription_base_url": speech.url,
        "transcription_api_key": "sk-of-the-operator",
        "transcription_model": "small-ears",
        "transcription_timeout_seconds": 0.5,
    }
    async with running_edge(nats_url, tmp_path, **settings) as edge:
        yield edge


async def test_what_is_said_is_written_down(dictating: RunningEdge, speech: SpeechServer) -> None:
    answer = await dictating.chatkit("input.transcribe", SPOKEN)
    assert (answer.status_code, answer.json()) == (200, {"text": "Buy milk."})
    ((path, authorization, body),) = speech.requests
    assert (path, authorization) == ("/v1/audio/transcriptions", "Bearer sk-of-the-operator")
    assert AUDIO in body
    assert b'filename="speech.webm"' in body
    assert b"small-ears" in body
    assert (await dictating.call("GET", "/assistants")).json()["dictation"] is True


async def test_without_a_model_nobody_dictates(edge: RunningEdge) -> None:
    answer = await edge.chatkit("input.transcribe", SPOKEN)
    assert (answer.status_code, answer.json()["code"]) == (400, Code.NOT_SUPPORTED)
    assert (await edge.call("GET", "/assistants")).json()["dictation"] is False


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"audio_base64": "?"}, "params.audio_base64"),
        ({"audio_base64": ""}, "params.audio_base64"),
        ({"mime_type": "text/html"}, "params.mime_type"),
    ],
)
async def test_what_is_no_speech_is_not_passed_on(
    dictating: RunningEdge, speech: SpeechServer, wrong: dict[str, str], field: str
) -> None:
    answer = await dictating.chatkit("input.transcribe", {**SPOKEN, **wrong})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, Code.INVALID_REQUEST, field)
    assert speech.requests == []


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, b"no such key: sk-of-the-operator", (502, Code.MODEL_REFUSED_KEY)),
        (400, b"secret", (422, Code.MODEL_REJECTED_REQUEST)),
        (429, b"secret", (503, Code.MODEL_RATE_LIMITED)),
        (500, b"secret", (503, Code.MODEL_UNAVAILABLE)),
        (302, b"secret", (422, Code.MODEL_REJECTED_REQUEST)),
        (200, b"<html>secret", (502, Code.MODEL_BAD_RESPONSE)),
        (200, b"[" * 300_000, (502, Code.MODEL_BAD_RESPONSE)),
    ],
)
async def test_what_the_server_for_speech_refuses_is_told_without_its_words(
    dictating: RunningEdge, speech: SpeechServer, status: int, body: bytes, expected: tuple[int, Code]
) -> None:
    speech.status, speech.body = status, body
    answer = await dictating.chatkit("input.transcribe", SPOKEN)
    assert (answer.status_code, answer.json()["code"]) == expected
    assert "secret" not in answer.text
    assert "sk-" not in answer.text


async def test_a_slow_server_for_speech_holds_up_its_caller_alone(dictating: RunningEdge, speech: SpeechServer) -> None:
    speech.goes_on.clear()
    large = {**SPOKEN, "audio_base64": b64encode(AUDIO * 20_000).decode()}
    first = asyncio.create_task(dictating.chatkit("input.transcribe", large))
    while not speech.requests:
        await asyncio.sleep(0.01)
    second = await dictating.chatkit("input.transcribe", SPOKEN)
    assert (second.status_code, second.json()["code"]) == (429, Code.RATE_LIMITED)
    # Neither the user's place nor the one for large bodies is held meanwhile.
    assert (await dictating.call("GET", "/assistants")).status_code == 200
    assert dictating.edge.places_for_large.waiting_count == 0
    answer = await first
    assert (answer.status_code, answer.json()["code"]) == (503, Code.MODEL_TIMEOUT)


async def test_no_server_for_speech_is_told_as_such(nats_url: str, tmp_path: Path, store: Any) -> None:
    away = {"transcription_base_url": "http://127.0.0.1:1/v1", "transcription_model": "small-ears"}
    async with running_edge(nats_url, tmp_path, **away) as edge:
        answer = await edge.chatkit("input.transcribe", SPOKEN)
        assert (answer.status_code, answer.json()["code"]) == (503, Code.MODEL_UNAVAILABLE)
