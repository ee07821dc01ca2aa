"""For operators: figures, runs, users and dead letters over all users. Every look at a user is audited before it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from actor_kit.prices import summed
from contracts.commands import ReplayDeadLetter
from contracts.errors import Code, TerminalError
from contracts.events import AuditAction, AuditDetail, AuditEvent
from contracts.identity import Principal, UserId
from contracts.ids import RunId, new_id
from contracts.message import Json
from contracts.queries import REPORT_USERS_MAX, GetReport, ListDeadLetters, ListItems
from contracts.services import Service
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from auth_edge.http.bodies import Message
from auth_edge.http.call import Call, OperatorRoute, UserCall
from auth_edge.http.documented import operation_id, problems
from auth_edge.http.parameters import ConversationIdInPath
from auth_edge.metrics import AUDITED

router = APIRouter(
    prefix="/api/operator", tags=["operator"], route_class=OperatorRoute, generate_unique_id_function=operation_id
)

ROWS_MAX: Final = 1_000
DAYS_MAX: Final = 366

Days = Annotated[int, Query(ge=1, le=DAYS_MAX, description="From so many days ago on, today included (UTC).")]
Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[str | None, Query(max_length=400, description="Where a page before has ended.")]
OfUser = Annotated[UserId | None, Query(description="Of this user alone.")]


class Rows(BaseModel):
    """Rows of a report; figures, ids, states and times, and nothing that was said."""

    data: list[Json]


class RowsPage(Rows):
    """The same in pages. `after` of one page is the `after` of the request for the next; null on the last one."""

    after: str | None


class Overview(BaseModel):
    """Runs that are not finished, by state; failed ones by code; and what operators may do here."""

    runs: Json
    failures: list[Json]
    reads_conversations: bool


class DeadLetters(BaseModel):
    """Messages that could not be handled, the oldest first."""

    data: list[Json]


class ReadConversation(BaseModel):
    """What was said in a conversation, its newest messages."""

    data: list[Message]


@router.get("/overview", summary="Runs by state, failures by code")
async def operator_overview(call: UserCall, days: Days = 7) -> Overview:
    """Without a word of whose they are; this is not audited."""
    (runs,) = await _report(call, kind="totals")
    failures = await _report(call, kind="failures", since=_since(days), limit=ROWS_MAX)
    may_read = call.edge.settings.operators_read_conversations
    return Overview(runs=runs, failures=failures, reads_conversations=may_read)


@router.get("/usage", summary="Usage and cost")
async def operator_usage(
    call: UserCall, by: Literal["user", "assistant", "model", "day"] = "day", days: Days = 30, user_id: OfUser = None
) -> Rows:
    """Runs, tokens and their estimated cost in US dollars (MODEL_PRICES), for each user, assistant, model or day."""
    if by == "user" or user_id is not None:
        await _note(call, "looked_at_by_operator", user_id, what="usage")
    rows = await _report(call, kind="usage", user_id=user_id, since=_since(days), by=[by], limit=ROWS_MAX)
    return Rows(data=summed(tuple(rows), [by], call.edge.settings.model_prices))


@router.get("/users", summary="Users")
async def operator_users(
    call: UserCall,
    user_id: Annotated[
        list[UserId] | None, Query(max_length=REPORT_USERS_MAX, description="Of these, as far as they have written.")
    ] = None,
    limit: Limit = 50,
    after: After = None,
) -> RowsPage:
    """Who was here last, and what they have used this month."""
    await _note(call, "looked_at_by_operator", None, what="users")
    return await _page(call, kind="users", user_ids=user_id or (), limit=limit, after=after)


@router.get("/users/{subject_id}", summary="One user", responses=problems(404))
async def operator_user(call: UserCall, subject_id: UserId) -> Json:
    """How much a user has stored and used, and may use (null: as much as they like)."""
    await _note(call, "looked_at_by_operator", subject_id, what="user")
    (row,) = await _report(call, kind="user", user_id=subject_id)
    return row


@router.get("/users/{subject_id}/conversations", summary="Conversations of a user", responses=problems(404))
async def operator_conversations(
    call: UserCall, subject_id: UserId, limit: Limit = 50, after: After = None
) -> RowsPage:
    """Those that moved last: ids, times and figures, without titles."""
    await _note(call, "looked_at_by_operator", subject_id, what="conversations")
    return await _page(call, kind="conversations", user_id=subject_id, limit=limit, after=after)


@router.get("/recent-runs", summary="Runs of all users")
async def operator_runs(
    call: UserCall,
    status: Annotated[str | None, Query(max_length=20)] = None,
    user_id: OfUser = None,
    limit: Limit = 50,
    after: After = None,
) -> RowsPage:
    """The newest runs, by state and user."""
    await _note(call, "looked_at_by_operator", user_id, what="runs")
    return await _page(call, kind="runs", status=status, user_id=user_id, limit=limit, after=after)


@router.get("/recent-runs/{run_id}", summary="One run of any user", responses=problems(404))
async def operator_run(call: UserCall, run_id: RunId) -> Json:
    """A run with its tool calls, without what was said."""
    (row,) = await _report(call, kind="run", run_id=run_id)
    await _note(call, "looked_at_by_operator", str(row["user_id"]), what="run", run_id=run_id)
    return row


@router.get(
    "/users/{subject_id}/conversations/{conversation_id}", summary="Read a conversation", responses=problems(404)
)
async def operator_conversation(
    call: UserCall, subject_id: UserId, conversation_id: ConversationIdInPath
) -> ReadConversation:
    """What a user and an assistant said, where OPERATORS_READ_CONVERSATIONS says that operators may read it."""
    if not call.edge.settings.operators_read_conversations:
        raise TerminalError(Code.FORBIDDEN, "Operators read no conversations here (OPERATORS_READ_CONVERSATIONS).")
    await _note(call, "conversation_read_by_operator", subject_id, conversation_id=conversation_id)
    query = ListItems(
        principal=Principal(user_id=subject_id), conversation_id=conversation_id, limit=100, messages_only=True
    )
    return ReadConversation(data=[Message.of(item) for item in (await call.ask(query)).data])


@router.get("/dead-letters", summary="Dead letters")
async def operator_dead_letters(call: UserCall) -> DeadLetters:
    """Messages that no service could handle, without what is in them."""
    found = await call.ask(ListDeadLetters())
    return DeadLetters(data=[letter.model_dump() for letter in found.data])


@router.post(
    "/dead-letters/{sequence}/replay", status_code=204, summary="Replay a dead letter", responses=problems(404)
)
async def operator_replay(call: UserCall, sequence: Annotated[int, Path(ge=1)]) -> None:
    """Sends the message again to whom it was for, and takes it out of the dead letters."""
    command = ReplayDeadLetter(sequence=sequence)
    await _note(call, "dead_letter_replayed", None, sequence=sequence)
    if not (await call.ask(command)).is_replayed:
        raise TerminalError(Code.NOT_FOUND, f"There is no dead letter {sequence}.")


async def _page(call: Call, **asked: Any) -> RowsPage:
    found = await call.ask(GetReport(**asked))
    return RowsPage(data=list(found.rows), after=found.after)


async def _report(call: Call, **asked: Any) -> list[Json]:
    return list((await call.ask(GetReport(**asked))).rows)


async def _note(call: Call, action: AuditAction, user_id: str | None, **details: AuditDetail) -> None:
    """For AUDIT, before it is done: whom it concerns, and which operator it was. What cannot be noted is not shown.

    Raises RetryableError (bus_unavailable).
    """
    AUDITED.labels(action).inc()
    event = AuditEvent(action=action, user_id=user_id, details={**details, "operator": call.principal.user_id})
    await call.edge.bus.publish_stored(event.subject(Service.AUTH_EDGE), event.encode(), message_id=new_id("audit"))


def _since(days: int) -> datetime:
    """The beginning of a day (UTC)."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days - 1)
