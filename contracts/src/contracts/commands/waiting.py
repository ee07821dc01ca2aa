"""Commands about runs that wait for a person."""

from typing import Annotated, ClassVar

from pydantic import Field, JsonValue

from contracts.commands.conversations import ItemToSave
from contracts.identity import Principal
from contracts.ids import RunId
from contracts.message import Command, Json
from contracts.replies import CallDecided, RunSuspended, Usage
from contracts.waiting import CallId, CallToDecide, Decision, Reason


class SuspendRun(Command[RunSuspended]):
    """Let a run wait for a person: store what it has shown and what it waits for, and give up its lease.

    The store shows the items of ``calls`` and tells the viewers (`run.waiting`) after the commit. Errors:
    run_stale_epoch, run_finished.
    """

    subject_template: ClassVar[str] = "command.conversation_store.suspend_run"
    principal: Principal
    run_id: RunId
    epoch: int
    calls: Annotated[tuple[CallToDecide, ...], Field(min_length=1, max_length=128)]
    items: tuple[ItemToSave, ...] = ()
    session_items: tuple[Json, ...] = ()
    usage: Usage | None = None


class DecideCall(Command[CallDecided]):
    """Decide a call that a run waits with; the run is requested again when nothing is left to decide.

    ``decision`` may be absent where an answer or an output is given. ``remember``: approve this tool in this
    conversation from now on. ``answer``: to a form, by the ids of its questions. ``has_output``: ``output`` is what
    the page's tool returned. The same decision again changes nothing. Errors: decision_taken, where it was decided
    otherwise; invalid_request; not_found; forbidden.
    """

    subject_template: ClassVar[str] = "command.conversation_store.decide_call"
    principal: Principal
    run_id: RunId
    call_id: CallId
    decision: Decision | None = None
    reason: Reason | None = None
    remember: bool = False
    answer: Json | None = None
    output: JsonValue = None
    has_output: bool = False
