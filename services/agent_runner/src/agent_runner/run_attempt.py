"""One attempt of a run: from its claim to its terminal state, or to the moment another attempt owns it."""

import asyncio
from contextlib import suppress
from typing import Literal

import structlog
from chatkit_protocol import events
from contracts.commands import FinishRun, FinishToolCall, RenewLease
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.identity import Principal
from contracts.replies import RunClaimed

from agent_runner.answer import Answer
from agent_runner.crash_points import CrashPoint
from agent_runner.metrics import RUNS, RUNS_ACTIVE
from agent_runner.model_errors import failure_of, sentence_of
from agent_runner.publisher import DeltaPublisher, FencedError
from agent_runner.store import Store
from agent_runner.workshop import Workshop

log = structlog.get_logger()

GIVE_BACK_LEASE_SECONDS = 0.05
GIVE_BACK_SECONDS_MAX = 1.0
FLUSH_SECONDS_MAX = 5.0
HAND_OVER_SECONDS_MAX = 10.0
Outcome = Literal["completed", "failed", "cancelled"]


class RunAttempt:
    """``await run()`` returns when the run is finished.

    Raises FencedError where another attempt owns it, RetryableError where the next one may end what this one could not.
    """

    def __init__(self, workshop: Workshop, claimed: RunClaimed, user_id: str, last_sequence: int) -> None:
        self._workshop = workshop
        self._claimed = claimed
        self._principal = Principal(user_id=user_id)
        self._publisher = DeltaPublisher(
            workshop.bus,
            user_id=user_id,
            conversation_id=claimed.run.conversation_id,
            run_id=claimed.run.run_id,
            epoch=claimed.epoch,
        )
        self._publisher.start(last_sequence)
        self._answer = Answer(workshop, claimed, self._principal, self._publisher)
        self._writing: asyncio.Task[None] | None = None
        self._stop: Literal["cancel", "fenced"] | None = "cancel" if claimed.run.cancel_requested else None

    def cancel(self) -> None:
        """Stop: the text so far is kept. Once the answer is written there is nothing left to stop."""
        self._interrupt("cancel")

    async def run(self, given_up: NatterError | None = None) -> Outcome:
        """Execute the run; or only end it, where it is ``given_up``. Returns how it ended."""
        lease = asyncio.create_task(self._keep_lease(), name="lease")
        RUNS_ACTIVE.inc()
        outcome = "abandoned"
        try:
            outcome = await self._run(given_up)
            return outcome
        except FencedError:
            outcome = "fenced"
            raise
        except (asyncio.CancelledError, RetryableError):
            await self._give_back()
            raise
        finally:
            RUNS_ACTIVE.dec()
            RUNS.labels(outcome).inc()
            lease.cancel()
            await asyncio.gather(
                lease,
                self._publisher.close(),
                self._answer.tool_calls.close(),
                self._answer.title_writer.close(),
                return_exceptions=True,
            )

    async def _run(self, given_up: NatterError | None) -> Outcome:
        await self._answer.announce()
        if self._stop == "fenced":
            raise FencedError
        if self._stop == "cancel":
            return await self._finish("cancelled")
        if given_up is not None:
            return await self._finish("failed", given_up)
        self._writing = asyncio.create_task(self._write(), name="answer")
        try:
            await self._writing
        except asyncio.CancelledError:
            if self._stop is None:
                raise
            if self._stop == "fenced":
                raise FencedError from None
            return await self._finish("cancelled")
        except Exception as error:
            failure = failure_of(error)
            if isinstance(failure, (FencedError, RetryableError)):
                raise failure from error  # another attempt owns the run, or may do what this one could not
            log.warning(
                "run.failed", code=failure.code, error=repr(error)[:500], exc_info=failure.code == Code.INTERNAL
            )
            return await self._finish("failed", failure)
        return await self._finish("completed")

    async def _write(self) -> None:
        seconds_left = self._workshop.settings.run_seconds_max - self._claimed.seconds_since_start
        try:
            async with asyncio.timeout(seconds_left):
                await self._answer.write()
        except TimeoutError as error:
            raise TerminalError(Code.RUN_TIME_EXCEEDED, sentence_of(Code.RUN_TIME_EXCEEDED)) from error

    def _interrupt(self, reason: Literal["cancel", "fenced"]) -> None:
        if self._stop is None and (self._writing is None or not self._writing.done()):
            self._stop = reason
            if self._writing is not None:
                self._writing.cancel()

    # --- the end -----------------------------------------------------------------------------------------

    async def _finish(self, outcome: Outcome, failure: NatterError | None = None) -> Outcome:
        """Show and store the end in one transaction; the store tells the viewers that it has ended."""
        answer = self._answer
        interrupted = answer.running_calls
        items, session_items = answer.end(is_complete=outcome == "completed")
        title = await self._title(outcome)
        await self._flush(outcome)
        for call in interrupted:
            await self._mark_interrupted(call.call_id)
        await self._hand_over(list(session_items))
        self._workshop.crash_points.reach(CrashPoint.BEFORE_FINISH)
        finished = await self._workshop.store.ask(
            FinishRun(
                principal=self._principal,
                run_id=self._claimed.run.run_id,
                epoch=self._claimed.epoch,
                status=outcome,
                items=items,
                session_items=session_items,
                title=title,
                model=answer.model_name,
                usage=answer.usage,
                error_code=failure.code if failure else None,
                error_detail=failure.detail if failure else None,
            )
        )
        self._workshop.crash_points.reach(CrashPoint.AFTER_FINISH)
        log.info("run.finished", status=finished.run.status, deltas=self._publisher.published_count)
        return outcome

    async def _title(self, outcome: Outcome) -> str | None:
        if not self._claimed.is_first_turn:
            return None
        writer = self._answer.title_writer
        title = await writer.title() if outcome == "completed" else writer.plain_title()
        if title and self._claimed.conversation is not None:
            self._publisher.event(events.thread_updated(self._claimed.conversation, title=title))
        return title

    async def _flush(self, outcome: Outcome) -> None:
        """All acks before the end. A run that failed ends even if the bus does not take its last deltas."""
        if outcome == "completed":
            await self._publisher.flush()
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._publisher.flush(), FLUSH_SECONDS_MAX)

    async def _mark_interrupted(self, call_id: str) -> None:
        finish = FinishToolCall(
            principal=self._principal,
            run_id=self._claimed.run.run_id,
            epoch=self._claimed.epoch,
            call_id=call_id,
            status="interrupted",
        )
        with suppress(FencedError):  # a call that waited for its turn is not in the ledger; FinishRun sees the rest
            await self._workshop.store.ask(finish)

    async def _hand_over(self, session_items: list[object]) -> None:
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS_MAX):
                await self._answer.session.close_turn(session_items)
        except FencedError:
            raise
        except Exception as error:  # noqa: BLE001 - the user has the answer; only OpenAI's copy lacks the turn
            log.warning("session.hand_over_failed", error=repr(error)[:300])

    # --- the lease ---------------------------------------------------------------------------------------

    async def _keep_lease(self) -> None:
        settings = self._workshop.settings
        while True:
            await asyncio.sleep(settings.lease_renewal_seconds)
            try:
                renewed = await self._workshop.store.ask(self._renewal(settings.lease_seconds))
            except FencedError:
                self._interrupt("fenced")
                return
            except (TerminalError, RetryableError) as error:
                log.warning("lease.not_renewed", code=error.code)
                continue
            if renewed.cancel_requested:
                self.cancel()

    async def tell_of_stall(self, store: Store) -> None:
        """Tell the store that this run makes the event loop stand still; ``store`` is of another loop."""
        renewal = self._renewal(self._workshop.settings.lease_seconds)
        await store.ask(renewal.model_copy(update={"has_stalled": True}))
        log.error("run.stalled", run_id=self._claimed.run.run_id, stalls=self._claimed.stalls_count + 1)

    def _renewal(self, lease_seconds: float) -> RenewLease:
        return RenewLease(
            principal=self._principal,
            run_id=self._claimed.run.run_id,
            epoch=self._claimed.epoch,
            lease_seconds=lease_seconds,
        )

    async def _give_back(self) -> None:
        """This attempt ends before its run: let the lease run out at once, so that the next one can go on."""
        with suppress(Exception):
            async with asyncio.timeout(GIVE_BACK_SECONDS_MAX):
                await self._workshop.store.ask(self._renewal(GIVE_BACK_LEASE_SECONDS))
        log.info("run.given_back")
