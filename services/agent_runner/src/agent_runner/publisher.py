"""Publishes the events of one run, in order and fenced: the stream itself refuses an attempt that was taken over."""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from actor_kit.bus import Bus, PublishAck, StoredMessage, WrongLastSequence
from actor_kit.bus.wire import MESSAGE_ID_HEADER, SCHEMA_HEADER
from actor_kit.telemetry import inject_trace
from chatkit_protocol.events import encode, text_delta
from chatkit_protocol.items import Json
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.events import EPOCH_HEADER, EVENT_HEADER, KEY_HEADER, TERMINAL_RUN_EVENTS, ChatKitDelta, RunEvent
from contracts.subjects import subject_of

from agent_runner.frames import Frames
from agent_runner.metrics import DELTAS_PUBLISHED, FENCED

DELTA_CHARACTERS_MAX = 32_768
PENDING_EVENTS_MAX = 1_000
PUBLISH_TIMEOUT_SECONDS = 2.0
PUBLISH_RETRY_SECONDS = 0.2
FOLLOWER_PAUSE_SECONDS = 0.01


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
    is_held: bool = False
    """It waits for the end of its frame, and for nothing else; what comes behind it lets it go."""

    def encode(self) -> bytes:
        before, after = _around_text(self.item_id, self.content_index)
        return before + json.dumps("".join(self.parts), ensure_ascii=False).encode() + after


@dataclass
class _Encoded:
    payload: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])
    is_held: bool = False

    def encode(self) -> bytes:
        return self.payload


@dataclass
class _Message:
    payload: bytes
    headers: dict[str, str]
    message_id: str


class Publisher(Protocol):
    """What the translation of a run writes to."""

    def event(self, event: Json, key: str = "") -> None: ...
    def text_delta(self, item_id: str, content_index: int, delta: str) -> None: ...


class DeltaPublisher:
    """One publish in flight; text deltas that come meanwhile are merged.

    ``event`` and ``text_delta`` send at once, or append to what waits. The ack of one message sends the next, without
    a task: that is half of what a delta costs here. Where the process has much to do, text that follows text waits for
    the end of its frame as well (`frames.py`); nothing else ever does. While the bus is away all of it waits; a run
    that was taken over shows as FencedError from `flush` and from whatever is appended next.
    """

    def __init__(
        self, bus: Bus, frames: Frames, *, user_id: str, conversation_id: str, run_id: str, epoch: int
    ) -> None:
        self.subject = subject_of(ChatKitDelta, user_id=user_id, conversation_id=conversation_id, run_id=run_id)
        self._bus = bus
        self._frames = frames
        self._follows_text = False
        self._run_id = run_id
        self._epoch = epoch
        # The same on every delta of the attempt, so made once: the trace is that of the request which began the run.
        self._headers = inject_trace({EPOCH_HEADER: str(epoch), SCHEMA_HEADER: str(ChatKitDelta.schema_version)})
        self._pending: deque[_TextDelta | _Encoded] = deque()
        self._in_flight: _Message | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._error: FencedError | None = None
        self._refused: Exception | None = None
        self._is_closed = False
        self._published_count = 0
        self._last_sequence = 0
        self._recovery: asyncio.Task[None] | None = None

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
        """Publish after the subject's last sequence."""
        self._last_sequence = last_sequence

    def event(self, event: Json, key: str = "") -> None:
        """Publish an event; by its ``key`` a later attempt knows that it was told already."""
        self._append(_Encoded(encode(event), {KEY_HEADER: key} if key else {}))

    def run_event(self, event: RunEvent) -> None:
        """A control frame."""
        self._append(_Encoded(event.encode(), {EVENT_HEADER: RunEvent.event_name}))

    def text_delta(self, item_id: str, content_index: int, delta: str) -> None:
        held_seconds = self._frames.count_delta()
        last = self._pending[-1] if self._pending else None
        if (
            isinstance(last, _TextDelta)
            and last.item_id == item_id
            and last.content_index == content_index
            and last.characters < DELTA_CHARACTERS_MAX
        ):
            last.parts.append(delta)
            last.characters += len(delta)
            return
        is_held = self._follows_text and held_seconds > 0
        self._append(_TextDelta(item_id, content_index, [delta], len(delta), is_held))
        if is_held:
            self._frames.hold(self, held_seconds)

    def release(self) -> None:
        """Let go what was held until now."""
        if self._pending:
            self._pending[-1].is_held = False
            self._send_what_may_go()

    def _append(self, entry: _TextDelta | _Encoded) -> None:
        if self._error is not None:
            raise self._error
        if self._is_closed:
            return
        if self._pending:
            self._pending[-1].is_held = False
        self._pending.append(entry)
        self._follows_text = isinstance(entry, _TextDelta)
        self._idle.clear()
        self._send_what_may_go()

    async def flush(self) -> None:
        """Wait until all is acknowledged. Raises FencedError; TerminalError once for what the bus refused for good."""
        self.release()
        await self._idle.wait()
        if self._error is not None:
            raise self._error
        if self._refused is not None:
            refused, self._refused = self._refused, None
            raise refused

    async def close(self) -> None:
        """Stop at once; what is pending is dropped, and so is what comes later."""
        self._is_closed = True
        self._pending.clear()
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)

    # --- one after the other -----------------------------------------------------------------------------

    def _send_what_may_go(self) -> None:
        if self._in_flight is None and self._pending and not self._pending[0].is_held:
            self._send_next()

    def _send_next(self) -> None:
        entry = self._pending.popleft()
        headers = self._headers | entry.headers if isinstance(entry, _Encoded) else self._headers
        self._published_count += 1
        self._in_flight = _Message(entry.encode(), headers, f"{self._run_id}.{self._epoch}.{self._published_count}")
        DELTAS_PUBLISHED.inc()
        self._bus.publish_then(
            self._on_ack,
            self.subject,
            self._in_flight.payload,
            headers,
            message_id=self._in_flight.message_id,
            expected_last_subject_sequence=self._last_sequence,
            timeout_seconds=PUBLISH_TIMEOUT_SECONDS,
        )

    def _on_ack(self, ack: PublishAck | NatterError) -> None:
        if self._is_closed or self._in_flight is None:
            return
        if isinstance(ack, NatterError):
            self._recovery = asyncio.create_task(self._recover(self._in_flight, ack), name=f"deltas {self._run_id}")
            return
        self._last_sequence = ack.sequence
        self._go_on()

    def _go_on(self) -> None:
        self._in_flight = None
        if self._pending:
            self._send_what_may_go()
        else:
            self._idle.set()

    # --- when it does not go well -------------------------------------------------------------------------

    async def _recover(self, message: _Message, error: BaseException) -> None:
        """See a message through that got no ack, or was refused; then go on with those behind it."""
        try:
            is_stored = isinstance(error, WrongLastSequence) and await self._adopt_last(message.message_id)
            while not is_stored:
                is_stored = await self._publish_again(message)
        except FencedError as fenced:
            self._error = fenced
            self._pending.clear()
        except Exception as refused:  # noqa: BLE001 - too large, say: whoever flushes must hear of it, and not wait
            self._refused = refused
        self._go_on()

    async def _publish_again(self, message: _Message) -> bool:
        """True if it is stored; False to try again, after a pause. Raises FencedError."""
        try:
            ack = await self._bus.publish_stored(
                self.subject,
                message.payload,
                message.headers,
                message_id=message.message_id,
                expected_last_subject_sequence=self._last_sequence,
                timeout_seconds=PUBLISH_TIMEOUT_SECONDS,
            )
            self._last_sequence = ack.sequence
        except RetryableError:
            await asyncio.sleep(PUBLISH_RETRY_SECONDS)
            return False
        except WrongLastSequence:
            return await self._adopt_last(message.message_id)
        return True

    async def _adopt_last(self, message_id: str) -> bool:
        """Go on after what is last on the subject now; True if that is this very message (its ack was lost).

        Raises FencedError if it came from a later attempt, or ended the run.
        """
        try:
            last = await self._bus.direct_get_last("DELTAS", self.subject)
        except RetryableError:
            await asyncio.sleep(PUBLISH_RETRY_SECONDS)
            return False
        if last is not None and last.headers.get(MESSAGE_ID_HEADER) == message_id:
            self._last_sequence = last.sequence
            return True
        if last is not None and not _may_follow(last, self._epoch):
            FENCED.labels("stream").inc()
            raise FencedError
        found = last.sequence if last else 0
        if found == self._last_sequence:  # told by a follower that is behind: what was refused came later
            await asyncio.sleep(FOLLOWER_PAUSE_SECONDS)
        self._last_sequence = found
        return False


@lru_cache(maxsize=1_024)
def _around_text(item_id: str, content_index: int) -> tuple[bytes, bytes]:
    """What stands before and after the text in the deltas of one content part: the same each time."""
    before, _, after = encode(text_delta(item_id, content_index, "")).rpartition(b'""')
    return before, after


def _may_follow(last: StoredMessage, epoch: int) -> bool:
    """An attempt may go on after itself, an earlier attempt, or what the store wrote before the run began."""
    if EPOCH_HEADER in last.headers:
        return int(last.headers[EPOCH_HEADER]) <= epoch
    if last.headers.get(EVENT_HEADER) != RunEvent.event_name:
        return True
    return RunEvent.decode(last.payload).type not in TERMINAL_RUN_EVENTS
