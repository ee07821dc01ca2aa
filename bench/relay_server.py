"""The relay with one of two responses: its own, or sse-starlette's, for comparison."""

from collections.abc import AsyncGenerator
from typing import Any

from actor_kit.lifecycle import load_settings, run_until_stopped
from contracts.services import Service
from sse_starlette import EventSourceResponse
from stream_relay.app import serve
from stream_relay.response import HEADERS, EventStreamResponse
from stream_relay.settings import Settings


def of_sse_starlette(content: AsyncGenerator[bytes], *, send_timeout: float) -> Any:
    """Their response with our headers; the heartbeat is already in the content."""
    return EventSourceResponse(content, headers=HEADERS, ping=0, send_timeout=send_timeout)


def main(response: str) -> None:
    """Serve until SIGTERM."""
    make_response = of_sse_starlette if response == "sse_starlette" else EventStreamResponse
    settings = load_settings(Settings)
    run_until_stopped(Service.STREAM_RELAY, settings, lambda stop: serve(settings, stop, make_response=make_response))
