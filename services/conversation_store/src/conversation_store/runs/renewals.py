"""Lease renewals: those that come together are one transaction, for each run asks every two seconds."""

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.commands import RenewLease
from contracts.replies import LeaseRenewed

from conversation_store.database import Database, Row, Transaction
from conversation_store.runs import claim

GATHER_SECONDS = 0.02
"""How long the first of a batch waits for others; a lease is good for seconds."""
BATCH_MAX = 500


class _Asked(NamedTuple):
    command: RenewLease
    answer: asyncio.Future[Row | None]


@dataclass
class Renewals:
    """``await renew(command)``; what a batch does not find is asked for by itself, which says why.

    A renewal is not durable: a lease that is forgotten runs out earlier, and a run whose lease has run out is safe.
    """

    database: Database
    _asked: list[_Asked] = field(default_factory=list[_Asked])
    _under_way: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def renew(self, command: RenewLease) -> LeaseRenewed:
        """Raises TerminalError: run_stale_epoch, run_finished, forbidden, not_found; what the database raises."""
        row = None if command.has_stalled else await self._in_a_batch(command)
        if row is not None:
            return LeaseRenewed(lease_seconds=command.lease_seconds, cancel_requested=row["cancel_requested"])
        return await self.database.transact(
            command.principal.user_id,
            lambda transaction: claim.renew_lease(transaction, command),
            is_durable=command.has_stalled,  # how often a run has made its runner stand still must not be forgotten
        )

    async def _in_a_batch(self, command: RenewLease) -> Row | None:
        answer: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(command, answer))
        if len(self._asked) == 1:
            gathering = asyncio.create_task(self._gather(), name="renew leases")
            self._under_way.add(gathering)
            gathering.add_done_callback(self._under_way.discard)
        return await answer

    async def _gather(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        asked, self._asked = self._asked, []
        for start in range(0, len(asked), BATCH_MAX):
            await self._renew(asked[start : start + BATCH_MAX])

    async def _renew(self, batch: list[_Asked]) -> None:
        async def renew(transaction: Transaction) -> list[Row]:
            return await claim.renew_many(transaction, [one.command for one in batch])

        try:
            rows = await self.database.transact(None, renew, is_durable=False)
        except Exception as error:  # noqa: BLE001  whoever asked is told
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        found = {(row["run_id"], row["user_id"], row["epoch"]): row for row in rows}
        for command, answer in batch:
            if not answer.done():
                answer.set_result(found.get((command.run_id, command.principal.user_id, command.epoch)))
