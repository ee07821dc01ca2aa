"""One attempt of a run: from its claim to its terminal state, or to the moment another attempt owns it."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import structlog
from chatkit_protocol import events
from chatkit_protocol.reducer import Shown
from contracts.commands import FinishRun, FinishToolCall, RenewLease, SuspendRun
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.events import RunEvent
from contracts.identity import Principal
from contracts.ids import MessageId
from contracts.message import Json
from contracts.queries import GetItem
from contracts.replies import RunClaimed
from contracts.waiting import CallToDecide
from natterkit import ChatKitAssistant

from agent_runner import rules
from agent_runner.action_loop import ActionLoop
from agent_runner.agent_loop import AgentLoop
from agent_runner.attachments import RunAttachments
from agent_runner.connections import Connections
from agent_runner.crash_points import CrashPoint
from agent_runner.hosted_tools import WORDS
from agent_runner.measuring import MEASURED, Measured, agent_span
from agent_runner.metrics import RUNS, RUNS_ACTIVE, TAKEOVERS
from agent_runner.model_errors import GuardrailTrippedError, failure_of, sentence_of
from agent_runner.personal_tools import PersonalTools
from agent_runner.pictures import RunPictures
from agent_runner.publisher import DeltaPublisher, FencedError
from agent_runner.run_effects import RunEffects
from agent_runner.run_schedules import RunSchedules
from agent_runner.run_showing import RunShowing
from agent_runner.session import session_of
from agent_runner.shown import read_shown
from agent_runner.store import Store
from agent_runner.titles import TitleWriter
from agent_runner.tool_calls import ToolCalls
from agent_runner.transcript import Transcript
from agent_runner.workshop import Workshop

if TYPE_CHECKING:
    from agent_runner.chatkit_loop import ChatKitLoop

log = structlog.get_logger()

GIVE_BACK_LEASE_SECONDS = 0.05
GIVE_BACK_SECONDS_MAX = 1.0
FLUSH_SECONDS_MAX = 5.0
HAND_OVER_SECONDS_MAX = 10.0
TOLD_WITH_TRACEBACK = frozenset({Code.INTERNAL, Code.ASSISTANT_FAILED})
End = Literal["completed", "failed", "cancelled"]
Outcome = End | Literal["waiting"]
Stop = Literal["cancel", "fenced", "wait"]


class RunAttempt:
    """``await run()`` returns when the run is finished, or waits for a person.

    Raises FencedError where another attempt owns it, RetryableError where the next one may end what this one could not.
    """

    def __init__(self, workshop: Workshop, claimed: RunClaimed, user_id: str, last_sequence: int) -> None:
        run = claimed.run
        self._workshop = workshop
        self._claimed = claimed
        workshop.store.keep_token(claimed)
        self._principal = Principal(user_id=user_id)
        self._publisher = DeltaPublisher(
            workshop.bus,
            workshop.frames,
            user_id=user_id,
            conversation_id=run.conversation_id,
            run_id=run.run_id,
            epoch=claimed.epoch,
        )
        self._publisher.start(last_sequence)
        self._served = workshop.assistants[claimed.assistant_id]
        assistant = self._served.assistant
        self._transcript = Transcript(self._publisher, run.conversation_id, words={**WORDS, **assistant.tool_words})
        self._session = session_of(workshop, claimed, self._principal, assistant.history)
        self._showing = RunShowing(claimed, self._publisher, self._transcript, self._find_item)
        schedules = RunSchedules(workshop.store, claimed, self._principal)
        self._attachments = RunAttachments(workshop.store, workshop.files, workshop.texts, self._principal, run.run_id)
        self._effects = RunEffects(
            claimed, self._publisher, self._session, self._transcript, self._showing, schedules, self._attachments
        )
        self._titles = TitleWriter(rules.user_text(claimed.user_item))
        self._pictures = RunPictures(workshop.pictures, workshop.store, self._principal, claimed, self._publisher)
        self._tool_calls = self._new_tool_calls()
        self._effects.waits = self._tool_calls.waits
        self._tool_calls.waits.on_quiet = self._wait_for_person
        self._showing.pictures = self._pictures
        self._loop = self._new_loop()
        self._withdrawn: tuple[MessageId, ...] = ()
        self._writing: asyncio.Task[None] | None = None
        self._stop: Stop | None = "cancel" if run.cancel_requested else None

    def _new_loop(self) -> "AgentLoop | ActionLoop | ChatKitLoop":
        context = self._effects.context(self._principal.user_id)
        assistant = self._served.assistant
        if self._claimed.action is not None and not isinstance(assistant, ChatKitAssistant):
            return ActionLoop(
                assistant,
                self._claimed,
                context=context,
                effects=self._effects,
                transcript=self._transcript,
                session=self._session,
            )
        if isinstance(assistant, ChatKitAssistant):
            from agent_runner.chatkit_loop import ChatKitLoop  # noqa: PLC0415 - only then openai-chatkit is needed

            return ChatKitLoop(
                self._workshop,
                assistant,
                self._claimed,
                principal=self._principal,
                context=context,
                effects=self._effects,
                publisher=self._publisher,
                transcript=self._transcript,
                attachments=self._attachments,
            )
        return AgentLoop(
            self._workshop,
            self._served,
            self._claimed,
            context=context,
            effects=self._effects,
            publisher=self._publisher,
            transcript=self._transcript,
            session=self._session,
            tool_calls=self._tool_calls,
            attachments=self._attachments,
            titles=self._titles,
        )

    def _new_tool_calls(self) -> ToolCalls:
        workshop, run = self._workshop, self._claimed.run
        settings = workshop.settings
        return ToolCalls(
            principal=self._principal,
            run_id=run.run_id,
            epoch=self._claimed.epoch,
            run_token=self._claimed.run_token,
            store=workshop.store,
            toolbox=self._served.toolbox,
            transcript=self._transcript,
            crash_points=workshop.crash_points,
            output_characters_max=settings.tool_output_characters_max,
            pictures=self._pictures,
            wait_seconds_max=settings.tools_wait_seconds_max,
            before_finish=self._effects.store,
            claimed=self._claimed,
            personal=PersonalTools(self._new_connections(), self._served.toolbox, self._transcript),
        )

    def _new_connections(self) -> Connections:
        run, known = self._claimed.run, self._claimed.requester.claims
        return Connections(
            desk=self._workshop.desk,
            store=self._workshop.store,
            principal=self._principal,
            run_id=run.run_id,
            epoch=self._claimed.epoch,
            claims={name: value for name, value in known.items() if isinstance(value, str)},
        )

    def cancel(self) -> None:
        """Stop: the text so far is kept. Once the answer is written there is nothing left to stop."""
        self._interrupt("cancel")

    def _wait_for_person(self) -> None:
        """Nothing is at work any more but what a person has to decide."""
        self._interrupt("wait")

    async def run(self, given_up: NatterError | None = None) -> Outcome:
        """Execute the run; or only end it, where it is ``given_up``. Returns how it ended."""
        lease = asyncio.create_task(self._keep_lease(), name="lease")
        MEASURED.set(Measured(self._claimed.assistant_id))
        RUNS_ACTIVE.inc()
        outcome = "abandoned"
        run = self._claimed.run
        try:
            with agent_span(self._claimed.assistant_id, run.conversation_id, self._claimed.epoch):
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
            RUNS.labels(self._claimed.assistant_id, outcome).inc()
            lease.cancel()
            await asyncio.gather(
                lease,
                self._publisher.close(),
                self._loop.close(),
                self._tool_calls.close(),
                self._titles.close(),
                return_exceptions=True,
            )

    async def _run(self, given_up: NatterError | None) -> Outcome:
        await self._announce()
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
            return await self._after(self._stop)
        except Exception as error:
            failure = failure_of(error)
            if isinstance(failure, (FencedError, RetryableError)):
                raise failure from error  # another attempt owns the run, or may do what this one could not
            log.warning(
                "run.failed", code=failure.code, error=repr(error)[:500], exc_info=failure.code in TOLD_WITH_TRACEBACK
            )
            if isinstance(failure, GuardrailTrippedError):
                self._withdrawn = self._transcript.withdraw()
                self._loop.say_instead(failure.detail)
            return await self._finish("failed", failure)
        if isinstance(self._loop, AgentLoop | ActionLoop) or not (calls := self._loop.calls_to_decide()):
            return await self._finish("completed")
        said = self._loop.last_items(is_complete=True)
        await self._effects.store()
        return await self._suspend(calls, said)

    async def _after(self, stop: Stop) -> Outcome:
        """What is left to do where writing was interrupted. Raises FencedError."""
        if stop == "fenced":
            raise FencedError
        waits = self._tool_calls.waits
        return await self._suspend(waits.to_decide) if stop == "wait" else await self._finish("cancelled")

    async def _announce(self) -> None:
        """Say that the run has started; or that it starts again, and settle what only the dead attempt knew."""
        run, epoch = self._claimed.run, self._claimed.epoch
        kind = "run.started" if epoch == 1 else "run.restarted"
        event = RunEvent(type=kind, run_id=run.run_id, conversation_id=run.conversation_id, epoch=epoch)
        if not self._claimed.is_resumed:  # the store has told that it goes on
            self._publisher.run_event(event)
        if epoch > 1:
            self._publisher.event(events.stream_options())
            if not self._claimed.is_resumed:
                TAKEOVERS.labels(self._claimed.assistant_id).inc()
            # Once this is stored the stream refuses the earlier attempts, so that what is read next is all there is.
            await self._publisher.flush()
            shown = await read_shown(
                self._workshop.bus, self._publisher.subject, up_to_sequence=self._publisher.last_sequence
            )
            is_stopped = self._claimed.run.cancel_requested
            self._showing.told = shown.keys
            self._transcript.take_over(
                shown, self._claimed.saved_items, keeps_unsaved=is_stopped, may_go_on=self._loop.may_go_on
            )
            await self._restore_earlier(shown)
        else:
            self._publisher.event(events.stream_options())
        await asyncio.sleep(0)  # the first of it leaves while the agent is made

    async def _restore_earlier(self, shown: Shown) -> None:
        """Show items of earlier turns as they are stored, where the dead attempt had changed what viewers see."""
        for item_id in sorted(shown.earlier):
            try:
                self._publisher.event(events.item_replaced(await self._find_item(item_id)))
            except LookupError:
                self._publisher.event(events.item_removed(item_id))

    async def _find_item(self, item_id: MessageId) -> Json:
        """An item of the conversation as it is stored. Raises LookupError where there is none, or on another branch."""
        conversation_id = self._claimed.run.conversation_id
        query = GetItem(principal=self._principal, conversation_id=conversation_id, message_id=item_id)
        try:
            return (await self._workshop.store.ask(query)).item.item
        except TerminalError as error:
            if error.code != Code.ITEM_GONE:
                raise
            raise LookupError(f"The item {item_id} is not there.") from error

    async def _write(self) -> None:
        seconds_left = self._workshop.bounds(self._served.assistant).seconds_max - self._claimed.seconds_since_start
        try:
            async with asyncio.timeout(seconds_left):
                await self._loop.run()
        except TimeoutError as error:
            raise TerminalError(Code.RUN_TIME_EXCEEDED, sentence_of(Code.RUN_TIME_EXCEEDED)) from error

    def _interrupt(self, reason: Stop) -> None:
        if self._stop is None and (self._writing is None or not self._writing.done()):
            self._stop = reason
            if self._writing is not None:
                self._writing.cancel()

    # --- the end -----------------------------------------------------------------------------------------

    async def _suspend(self, calls: tuple[CallToDecide, ...], said: tuple[Json, ...] = ()) -> Outcome:
        """Store and show what the run waits for, and let go of it; any runner goes on after the decision."""
        items = await self._pictures.without_bytes(self._transcript.take_items())
        await self._publisher.flush()
        self._workshop.crash_points.reach(CrashPoint.BEFORE_SUSPEND)
        suspended = await self._workshop.store.ask(
            SuspendRun(
                principal=self._principal,
                run_id=self._claimed.run.run_id,
                epoch=self._claimed.epoch,
                calls=calls,
                items=items,
                session_items=said,
                usage=self._loop.usage,
            )
        )
        self._workshop.crash_points.reach(CrashPoint.AFTER_SUSPEND)
        if suspended.cancel_requested:
            return await self._finish("cancelled")
        log.info("run.waits", calls=len(calls))
        return "waiting"

    async def _finish(self, outcome: End, failure: NatterError | None = None) -> Outcome:
        """Show and store the end in one transaction; the store tells the viewers that it has ended."""
        interrupted = self._transcript.running_calls()
        session_items = self._loop.last_items(is_complete=outcome == "completed")
        self._showing.end(is_complete=outcome == "completed")
        items = await self._pictures.without_bytes(self._transcript.end())
        hidden, hidden_items = self._effects.take_hidden()
        session_items, items = (*session_items, *hidden), (*items, *hidden_items)
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
                replaces_title=self._effects.title is not None,
                withdrawn_items=(*self._withdrawn, *self._showing.removed),
                metadata=self._effects.take_metadata(),
                conversation_status=self._effects.status,
                model=self._loop.model_name,
                usage=self._loop.usage,
                error_code=failure.code if failure else None,
                error_detail=failure.detail if failure else None,
            )
        )
        self._workshop.crash_points.reach(CrashPoint.AFTER_FINISH)
        log.info("run.finished", status=finished.run.status, deltas=self._publisher.published_count)
        return outcome

    async def _title(self, outcome: End) -> str | None:
        if self._effects.title is not None:
            return self._effects.title
        if not self._claimed.is_first_turn or self._claimed.action is not None:
            return None
        title = await self._titles.title() if outcome == "completed" else self._titles.plain_title()
        if title:
            self._effects.tell_thread(title=title)
        return title

    async def _flush(self, outcome: End) -> None:
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
                await self._session.close_turn(session_items)
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
