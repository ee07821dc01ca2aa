"""A client of many conversations that costs little: it keeps what comes with its time, and reads it afterwards."""

import asyncio
import json
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

TEXT_DELTA = b"assistant_message.content_part.text_delta"


@dataclass(eq=False)
class Exchange(asyncio.Protocol):
    """One HTTP request on a connection of its own, and all that was answered, with the times of its pieces."""

    request: bytes
    done: asyncio.Future[None]
    pieces: list[tuple[float, bytes]] = field(default_factory=list[tuple[float, bytes]])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self.request)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        self.pieces.append((time.perf_counter(), data))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        if not self.done.done():
            self.done.set_result(None)

    @property
    def status(self) -> int:
        raw = self.pieces[0][1] if self.pieces else b""
        return int(raw.split(b" ", 2)[1]) if raw.startswith(b"HTTP/") else 0

    def header(self, name: str) -> str:
        head = b"".join(data for _, data in self.pieces).partition(b"\r\n\r\n")[0].decode("latin-1")
        for line in head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return ""

    def lines(self) -> list[tuple[float, bytes]]:
        """The lines of the body, each with the time at which its last byte came."""
        raw = b"".join(data for _, data in self.pieces)
        head, _, body = raw.partition(b"\r\n\r\n")
        ends: list[int] = []
        for _, data in self.pieces:
            ends.append((ends[-1] if ends else 0) + len(data))
        lines: list[tuple[float, bytes]] = []
        text, at, offset = b"", 0, len(head) + 4
        while at < len(body):  # chunked: a size in hexadecimal, CRLF, the bytes, CRLF
            size, _, _ = body[at : at + 20].partition(b"\r\n")
            start = at + len(size) + 2
            text += body[start : start + int(size, 16)]
            at = start + int(size, 16) + 2
            *whole, text = text.split(b"\n")
            came = self.pieces[min(bisect_left(ends, offset + at - 2), len(ends) - 1)][0]
            lines += [(came, line) for line in whole]
            if size == b"0":
                break
        return lines


async def exchange(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Exchange:
    """Send one request and read the answer until the server closes the connection."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    own = {"Host": parts.netloc, "Connection": "close", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in own.items())
    request = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
    loop = asyncio.get_running_loop()
    answer = Exchange(request, loop.create_future())
    transport, _ = await loop.create_connection(lambda: answer, parts.hostname or "", parts.port or 80)
    try:
        await answer.done
    finally:
        transport.close()
    return answer


@dataclass
class Talk:
    """A new conversation, from the request to the end of its answer. Times in seconds."""

    status: int = 0
    first_seconds: float = 0.0
    gaps: list[float] = field(default_factory=list[float])
    words: int = 0
    frames: int = 0


async def talk(url: str, headers: dict[str, str], text: str) -> Talk:
    """Post one new conversation, follow the redirect if there is one, and read the answer to its end."""
    content = [{"type": "input_text", "text": text}]
    message = {"content": content, "attachments": [], "quoted_text": None, "inference_options": {}}
    body = json.dumps({"type": "threads.create", "params": {"input": message}}).encode()
    started = time.perf_counter()
    answer = await exchange("POST", url, {**headers, "Content-Type": "application/json"}, body)
    if answer.status == 303:
        answer = await exchange("GET", answer.header("location"), headers)
    said = Talk(answer.status)
    if answer.status == 200:
        _read(answer, said, started)
    return said


def _read(answer: Exchange, said: Talk, started: float) -> None:
    last = 0.0
    for came, line in answer.lines():
        if TEXT_DELTA not in line:
            continue
        said.frames += 1
        said.words += len(json.loads(line.removeprefix(b"data:"))["update"]["delta"].split())
        if last == 0.0:
            said.first_seconds = came - started
        elif came > last:
            said.gaps.append(came - last)
        last = came
