"""Publishes the events of one run, in order and fenced: the stream itself refuses an attempt that was taken over."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from actor_kit.bus import Bus, StoredMessage, WrongLastSequence
from actor_kit.bus.wire import SCHEMA_HEADER
from actor_kit.telemetry import inject_trace
from contracts.errors import Code, RetryableError, TerminalError
from contracts.events import EPOCH_HEADER, EVENT_HEADER, TERMINAL_RUN_EVENTS, ChatKitDelta, RunEvent
from contracts.subjects import subject_of

from agent_runner.chatkit_events import Json, encode, text_delta_event
from agent_runner.metrics import DELTAS_PUBLISHED

MESSAGE_ID_HEADER = "Nats-Msg-Id"
MERGED_CHARACTERS_MAX = 32_768
PENDING_EVENTS_MAX = 1_000
PUBLISH_TIMEOUT_SECONDS = 2.0
PUBLISH_RETRY_SECONDS = 0.2


class FencedError(TerminalError):
    """Another attempt owns the run now; this one must change nothing more."""

    def __init__(self) -> None:
        super().__init__(Code.RUN_STALE_EPOCH, "Another runner has taken this run over.")


@dataclass
class _TextDelta:
    item_id: str
    content_index: int
    parts: list[str]
    characters: int

    def encode(self) -> bytes:
        return encode(text_delta_event(self.item_id, self.content_index, "".join(self.parts)))


@dataclass
class _Encoded:
    payload: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def encode(self) -> bytes:
        return self.payload


class Publisher(Protocol):
    """What the translation of a run writes to."""

    def event(self, event: Json) -> None: ...
    def text_delta(self, item_id: str, content_index: int, delta: str) -> None: ...


class DeltaPublisher:
    """One publish in flight; text deltas that come meanwhile are merged, so none waits for anything but an ack.

    ``event`` and ``text_delta`` only append. While the bus is away they wait; a run that was taken over shows as
    FencedError from `flush` and from whatever is appended next.
    """

    def __init__(self, bus: Bus, *, user_id: str, conversation_id: str, run_id: str, epoch: int) -> None:
        self.subject = subject_of(ChatKitDelta, user_id=user_id, conversation_id=conversation_id, run_id=run_id)
        self._bus = bus
        self._run_id = run_id
        self._epoch = epoch
        # The same on every delta of the attempt, so made once: the trace is that of the request which began the run.
        self._headers = inject_trace({EPOCH_HEADER: str(epoch), SCHEMA_HEADER: str(ChatKitDelta.schema_version)})
        self._pending: deque[_TextDelta | _Encoded] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._error: FencedError | None = None
        self._published_count = 0
        self._last_sequence = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def published_count(self) -> int:
        """How many messages went out; less than the events when deltas were merged."""
        return self._published_count

    @property
    def last_sequence(self) -> int:
        return self._last_sequence

    @property
    def is_crowded(self) -> bool:
        """More waits than should: the producer had better flush."""
        return len(self._pending) > PENDING_EVENTS_MAX

    def start(self, last_sequence: int) -> None:
        """Begin to publish after the subject's last sequence."""
        self._last_sequence = last_sequence
        self._task = asyncio.create_task(self._run(), name=f"deltas {self._run_id}")

    def event(self, event: Json) -> None:
        self._append(_Encoded(encode(event)))

    def run_event(self, event: RunEvent) -> None:
        """A control frame."""
        self._append(_Encoded(event.encode(), {EVENT_HEADER: RunEvent.event_name}))

    def text_delta(self, item_id: str, content_index: int, delta: str) -> None:
        last = self._pending[-1] if self._pending else None
        if (
            isinstance(last, _TextDelta)
            and last.item_id == item_id
            and last.content_index == content_index
            and last.characters < MERGED_CHARACTERS_MAX
        ):
            last.parts.append(delta)
            last.characters += len(delta)
            return
        self._append(_TextDelta(item_id, content_index, [delta], len(delta)))

    def _append(self, entry: _TextDelta | _Encoded) -> None:
        if self._error is not None:
            raise self._error
        self._pending.append(entry)
        self._idle.clear()
        self._wake.set()

    async def flush(self) -> None:
        """Wait until all is acknowledged. Raises FencedError."""
        await self._idle.wait()
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        """Stop at once; what is pending is dropped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                try:
                    await self._publish(self._pending.popleft())
                except FencedError as error:
                    self._error = error
                    self._pending.clear()
            self._idle.set()

    async def _publish(self, entry: _TextDelta | _Encoded) -> None:
        self._published_count += 1
        headers = self._headers | entry.headers if isinstance(entry, _Encoded) else self._headers
        payload = entry.encode()
        message_id = f"{self._run_id}.{self._epoch}.{self._published_count}"
        DELTAS_PUBLISHED.inc()
        while not await self._publish_once(payload, headers, message_id):
            await asyncio.sleep(PUBLISH_RETRY_SECONDS)

    async def _publish_once(self, payload: bytes, headers: dict[str, str], message_id: str) -> bool:
        """True if it is stored; False to try again. Raises FencedError."""
        try:
            ack = await self._bus.publish_stored(
                self.subject,
                payload,
                headers,
                message_id=message_id,
                expected_last_subject_sequence=self._last_sequence,
                timeout_seconds=PUBLISH_TIMEOUT_SECONDS,
            )
        except RetryableError:
            return False
        except WrongLastSequence:
            try:
                return await self._adopt_last(message_id)
            except RetryableError:
                return False
        self._last_sequence = ack.sequence
        return True

    async def _adopt_last(self, message_id: str) -> bool:
        """Go on after what is last on the subject now; True if that is this very message (its ack was lost).

        Raises FencedError if it came from a later attempt, or ended the run.
        """
        last = await self._bus.direct_get_last("DELTAS", self.subject)
        if last is not None and last.headers.get(MESSAGE_ID_HEADER) == message_id:
            self._last_sequence = last.sequence
            return True
        if last is not None and not _may_follow(last, self._epoch):
            raise FencedError
        self._last_sequence = last.sequence if last else 0
        return False


def _may_follow(last: StoredMessage, epoch: int) -> bool:
    """An attempt may go on after itself, an earlier attempt, or what the store wrote before the run began."""
    if EPOCH_HEADER in last.headers:
        return int(last.headers[EPOCH_HEADER]) <= epoch
    if last.headers.get(EVENT_HEADER) != RunEvent.event_name:
        return True
    return RunEvent.decode(last.payload).type not in TERMINAL_RUN_EVENTS
