"""The durable side of the tests: runs that go on without a reader, numbered events, and streams that resume.

It follows the HTTP interface of Natter (docs of auth_edge and stream_relay) around the same stock ChatKitServer, so
that the element's resuming can be tested together with faults that are hard to cause on demand elsewhere.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from chatkit.server import ChatKitServer, StreamingResult
from chatkit.types import ThreadItemDoneEvent

HEARTBEAT_SECONDS = 1.0


@dataclass
class Frame:
    """One event of one conversation, as it goes over the wire."""

    sequence: int
    run_id: str
    event: str
    data: str

    def encode(self) -> bytes:
        """The bytes of the frame."""
        name = "" if self.event == "message" else f"event: {self.event}\n"
        return f"{name}id: {self.sequence}\ndata: {self.data}\n\n".encode()


@dataclass
class Run:
    """One answer that is being written, with or without anybody reading."""

    run_id: str
    thread_id: str | None
    body: bytes
    is_done: bool = False
    is_cancelled: bool = False
    task: asyncio.Task[None] | None = None
    first_sequence: int = 0


@dataclass
class Faults:
    """What the tests make go wrong, and what they counted."""

    fail_next: list[int] = field(default_factory=list)
    prepend: str = ""
    stream_statuses: list[int] = field(default_factory=list)
    post_statuses: list[int] = field(default_factory=list)
    is_silent: bool = False
    generation: int = 0
    stream_requests: list[str] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


class Durable:
    """Runs, their numbered frames, and who waits for more."""

    def __init__(self, server: ChatKitServer[dict[str, str]]) -> None:
        self.server = server
        self.frames: list[Frame] = []
        self.runs: dict[str, Run] = {}
        self.keys: dict[str, str] = {}
        self.faults = Faults()
        self._news = asyncio.Event()
        self._last_of_thread: dict[str, Run] = {}

    def start(self, body: bytes, key: str) -> Run:
        """Begin a run; the same key gives the same run. A busy conversation queues it."""
        if key in self.keys:
            return self.runs[self.keys[key]]
        request = json.loads(body)
        run = Run(run_id=f"run_{uuid4().hex[:12]}", thread_id=request["params"].get("thread_id"), body=body)
        self.runs[run.run_id] = run
        self.keys[key] = run.run_id
        before = self._last_of_thread.get(run.thread_id or "")
        if run.thread_id:
            self._last_of_thread[run.thread_id] = run
        run.task = asyncio.create_task(self._work(run, before))
        return run

    async def _work(self, run: Run, before: Run | None) -> None:
        while before is not None and not before.is_done:
            await asyncio.sleep(0.01)
        if run.thread_id:
            self._publish(run, "run", {"type": "run.started", "run_id": run.run_id})
        outcome = "run.completed"
        try:
            result = await self.server.process(run.body, {})
            if isinstance(result, StreamingResult):
                async for chunk in result:
                    self._forward(run, chunk)
        except asyncio.CancelledError:
            outcome = "run.cancelled"
            await self._publish_stored(run)
        run.is_done = True
        self._publish(run, "run", {"type": outcome, "run_id": run.run_id, "conversation_id": run.thread_id})

    def _forward(self, run: Run, chunk: bytes) -> None:
        data = chunk.decode().removeprefix("data: ").strip()
        event = json.loads(data)
        if event["type"] == "thread.created":
            run.thread_id = event["thread"]["id"]
            self._last_of_thread[event["thread"]["id"]] = run
            self._publish(run, "run", {"type": "run.started", "run_id": run.run_id})
        self._append(run, "message", data)

    async def _publish_stored(self, run: Run) -> None:
        """What the server kept of an answer that was cancelled."""
        page = await self.server.store.load_thread_items(run.thread_id or "", None, 10, "desc", {})
        for item in page.data:
            if item.type == "assistant_message":
                event = ThreadItemDoneEvent(item=item)
                self._append(run, "message", event.model_dump_json(exclude_none=True))
                return

    def _publish(self, run: Run, name: str, data: dict[str, Any]) -> None:
        self._append(run, name, json.dumps({"conversation_id": run.thread_id, "epoch": 1, **data}))

    def _append(self, run: Run, event: str, data: str) -> None:
        frame = Frame(sequence=len(self.frames) + 1, run_id=run.run_id, event=event, data=data)
        run.first_sequence = run.first_sequence or frame.sequence
        self.frames.append(frame)
        self._news.set()
        self._news = asyncio.Event()

    def cancel(self, run_id: str) -> None:
        """Stop a run; what it wrote stays."""
        self.faults.cancels.append(run_id)
        run = self.runs[run_id]
        if run.task and not run.is_done:
            run.task.cancel()

    def active_run(self, thread_id: str) -> Run | None:
        """The run that is answering in the conversation now."""
        return next((run for run in self.runs.values() if run.thread_id == thread_id and not run.is_done), None)

    def is_over(self, run_id: str, after: int) -> bool:
        """Whether a run has ended, and the viewer has seen all that it said."""
        events = (frame.sequence for frame in self.frames if frame.run_id == run_id and frame.event == "message")
        return self.runs[run_id].is_done and after >= max(events, default=0)

    async def follow(self, *, run_id: str | None, thread_id: str | None, after: int) -> AsyncIterator[bytes]:
        """The frames of a run (until it ends, without control frames) or of a conversation (for ever)."""
        position, generation = after, self.faults.generation
        while generation == self.faults.generation:
            while self.faults.is_silent and generation == self.faults.generation:
                await asyncio.sleep(0.05)
            for frame in self.frames[max(position, 0) :]:
                position = frame.sequence
                run = self.runs[frame.run_id]
                is_wanted = frame.event == "message" if run_id else run.thread_id == thread_id
                if is_wanted and (run_id is None or frame.run_id == run_id):
                    yield frame.encode()
            if run_id and self.runs[run_id].is_done and position == len(self.frames):
                return
            if position < len(self.frames):
                continue
            try:
                await asyncio.wait_for(self._news.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield b": keep-alive\n\n"
