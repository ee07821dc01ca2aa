"""Schedules that an assistant's code makes for the user of its run."""

from collections import defaultdict
from datetime import datetime

from contracts.commands import CreateSchedule, EffectKey
from contracts.errors import TerminalError
from contracts.identity import Principal
from contracts.replies import RunClaimed
from contracts.text import storable
from natterkit.context import calling_id
from pydantic import ValidationError

from agent_runner.store import Store


class RunSchedules:
    """Each is made once, also where its call is executed again: its key is its call, and its number in that call."""

    def __init__(self, store: Store, claimed: RunClaimed, principal: Principal) -> None:
        self._store = store
        self._claimed = claimed
        self._principal = principal
        self._counts = defaultdict[str, int](int)

    async def create(
        self, text: str, *, at: datetime | None, cron: str | None, time_zone: str | None, reminds: bool, here: bool
    ) -> str:
        """Raises ValueError with words for the model where it is refused."""
        run, call = self._claimed.run, calling_id() or "run"
        self._counts[call] += 1
        try:
            command = CreateSchedule(
                principal=self._principal,
                kind="reminder" if reminds else "prompt",
                text=storable(text),
                due_at=at,
                cron=cron,
                time_zone=time_zone,
                conversation_id=run.conversation_id,
                is_own_conversation=not here,
                effect_key=EffectKey(run_id=run.run_id, call_id=f"{call}:schedule:{self._counts[call]}"),
            )
            return (await self._store.ask(command)).schedule.schedule_id
        except ValidationError as error:
            fields = ", ".join(str(problem["loc"][-1]) for problem in error.errors())
            raise ValueError(f"This cannot be scheduled: {fields} is not as it must be.") from error
        except TerminalError as error:
            raise ValueError(f"This cannot be scheduled: {error.detail}") from error
