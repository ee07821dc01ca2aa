"""The past of a stream: reads DELTAS, asks the store what DELTAS does not have, and finds where a stream begins."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from actor_kit.bus import Bus
from contracts.errors import Code, RetryableError, TerminalError
from contracts.events import ChatKitDelta
from contracts.identity import Principal
from contracts.queries import CheckAccess, GetConversation, GetRun, ListItems
from contracts.replies import ItemPage, RunView
from contracts.streams import DELTAS
from contracts.subjects import subject_filter

from stream_relay.rules import ResetReason, judge_place
from stream_relay.translate import END_OF_STATUS, END_SEQUENCE, Delta, Filter, stored_delta

BATCH_MAX: Final = 256
EVERYTHING: Final = subject_filter(ChatKitDelta)
ITEMS_PAGE: Final = 100
FOLLOWER_PAUSES_SECONDS: Final = (0.02, 0.1, 0.3, 0.6)
"""What DELTAS does not have, a follower that is behind may not have yet, for instance one that was paused: it is asked
again."""
JUST_ENDED_MAX: Final = timedelta(seconds=60)
"""Of a run that ended so lately DELTAS has something, and a server that has not is behind."""
END_DELAY_MAX: Final = timedelta(seconds=5)
"""A run's terminal frame may come this long after the store has recorded the end."""
PATIENCE_SECONDS_MAX: Final = 0.5
PATIENCE_PAUSE_SECONDS: Final = 0.1
"""Together with the 2 s that a direct get may take, this keeps the promise of a 503 within 3 s."""

ResultT = TypeVar("ResultT")


async def patiently(ask: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Call ``ask``, and repeat it for a moment while the bus is away: an EventSource gives up on its first 503.

    Raises what ``ask`` raises.
    """
    clock = asyncio.get_running_loop().time
    give_up_at = clock() + PATIENCE_SECONDS_MAX
    while True:
        try:
            return await ask()
        except RetryableError as error:
            if error.code != Code.BUS_UNAVAILABLE or clock() > give_up_at:
                raise
            await asyncio.sleep(PATIENCE_PAUSE_SECONDS)


# --- DELTAS -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """Deltas in order, and whether they reach the end of what DELTAS has."""

    deltas: list[Delta]
    is_last: bool

    @property
    def first_sequence(self) -> int | None:
        return self.deltas[0].sequence if self.deltas else None

    @property
    def has_beginning(self) -> bool:
        """Say whether these are a run's deltas from its very first one on."""
        return bool(self.deltas) and self.deltas[0].is_beginning


@dataclass(frozen=True)
class Deltas:
    """Reads of DELTAS, by direct gets. Each raises RetryableError (bus_unavailable)."""

    bus: Bus

    async def read(self, wanted: Filter, *, from_sequence: int) -> Batch:
        """Read up to `BATCH_MAX` messages of a filter, from a sequence on."""
        messages, pending_count = await self.bus.direct_get(
            DELTAS.name, wanted.stored, from_sequence=max(from_sequence, 1), batch_max=BATCH_MAX
        )
        return Batch([stored_delta(message) for message in messages], is_last=pending_count == 0)

    async def last_of(self, wanted: Filter) -> Delta | None:
        """Read the last message of a filter."""
        message = await self.bus.direct_get_last(DELTAS.name, wanted.stored)
        return stored_delta(message) if message else None

    async def first_sequence(self) -> int | None:
        """Read the first sequence that DELTAS still holds, None while it is empty."""
        messages, _ = await self.bus.direct_get(DELTAS.name, EVERYTHING, from_sequence=1, batch_max=1)
        return messages[0].sequence if messages else None

    async def last_sequence(self) -> int | None:
        """Read the last sequence that DELTAS holds, None while it is empty."""
        message = await self.bus.direct_get_last(DELTAS.name, EVERYTHING)
        return message.sequence if message else None


# --- the store --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Items:
    """A page of stored items, and the query that brought it."""

    query: ListItems
    page: ItemPage


@dataclass(frozen=True)
class Stored:
    """Queries to conversation_store. Each raises what the store raises: forbidden, not_found, or RetryableError."""

    bus: Bus
    timeout_seconds: float

    async def run(self, principal: Principal, run_id: str) -> RunView:
        """Read a run of the principal's."""
        reply = await self.bus.request(GetRun(principal=principal, run_id=run_id), timeout_seconds=self.timeout_seconds)
        if principal.conversation_id not in (None, reply.run.conversation_id):
            raise TerminalError.forbidden("run")
        return reply.run

    async def check_access(self, principal: Principal) -> None:
        """Have the store say that the principal's token still holds. Raises TerminalError (token_revoked)."""
        await self.bus.request(CheckAccess(principal=principal), timeout_seconds=self.timeout_seconds)

    async def resume_from(self, principal: Principal, conversation_id: str) -> int:
        """Return the place before a conversation's active run; without such a run, the place after all there is."""
        query = GetConversation(principal=principal, conversation_id=conversation_id)
        return (await self.bus.request(query, timeout_seconds=self.timeout_seconds)).resume_from

    async def items(self, principal: Principal, conversation_id: str, run_id: str | None = None) -> Items:
        """Read the first items of a conversation, or of one of its runs."""
        query = ListItems(principal=principal, conversation_id=conversation_id, run_id=run_id, limit=ITEMS_PAGE)
        return Items(query, await self.bus.request(query, timeout_seconds=self.timeout_seconds))

    async def items_after(self, items: Items) -> Items | None:
        """Read the page after one; None after the last."""
        if not items.page.has_more or items.page.after is None:
            return None
        query = items.query.model_copy(update={"after": items.page.after})
        return Items(query, await self.bus.request(query, timeout_seconds=self.timeout_seconds))


def _is_end(last: Delta, asked: "StreamRequest") -> bool:
    """Whether this is what a run's stream ends with: in ChatKit's format also a wait behind the one it began with."""
    number, is_waiting = last.wait or (0, False)
    return last.is_terminal or (asked.is_chatkit and is_waiting and number > asked.wait)


# --- where a stream begins ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StreamRequest:
    """A verified request for a stream. ``place`` is the Last-Event-ID as a sequence, if there is one."""

    principal: Principal
    wanted: Filter
    place: int | None
    is_chatkit: bool
    wait: int = 0
    """In ChatKit's format: the number of the wait that the turn begins behind."""

    def at(self, place: int | None) -> "StreamRequest":
        return replace(self, place=place)


@dataclass(frozen=True)
class Start:
    """Where a stream begins: after ``place``, once the viewer was sent the rest of this.

    ``reset``: what it asked for is gone, and the stored ``items`` follow, page by page. ``is_new_place``: the viewer is
    sent its place. ``ended``: the run's end as the store has it, which ends the stream. ``batch``: deltas after the
    place that were read already.
    """

    place: int
    batch: Batch | None = None
    reset: ResetReason | None = None
    items: Items | None = None
    is_new_place: bool = False
    ended: RunView | None = None
    is_waiting: bool = False
    """The run waits for a person, as the store has it."""


@dataclass(frozen=True)
class Attach:
    """Finds where a stream begins: from DELTAS if it has what is needed, else from the store.

    `start` gives None to a viewer that has seen the end already (204, so that an EventSource stops by itself).
    Raises TerminalError (forbidden, not_found), RetryableError.
    """

    deltas: Deltas
    stored: Stored

    async def start(self, asked: StreamRequest) -> Start | None:
        """Find where a stream of any kind begins."""
        if asked.wanted.run_id is not None:
            return await self._start_run(asked, asked.wanted.run_id)
        if asked.wanted.conversation_id is not None:
            return await self._start_conversation(asked, asked.wanted.conversation_id)
        return await self._start_user(asked)

    async def stored_end(self, asked: StreamRequest) -> Start | None:
        """Return a run's end as the store has it, for when the terminal frame never came. None: the run goes on."""
        assert asked.wanted.run_id is not None
        run = await self.stored.run(asked.principal, asked.wanted.run_id)
        if run.finished_at is None or datetime.now(UTC) - run.finished_at < END_DELAY_MAX:
            return None
        return await self._start_from_store(asked, run, Batch([], is_last=True), "expired")

    # --- a run ----------------------------------------------------------------------------------------------

    async def _start_run(self, asked: StreamRequest, run_id: str) -> Start | None:
        if asked.place == END_SEQUENCE:
            return await self._start_absent_run(asked, run_id)
        if asked.place:
            return await self._go_on_with_run(asked, run_id, asked.place)
        batch = await self.deltas.read(asked.wanted, from_sequence=1)
        if not batch.deltas:
            return await self._start_absent_run(asked, run_id)
        return await self._start_run_anew(asked, run_id, batch, None if batch.has_beginning else "expired")

    async def _go_on_with_run(self, asked: StreamRequest, run_id: str, place: int) -> Start | None:
        batch = await self.deltas.read(asked.wanted, from_sequence=place)
        reason = await self._judge(place, batch)
        if reason is not None:
            whole = await self.deltas.read(asked.wanted, from_sequence=1)
            return await self._start_run_anew(asked, run_id, whole, reason)
        if batch.deltas and batch.deltas[-1].sequence > place:
            return Start(place, batch)
        # Nothing follows the place: the run has ended, or its next delta is to come, or it is not in DELTAS.
        last = await self._last_of_run(asked.wanted, place)
        if last is None:
            return await self._start_absent_run(asked, run_id)
        return None if _is_end(last, asked) and last.sequence <= place else Start(place)

    async def _last_of_run(self, wanted: Filter, place: int) -> Delta | None:
        """Read the last delta of a run of which the viewer has seen ``place``: who has less than that is behind."""
        for pause_seconds in (*FOLLOWER_PAUSES_SECONDS, None):
            last = await self.deltas.last_of(wanted)
            if pause_seconds is None or (last is not None and last.sequence >= place):
                return last
            await asyncio.sleep(pause_seconds)
        return None

    async def _start_run_anew(
        self, asked: StreamRequest, run_id: str, batch: Batch, reason: ResetReason | None
    ) -> Start:
        """Begin with the whole run, from DELTAS if it is there. ``reason``: why the viewer must forget what it has."""
        if batch.has_beginning:
            return Start(0, batch, reason)
        run = await self.stored.run(asked.principal, run_id)
        return await self._start_from_store(asked, run, batch, reason)

    async def _start_absent_run(self, asked: StreamRequest, run_id: str) -> Start | None:
        """DELTAS has nothing of the run: it has not begun, is long over, is another user's, or does not exist."""
        run = await self.stored.run(asked.principal, run_id)
        has_seen_end = asked.place == END_SEQUENCE
        if run.status not in END_OF_STATUS and run.status != "waiting":
            return Start(0 if has_seen_end else asked.place or 0)
        if has_seen_end:
            return None
        if not asked.place:  # a short run may have begun and ended since DELTAS was read
            batch = await self._read_run(asked.wanted, run)
            if batch.has_beginning:
                return Start(0, batch)
        return await self._start_from_store(asked, run, Batch([], is_last=True), "expired")

    async def _read_run(self, wanted: Filter, run: RunView) -> Batch:
        """Read a run that has ended, again and again where it has only just ended and nothing of it is there."""
        is_new = run.finished_at is not None and datetime.now(UTC) - run.finished_at < JUST_ENDED_MAX
        for pause_seconds in FOLLOWER_PAUSES_SECONDS if is_new else ():
            batch = await self.deltas.read(wanted, from_sequence=1)
            if batch.has_beginning:
                return batch
            await asyncio.sleep(pause_seconds)
        return await self.deltas.read(wanted, from_sequence=1)

    async def _start_from_store(
        self, asked: StreamRequest, run: RunView, batch: Batch, reason: ResetReason | None
    ) -> Start:
        items = await self.stored.items(asked.principal, run.conversation_id, run.run_id)
        ended = run if run.status in END_OF_STATUS else None
        return Start(0, batch, reason, items, ended=ended, is_waiting=run.status == "waiting")

    # --- a conversation, a user -----------------------------------------------------------------------------

    async def _start_conversation(self, asked: StreamRequest, conversation_id: str) -> Start:
        if asked.place is None:
            return Start(await self.stored.resume_from(asked.principal, conversation_id), is_new_place=True)
        batch = await self.deltas.read(asked.wanted, from_sequence=asked.place)
        reason = await self._judge(asked.place, batch)
        if reason is None:
            if not batch.deltas:  # deltas would prove that it is the caller's: their subject has the caller's user id
                await self.stored.resume_from(asked.principal, conversation_id)
            return Start(asked.place, batch)
        items = await self.stored.items(asked.principal, conversation_id)
        return Start(items.page.resume_from, reset=reason, items=items, is_new_place=True)

    async def _start_user(self, asked: StreamRequest) -> Start:
        reason: ResetReason | None = None
        if asked.place is not None:
            batch = await self.deltas.read(asked.wanted, from_sequence=asked.place)
            reason = await self._judge(asked.place, batch)
            if reason is None:
                return Start(asked.place, batch)
        return Start(await self.deltas.last_sequence() or 0, reset=reason, is_new_place=True)

    # --- both -----------------------------------------------------------------------------------------------

    async def _judge(self, place: int, batch: Batch) -> ResetReason | None:
        if place in (0, batch.first_sequence):
            return None
        for pause_seconds in (*FOLLOWER_PAUSES_SECONDS, None):
            first, last = await asyncio.gather(self.deltas.first_sequence(), self.deltas.last_sequence())
            reason = judge_place(place, found=batch.first_sequence, first=first, last=last)
            if reason != "unknown_id" or pause_seconds is None or place >= END_SEQUENCE:
                return reason
            await asyncio.sleep(pause_seconds)
        return None
