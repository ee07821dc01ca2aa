"""The schedules of a run's user, as an assistant's code makes, lists, pauses and deletes them."""

from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from contracts.commands import CreateSchedule, DeleteSchedule, EffectKey, UpdateSchedule
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.message import Command, Query, Reply
from contracts.queries import ListSchedules
from contracts.replies import RunClaimed, ScheduleView
from contracts.text import storable
from natterkit.context import calling_id
from natterkit.scheduled import Schedule
from pydantic import ValidationError

from agent_runner.store import Store

ReplyT = TypeVar("ReplyT", bound=Reply)


class RunSchedules:
    """Each change happens once, also where its call is executed again: its key is its call, and its number in that
    call. What is refused raises ValueError with words for the model.
    """

    def __init__(self, store: Store, claimed: RunClaimed, principal: Principal) -> None:
        self._store = store
        self._claimed = claimed
        self._principal = principal
        self._counts = defaultdict[str, int](int)

    async def create(
        self, text: str, *, at: datetime | None, cron: str | None, time_zone: str | None, reminds: bool, here: bool
    ) -> str:
        try:
            command = CreateSchedule(
                principal=self._principal,
                kind="reminder" if reminds else "prompt",
                text=storable(text),
                due_at=at,
                cron=cron,
                time_zone=time_zone,
                conversation_id=self._claimed.run.conversation_id,
                is_own_conversation=not here,
                effect_key=self._next_key(),
            )
        except ValidationError as error:
            fields = ", ".join(str(problem["loc"][-1]) for problem in error.errors())
            raise ValueError(f"This cannot be scheduled: {fields} is not as it must be.") from error
        return (await self._ask(command)).schedule.schedule_id

    async def list(self) -> list[Schedule]:
        found = await self._ask(ListSchedules(principal=self._principal))
        return [_schedule_of(view) for view in found.data]

    async def pause(self, schedule_id: str, *, paused: bool) -> None:
        key = self._next_key()
        with _a_made_up_id_is_unknown():
            command = UpdateSchedule(principal=self._principal, schedule_id=schedule_id, paused=paused, effect_key=key)
        await self._ask(command)

    async def delete(self, schedule_id: str) -> None:
        key = self._next_key()
        with _a_made_up_id_is_unknown():
            command = DeleteSchedule(principal=self._principal, schedule_id=schedule_id, effect_key=key)
        await self._ask(command)

    def _next_key(self) -> EffectKey:
        call = calling_id() or "run"
        self._counts[call] += 1
        return EffectKey(run_id=self._claimed.run.run_id, call_id=f"{call}:schedule:{self._counts[call]}")

    async def _ask(self, request: Command[ReplyT] | Query[ReplyT]) -> ReplyT:
        try:
            return await self._store.ask(request, may_be_gone=True, for_run=self._claimed.run.run_id)
        except TerminalError as error:
            if error.code == Code.NOT_FOUND:
                raise ValueError(_UNKNOWN) from error
            raise ValueError(f"This cannot be scheduled: {error.detail}") from error


_UNKNOWN = "There is no such schedule (any more)."


@contextmanager
def _a_made_up_id_is_unknown() -> Generator[None]:
    try:
        yield
    except ValidationError as error:
        raise ValueError(_UNKNOWN) from error


def _schedule_of(view: ScheduleView) -> Schedule:
    return Schedule(
        id=view.schedule_id,
        text=view.text,
        reminds=view.kind == "reminder",
        status=view.status,
        at=view.due_at,
        cron=view.cron,
        time_zone=view.time_zone,
        next_due_at=view.next_due_at,
    )
