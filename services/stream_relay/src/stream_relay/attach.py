"""Where a viewer's stream begins: judged before the first byte, from DELTAS where it can tell, else from the store."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.errors import TerminalError
from contracts.events import Reset
from contracts.identity import Principal
from contracts.replies import ItemPage, RunView

from stream_relay.deltas import Batch, Deltas, Filter
from stream_relay.frames import place_frame, reset_block
from stream_relay.metrics import RESETS
from stream_relay.rules import END_SEQUENCE, ResetReason, judge_place
from stream_relay.stored import END_OF_STATUS, Stored, end_block

LAG_PAUSES_SECONDS: Final = (0.02, 0.1)
"""A place later than DELTAS may be later than a follower only: it is asked again."""
END_DELAY_MAX: Final = timedelta(seconds=5)
"""How long after its end in the store a run's terminal frame may still be on its way."""


@dataclass(frozen=True)
class Start:
    """Begin after ``place``: first what ``prelude`` yields, then ``batch`` (already read), then what follows.

    ``is_over``: the stream ends with the prelude. ``batch`` None: nothing was read yet.
    """

    place: int
    batch: Batch | None = None
    prelude: Callable[[], AsyncGenerator[bytes]] | None = None
    is_over: bool = False


class Over:
    """The viewer has seen the end already: 204, so that an EventSource stops by itself."""


@dataclass(frozen=True)
class Asked:
    """A verified request for a stream. ``place`` is the Last-Event-ID as a sequence, if there is one."""

    principal: Principal
    wanted: Filter
    place: int | None
    is_chatkit: bool

    def at(self, place: int | None) -> "Asked":
        return Asked(self.principal, self.wanted, place, self.is_chatkit)


@dataclass(frozen=True)
class Attach:
    """Finds the start of a stream. Raises TerminalError (forbidden, not_found), RetryableError."""

    deltas: Deltas
    stored: Stored

    async def start(self, asked: Asked) -> Start | Over:
        """Find it for any kind of stream."""
        if asked.wanted.run_id is not None:
            return await self._start_run(asked, asked.wanted.run_id)
        if asked.wanted.conversation_id is not None:
            return await self._start_conversation(asked, asked.wanted.conversation_id)
        return await self._start_user(asked)

    # --- a run ------------------------------------------------------------------------------------------

    async def _start_run(self, asked: Asked, run_id: str) -> Start | Over:
        if asked.place == END_SEQUENCE:
            return await self._start_absent_run(asked, run_id)
        if asked.place:
            return await self._go_on_with_run(asked, run_id, asked.place)
        batch = await self.deltas.read(asked.wanted, from_sequence=1)
        if not batch.deltas:
            return await self._start_absent_run(asked, run_id)
        if batch.deltas[0].is_beginning:
            return Start(0, batch)
        return await self._start_run_anew(asked, run_id, batch, "expired")

    async def _go_on_with_run(self, asked: Asked, run_id: str, place: int) -> Start | Over:
        batch = await self.deltas.read(asked.wanted, from_sequence=place)
        reason = await self._judge(place, batch)
        if reason is not None:
            whole = await self.deltas.read(asked.wanted, from_sequence=1)
            return await self._start_run_anew(asked, run_id, whole, reason)
        if batch.deltas and batch.deltas[-1].sequence > place:
            return Start(place, batch)
        return await self._start_after_last(asked, run_id, place)

    async def _start_after_last(self, asked: Asked, run_id: str, place: int) -> Start | Over:
        """Nothing follows the place: the run has ended, or its next delta is to come, or it is not in DELTAS."""
        last = await self.deltas.last_of(asked.wanted)
        if last is None:
            return await self._start_absent_run(asked, run_id)
        if last.is_terminal and last.sequence <= place:
            return Over()
        return Start(place)

    async def _start_run_anew(self, asked: Asked, run_id: str, batch: Batch, reason: ResetReason) -> Start:
        """Tell the viewer to forget what it has, then show the run from DELTAS if it is whole there."""
        if batch.deltas and batch.deltas[0].is_beginning:
            return Start(0, batch, self._prelude(asked, reason))
        run = await self.stored.run(asked.principal, run_id)
        return await self._start_from_store(asked, run, batch, reason)

    async def _start_absent_run(self, asked: Asked, run_id: str) -> Start | Over:
        """DELTAS has nothing of the run: it is to come, or long over, or another's, or nobody's."""
        run = await self.stored.run(asked.principal, run_id)
        if run.status not in END_OF_STATUS:
            return Start(0 if asked.place == END_SEQUENCE else asked.place or 0)
        if asked.place == END_SEQUENCE:
            return Over()
        if not asked.place:  # a short run may have been shown from its beginning to its end since DELTAS was asked
            batch = await self.deltas.read(asked.wanted, from_sequence=1)
            if batch.deltas and batch.deltas[0].is_beginning:
                return Start(0, batch)
        return await self._start_from_store(asked, run, Batch([], is_last=True), "expired")

    async def _start_from_store(self, asked: Asked, run: RunView, batch: Batch, reason: ResetReason) -> Start:
        page = await self.stored.items(asked.principal, run.conversation_id, run_id=run.run_id)
        is_over = run.status in END_OF_STATUS
        return Start(0, batch, self._prelude(asked, reason, page, run), is_over=is_over)

    async def stored_end(self, asked: Asked) -> Start | None:
        """The end of a run whose terminal frame never came although the store has it; None while the run goes on."""
        assert asked.wanted.run_id is not None
        run = await self.stored.run(asked.principal, asked.wanted.run_id)
        if run.finished_at is None or datetime.now(UTC) - run.finished_at < END_DELAY_MAX:
            return None
        return await self._start_from_store(asked, run, Batch([], is_last=True), "expired")

    # --- a conversation, a user ---------------------------------------------------------------------------

    async def _start_conversation(self, asked: Asked, conversation_id: str) -> Start:
        if asked.place is None:
            place = await self.stored.resume_from(asked.principal, conversation_id)
            return Start(place, prelude=_moved_to(place))
        batch = await self.deltas.read(asked.wanted, from_sequence=asked.place)
        reason = await self._judge(asked.place, batch)
        if reason is None:
            if not batch.deltas:  # with deltas on a subject of the caller's own, it is the caller's
                await self.stored.resume_from(asked.principal, conversation_id)
            return Start(asked.place, batch)
        page = await self.stored.items(asked.principal, conversation_id)
        return Start(page.resume_from, prelude=self._prelude(asked, reason, page))

    async def _start_user(self, asked: Asked) -> Start:
        if asked.place is None:
            place = await self.deltas.last_sequence() or 0
            return Start(place, prelude=_moved_to(place))
        batch = await self.deltas.read(asked.wanted, from_sequence=asked.place)
        reason = await self._judge(asked.place, batch)
        if reason is None:
            return Start(asked.place, batch)
        place = await self.deltas.last_sequence() or 0
        return Start(place, prelude=self._prelude(asked, reason, moved_to=place))

    # --- both -------------------------------------------------------------------------------------------

    async def _judge(self, place: int, batch: Batch) -> ResetReason | None:
        if place in (0, batch.first_sequence):
            return None
        for pause_seconds in (*LAG_PAUSES_SECONDS, None):
            first, last = await asyncio.gather(self.deltas.first_sequence(), self.deltas.last_sequence())
            reason = judge_place(place, found=batch.first_sequence, first=first, last=last)
            if reason != "unknown_id" or pause_seconds is None or place >= END_SEQUENCE:
                return reason
            await asyncio.sleep(pause_seconds)
        return None

    def _prelude(
        self,
        asked: Asked,
        reason: ResetReason,
        page: ItemPage | None = None,
        run: RunView | None = None,
        *,
        moved_to: int | None = None,
    ) -> Callable[[], AsyncGenerator[bytes]]:
        """A reset, the stored items, then the run's end or the viewer's new place."""
        conversation_id = run.conversation_id if run else asked.wanted.conversation_id
        run_id = run.run_id if run else None

        async def blocks() -> AsyncGenerator[bytes]:
            RESETS.labels(reason).inc()
            if not asked.is_chatkit:
                yield reset_block(Reset(reason=reason))
            if page is not None and conversation_id is not None:
                async for block in self.stored.item_blocks(asked.principal, conversation_id, page, run_id=run_id):
                    yield block
            if run is not None and run.status in END_OF_STATUS:
                yield end_block(run, is_chatkit=asked.is_chatkit)
            elif run is None:
                yield place_frame(page.resume_from if page else moved_to or 0).full

        return blocks


def _moved_to(place: int) -> Callable[[], AsyncGenerator[bytes]]:
    """Tell the viewer its place at once, so that a connection which is lost before any event loses nothing."""

    async def blocks() -> AsyncGenerator[bytes]:
        yield place_frame(place).full

    return blocks


def ensure_nameable(wanted: Filter) -> None:
    """Refuse the words that stand in an id's place on DELTAS. Raises TerminalError (not_found)."""
    if wanted.run_id == "changed":
        raise TerminalError.not_found("run")
    if wanted.conversation_id == "tasks":
        raise TerminalError.not_found("conversation")
