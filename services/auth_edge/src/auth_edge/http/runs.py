"""Runs in REST: look, and stop."""

from contracts.commands import CancelRun
from contracts.queries import GetRun

from auth_edge.http.bodies import Run
from auth_edge.http.call import CHAT_SCOPE, UserCall, user_router
from auth_edge.http.documented import problems
from auth_edge.http.parameters import RunIdInPath

router = user_router("runs")


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
