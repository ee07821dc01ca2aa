"""Server-sent events as a browser reads them (WHATWG HTML, section 9.2), for tests."""

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Frame:
    """One event: `event` is "message" for a ChatKit event, else the name of a control frame.

    `id` is the viewer's place after it: its own id, or, where it came without one (`has_own_id`), the one before.
    """

    id: str
    event: str
    data: dict[str, Any]
    has_own_id: bool = True


async def open_stream(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str] | None = None
) -> AsyncGenerator[Frame]:
    """Yield the frames of a stream as they come; leaves quietly when the stream ends."""
    async with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 204:
            return
        response.raise_for_status()
        async for frame in frames_of(response):
            yield frame


async def frames_of(response: httpx.Response) -> AsyncGenerator[Frame]:
    """Yield the frames of an open response."""
    last_id, event, data, has_own_id = "", "", [], False
    async for line in response.aiter_lines():
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data:
                yield Frame(last_id, event or "message", json.loads("\n".join(data)), has_own_id)
            event, data, has_own_id = "", [], False
        elif name == "data":
            data.append(value)
        elif name == "event":
            event = value
        elif name == "id":
            last_id, has_own_id = value, True


def text_of(frames: list[Frame]) -> str:
    """The text that the deltas of these frames spell."""
    return "".join(
        frame.data["update"]["delta"]
        for frame in frames
        if frame.data.get("type") == "thread.item.updated"
        and frame.data["update"]["type"] == "assistant_message.content_part.text_delta"
    )
