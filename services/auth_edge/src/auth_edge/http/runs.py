"""Runs in REST: look, stop, and decide what one waits for."""

from datetime import datetime
from typing import Annotated, Self

from contracts.commands import CancelRun, DecideCall
from contracts.ids import ConversationId, MessageId, RunId
from contracts.message import Json
from contracts.queries import GetRun, ListRuns
from contracts.replies import RunStatus, RunView, Usage
from contracts.waiting import CallId, Decision, Form, Reason, WaitKind
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from auth_edge.http.bodies import Sent
from auth_edge.http.call import CHAT_SCOPE, UserCall, user_router
from auth_edge.http.documented import problems
from auth_edge.http.parameters import LimitParameter, RunIdInPath

router = user_router("runs")


class WaitingCall(BaseModel):
    """What a run waits for: an approval of a tool's call, the answers to a form, or the output of a tool of the page.

    `call_id` names it in a decision. `form` is there for a question, `arguments` for the others.
    """

    call_id: str = Field(examples=["call_5f0c"])
    kind: WaitKind
    tool: str = Field(examples=["refund_order"])
    arguments: JsonValue
    form: Form | None
    message_id: MessageId | None = Field(description="The ChatKit item that asks.")
    expires_at: datetime | None


class CallDecision(Sent):
    """What a person decides: an approval is approved or declined, a question answered or declined, and a tool of the
    page has returned its output or is declined.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"call_id": "call_5f0c", "decision": "approve", "remember": True}]}
    )

    call_id: CallId
    decision: Decision | None = Field(None, description="May be absent beside an answer or an output.")
    reason: Reason | None = Field(None, description="Told to the model where a call is declined.")
    remember: bool = Field(False, description="Approve this tool's calls in this conversation from now on.")
    answer: Json | None = Field(None, description="To a question: by the ids of the form's questions.")
    output: JsonValue = Field(None, description="What a tool of the page has returned; null is an output as well.")


class Run(BaseModel):
    """One execution that answers a turn. `error_code` only where it failed, `waiting_for` only while it waits."""

    id: RunId
    conversation_id: ConversationId
    status: RunStatus
    cancel_requested: bool
    model: str | None
    error_code: str | None
    error_detail: str | None
    usage: Usage | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waiting_for: list[WaitingCall]

    @classmethod
    def of(cls, view: RunView) -> Self:
        return cls(id=view.run_id, **view.model_dump(exclude={"run_id", "epoch"}))


class RunList(BaseModel):
    """Newest first. `after` of one page is the `after` of the request for the next."""

    data: list[Run]
    has_more: bool
    after: RunId | None


@router.get("/runs", summary="List runs")
async def list_runs(
    call: UserCall,
    limit: LimitParameter = 20,
    after: Annotated[RunId | None, Query(description="The `after` of the page before.")] = None,
    status: Annotated[RunStatus | None, Query(description="Only those that are so.", examples=["waiting"])] = None,
) -> RunList:
    """The user's runs; `?status=waiting` is all that waits for them, each with what it waits for."""
    page = await call.ask(ListRuns(principal=call.principal, limit=limit, after=after, status=status))
    return RunList(data=[Run.of(view) for view in page.data], has_more=page.has_more, after=page.after)


@router.get("/runs/{run_id}", summary="Get a run", responses=problems(404))
async def get_run(call: UserCall, run_id: RunIdInPath) -> Run:
    """How far the answer is, and what went wrong where it failed."""
    return Run.of((await call.ask(GetRun(principal=call.principal, run_id=run_id))).run)


@router.post(
    "/runs/{run_id}/cancel",
    status_code=202,
    summary="Stop a run",
    openapi_extra=CHAT_SCOPE,
    responses=problems(404, 409),
)
async def cancel_run(call: UserCall, run_id: RunIdInPath) -> Run:
    """Stops it on whichever machine it runs. What was said until then is kept; a finished run stays as it is.

    A chat token stops what it can begin: any run of its user, or those of the conversation that it is bound to.
    """
    return Run.of((await call.ask(CancelRun(principal=call.principal, run_id=run_id))).run)


@router.post(
    "/runs/{run_id}/decisions",
    status_code=202,
    summary="Decide what a run waits for",
    openapi_extra=CHAT_SCOPE,
    responses=problems(404, 409),
)
async def decide(call: UserCall, run_id: RunIdInPath, sent: CallDecision) -> Run:
    """Takes the decision; when nothing is left to decide the run goes on, on any machine.

    The same decision again is accepted and changes nothing; another one is `409 decision_taken`. A chat token decides
    what it can begin.
    """
    command = DecideCall(
        principal=call.principal,
        run_id=run_id,
        call_id=sent.call_id,
        decision=sent.decision,
        reason=sent.reason,
        remember=sent.remember,
        answer=sent.answer,
        output=sent.output,
        has_output="output" in sent.model_fields_set,
    )
    return Run.of((await call.ask(command)).run)
