"""Runs in REST: look, stop, and decide what one waits for."""

from typing import Annotated

from contracts.commands import CancelRun, DecideCall
from contracts.ids import RunId
from contracts.queries import GetRun, ListRuns
from contracts.replies import RunStatus
from fastapi import Query

from auth_edge.http.bodies import CallDecision, Run, RunList
from auth_edge.http.call import CHAT_SCOPE, UserCall, user_router
from auth_edge.http.documented import problems
from auth_edge.http.parameters import LimitParameter, RunIdInPath

router = user_router("runs")


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
