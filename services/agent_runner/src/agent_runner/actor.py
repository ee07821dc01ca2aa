"""What the runner receives: runs from the work queue, and the quick word to stop one."""

import asyncio
import time
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import structlog
from actor_kit.actor import Actor, Delivery, Handlers
from actor_kit.bus import Bus, Received
from contracts.commands import ClaimRun, RunRequested
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.events import ChatKitDelta, RunCancelRequested
from contracts.identity import Principal
from contracts.message import Message
from contracts.replies import RunClaimed
from contracts.streams import RUN_STALLS_MAX
from contracts.subjects import parse_subject, subject_of

from agent_runner.attempt import RunAttempt
from agent_runner.crash_points import CrashPoint
from agent_runner.model_errors import sentence_of
from agent_runner.publisher import FencedError
from agent_runner.workshop import Workshop

log = structlog.get_logger()

LEASED_PAUSE_SECONDS_MAX = 0.5
OTHERS_FIRST_SECONDS = 10.0
NOT_SERVED_PAUSE_SECONDS = 2.0


@dataclass(frozen=True)
class AgentRunner(Actor):
    """Executes runs; a run that is redelivered is claimed anew, which fences whoever had it."""

    workshop: Workshop
    started_at: float = field(default_factory=time.monotonic)
    attempts: dict[str, RunAttempt] = field(default_factory=dict[str, RunAttempt])
    locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary[str, asyncio.Lock])

    @property
    def handlers(self) -> Handlers:
        return {RunRequested: self.on_run_requested}

    async def on_run_requested(self, command: RunRequested, delivery: Delivery) -> None:
        """Execute a run to its end. The last delivery only reports: a run that kills its runner must not vanish.

        A run that is finished or deleted is nobody's any more: its message is settled, and leaves no dead letter.
        """
        bound = {"run_id": command.run_id, "assistant": command.assistant_id}
        with structlog.contextvars.bound_contextvars(**bound, attempt=delivery.attempt):
            if command.assistant_id not in self.workshop.assistants:  # another runner's, or one that cannot be loaded
                detail = f"This runner does not serve the assistant {command.assistant_id}."
                raise RetryableError(Code.ASSISTANT_NOT_SERVED, detail, retry_after_seconds=NOT_SERVED_PAUSE_SECONDS)
            if not delivery.is_last_attempt:
                async with self._lock_of(command):
                    await self._claim_and_execute(command)
            elif await self._give_up(command):
                raise given_up()

    async def on_exhausted(self, message: Message, delivery: Delivery, error: NatterError) -> None:
        """Fail a run whose handling failed for good, so that its user is told and may retry."""
        if isinstance(message, RunRequested):
            log.error("run.exhausted", run_id=message.run_id, attempt=delivery.attempt, code=error.code)
            await self._give_up(message)

    async def on_stalled(self, message: Message, bus: Bus) -> None:
        """Count it: a run that makes its runner stand still `RUN_STALLS_MAX` times is not executed again."""
        attempt = self.attempts.get(message.run_id) if isinstance(message, RunRequested) else None
        if attempt is not None:
            await attempt.tell_of_stall(self.workshop.store.over(bus))

    async def _give_up(self, command: RunRequested) -> bool:
        """End a run without executing it; False where it did not fail: stopped, finished, deleted or another's."""
        async with self._lock_of(command):
            claimed = await self._claim(command)
            if claimed is None:
                return False
            return await self._end(command, claimed, await self._last_sequence(command))

    async def _end(self, command: RunRequested, claimed: RunClaimed, last_sequence: int) -> bool:
        attempt = RunAttempt(self.workshop, claimed, command.user_id, last_sequence)
        try:
            return await attempt.run(given_up()) == "failed"
        except FencedError:
            return False

    def on_run_cancel_requested(self, received: Received) -> None:
        """Stop the run if it is executed here; otherwise another runner has heard it too."""
        run_id = parse_subject(RunCancelRequested, received.subject)["run_id"]
        attempt = self.attempts.get(run_id)
        if attempt is not None:
            attempt.cancel()

    def _lock_of(self, command: RunRequested) -> asyncio.Lock:
        """A second message for a run that is executed here waits: its claim would fence the first."""
        return self.locks.setdefault(command.run_id, asyncio.Lock())

    async def _claim_and_execute(self, command: RunRequested) -> None:
        self.workshop.crash_points.reach(CrashPoint.BEFORE_CLAIM)
        claimed, last_sequence = await asyncio.gather(self._claim(command), self._last_sequence(command))
        if claimed is None:
            return
        self.workshop.crash_points.reach(CrashPoint.AFTER_CLAIM)
        if claimed.stalls_count == 0:
            await self._execute(command, claimed, last_sequence)
        elif claimed.stalls_count < RUN_STALLS_MAX:
            await self._execute_after_others(command, last_sequence)
        elif await self._end(command, claimed, last_sequence):
            raise given_up()

    async def _execute_after_others(self, command: RunRequested, last_sequence: int) -> None:
        """A run that has stalled a runner waits until this one has worked for others: it may stall it at once."""
        await asyncio.sleep(self.started_at + OTHERS_FIRST_SECONDS - time.monotonic())
        claimed = await self._claim(command)  # its lease may have run out; or its user has stopped it
        if claimed is not None:
            await self._execute(command, claimed, last_sequence)

    async def _execute(self, command: RunRequested, claimed: RunClaimed, last_sequence: int) -> None:
        attempt = RunAttempt(self.workshop, claimed, command.user_id, last_sequence)
        self.attempts[command.run_id] = attempt
        try:
            await attempt.run()
        except FencedError as error:
            # Not acked: the ack of an old delivery would take the message away from the runner that owns the run now.
            log.warning("run.fenced", epoch=claimed.epoch)
            pause = self.workshop.settings.lease_seconds
            raise RetryableError(Code.RUN_STALE_EPOCH, error.detail, retry_after_seconds=pause) from error
        finally:
            if self.attempts.get(command.run_id) is attempt:
                del self.attempts[command.run_id]

    async def _claim(self, command: RunRequested) -> RunClaimed | None:
        """Claim the run, waiting while another runner's lease is alive; None where it is finished or deleted."""
        settings = self.workshop.settings
        claim = ClaimRun(
            principal=Principal(user_id=command.user_id),
            run_id=command.run_id,
            runner_id=settings.runner_id,
            lease_seconds=settings.lease_seconds,
            history_messages_max=self._history_messages_max(command),
        )
        while True:
            try:
                return await self.workshop.store.ask(claim)
            except FencedError:
                return None
            except RetryableError as error:
                if error.code != Code.RUN_LEASED:
                    raise
                pause = min(error.retry_after_seconds or LEASED_PAUSE_SECONDS_MAX, LEASED_PAUSE_SECONDS_MAX)
                await asyncio.sleep(pause)

    def _history_messages_max(self, command: RunRequested) -> int:
        """Also where OpenAI keeps the conversation: it has nothing of a branch that has just begun."""
        own = self.workshop.assistants[command.assistant_id].assistant.history.messages_max
        return self.workshop.settings.history_messages_max if own is None else own

    async def _last_sequence(self, command: RunRequested) -> int:
        """The last sequence on the run's subject. A stale one is noticed, and read again, at the first publish."""
        subject = subject_of(
            ChatKitDelta, user_id=command.user_id, conversation_id=command.conversation_id, run_id=command.run_id
        )
        try:
            last = await self.workshop.bus.direct_get_last("DELTAS", subject)
        except RetryableError:
            return 0
        return last.sequence if last else 0


def given_up() -> TerminalError:
    """Why a run that was delivered too often is ended."""
    return TerminalError(Code.RUN_ATTEMPTS_EXHAUSTED, sentence_of(Code.RUN_ATTEMPTS_EXHAUSTED))
