"""Dictation by a server for speech that was not written for Natter."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from auth_edge.testing import running_edge

from tests.integration.runner.model_servers.servers import aimock

HEARD = {"match": {"endpoint": "transcription"}, "response": {"transcription": {"text": "Add a task: buy milk"}}}


async def test_aimock_writes_down_what_is_said(nats_url: str, tmp_path: Path, store: Any) -> None:
    async with aimock(tmp_path, [HEARD]) as server:
        settings = {"transcription_base_url": server.base_url, "transcription_model": "whisper-1"}
        async with running_edge(nats_url, tmp_path, **settings) as edge:
            spoken = {"audio_base64": b64encode(b"OggS speech").decode(), "mime_type": "audio/ogg"}
            answer = await edge.chatkit("input.transcribe", spoken)
            assert (answer.status_code, answer.json()) == (200, {"text": "Add a task: buy milk"})
