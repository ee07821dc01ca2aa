"""Speech to text: whatever server has OpenAI's transcription API, which the operator names, or none."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx
from actor_kit.fair_queue import FairQueue
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.text import MESSAGE_CHARACTERS_MAX
from identity.certificates import trusted
from pydantic import BaseModel, ValidationError

from auth_edge.metrics import TRANSCRIPTION_SECONDS
from auth_edge.settings import Settings

EXTENSIONS: Final = {"audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "mp4"}
"""ChatKit's three formats of audio. A server tells them by the name of the file."""
TRANSCRIPTIONS_CONCURRENT_MAX: Final = 16
ANSWER_BYTES_MAX: Final = 256 * 1024


class _Transcription(BaseModel):
    text: str


@dataclass(frozen=True)
class Transcriber:
    """Asks that server; of one user once at a time, and nobody waits for a place."""

    http: httpx.AsyncClient
    model: str
    timeout_seconds: float
    places: FairQueue

    async def transcribe(self, user_id: str, audio: bytes, media_type: str) -> str:
        """The words that are said in it. Raises NatterError (invalid_request, rate_limited, model_…)."""
        if media_type not in EXTENSIONS:
            detail = f"Speech is taken as {', '.join(EXTENSIONS)}."
            raise TerminalError(Code.INVALID_REQUEST, detail, field="params.mime_type")
        if not audio:
            raise TerminalError(Code.INVALID_REQUEST, "There is no sound in it.", field="params.audio_base64")
        async with self.places.place(user_id):
            with TRANSCRIPTION_SECONDS.time():
                return await self._ask(f"speech.{EXTENSIONS[media_type]}", audio, media_type)

    async def _ask(self, name: str, audio: bytes, media_type: str) -> str:
        form = {"model": self.model, "response_format": "json"}
        try:
            async with (
                asyncio.timeout(self.timeout_seconds),
                self.http.stream(
                    "POST", "audio/transcriptions", data=form, files={"file": (name, audio, media_type)}
                ) as answer,
            ):
                if not answer.is_success:
                    raise _refusal(answer)
                return _Transcription.model_validate_json(await _body(answer)).text.strip()[:MESSAGE_CHARACTERS_MAX]
        except (TimeoutError, httpx.TimeoutException) as error:
            raise RetryableError(Code.MODEL_TIMEOUT, "The server for speech did not answer in time.") from error
        except httpx.HTTPError as error:
            raise RetryableError(Code.MODEL_UNAVAILABLE, "The server for speech cannot be reached.") from error
        except ValidationError as error:
            raise TerminalError(Code.MODEL_BAD_RESPONSE, "The server for speech sent no transcription.") from error


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise TerminalError(Code.MODEL_BAD_RESPONSE, "The server for speech sent too much.")
    return bytes(body)


def _refusal(answer: httpx.Response) -> NatterError:
    """By the status alone: what a server writes of its own may name its account or its key."""
    match answer.status_code:
        case 401 | 403:
            return TerminalError(Code.MODEL_REFUSED_KEY, "The server for speech does not take the key.")
        case 429:
            return RetryableError(Code.MODEL_RATE_LIMITED, "The server for speech has too much to do.")
        case status if status >= 500:
            return RetryableError(Code.MODEL_UNAVAILABLE, f"The server for speech answered {status}.")
        case status:
            detail = f"The server for speech could make nothing of it ({status})."
            return TerminalError(Code.MODEL_REJECTED_REQUEST, detail)


@asynccontextmanager
async def open_transcriber(settings: Settings) -> AsyncGenerator[Transcriber | None]:
    """None where no model is named: then nobody can dictate."""
    if not settings.transcription_model:
        yield None
        return
    key = settings.transcription_api_key
    async with httpx.AsyncClient(
        verify=trusted(),
        base_url=settings.transcription_base_url,
        headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
        timeout=settings.transcription_timeout_seconds,
    ) as http:
        places = FairQueue(
            TRANSCRIPTIONS_CONCURRENT_MAX, waiting_max=0, seconds_max=1, code=Code.RATE_LIMITED, user_places_max=1
        )
        yield Transcriber(http, settings.transcription_model, settings.transcription_timeout_seconds, places)
