"""Deletes files that nothing speaks of any more: Postgres is the record, the file store only follows it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog
from contracts.errors import NatterError
from contracts.ids import FileKey, made_at
from file_store import FileStore

from conversation_store import attachments, metrics
from conversation_store.database import Database, Transaction
from conversation_store.settings import Settings

log = structlog.get_logger()

DELETIONS_PER_SWEEP_MAX: Final = 50
UNUSED_PER_SWEEP_MAX: Final = 100
ORPHANS_EVERY_SECONDS: Final = 3_600.0
"""To look for files that have no row reads the names of all there are."""
NAMES_AT_ONCE: Final = 500


@dataclass
class FileSweeper:
    """Part of each sweep, in any number of replicas."""

    files: FileStore
    database: Database
    settings: Settings
    _orphans_due: float = 0.0

    async def sweep(self) -> None:
        """Delete what was left half uploaded, what was never sent, and the bytes of all that has gone."""
        await self.delete_unused()
        await self.delete_due()
        if time.monotonic() >= self._orphans_due:
            self._orphans_due = time.monotonic() + ORPHANS_EVERY_SECONDS
            await self.delete_orphans()

    async def delete_unused(self) -> int:
        """Delete a batch of attachments that were not finished or not sent in time; returns how many."""
        seconds = {
            "pending_seconds": self.settings.upload_seconds_max,
            "unused_seconds": self.settings.unused_attachment_seconds_max,
        }
        count = await self.database.transact(
            None, lambda t: attachments.delete_unused(t, limit=UNUSED_PER_SWEEP_MAX, **seconds)
        )
        metrics.FILES_SWEPT.labels("unused").inc(count)
        return count

    async def delete_due(self) -> None:
        """Delete the files of attachments that are gone. One that cannot be deleted keeps its row, and its turn comes
        again: an erasure is done when Postgres has no row left of it.
        """

        async def delete(transaction: Transaction) -> int:
            keys = await attachments.take_due_deletions(transaction, limit=DELETIONS_PER_SWEEP_MAX)
            for key in keys:
                await self.files.delete(key)
            return len(keys)

        count = await self.database.transact(None, delete)
        metrics.FILES_SWEPT.labels("due").inc(count)

    async def delete_orphans(self) -> int:
        """Delete files without a row, older than an upload may take; returns how many.

        Such are left by a run that died before it could keep what it had made, and by a backup that was restored.
        """
        oldest = time.time() - 2 * self.settings.upload_seconds_max
        batch: list[FileKey] = []
        count = 0
        try:
            async for key in self.files.all_keys():
                if _made_at_seconds(key) < oldest:
                    batch.append(key)
                if len(batch) == NAMES_AT_ONCE:
                    count += await self._delete_unknown(batch)
                    batch = []
            count += await self._delete_unknown(batch)
        except NatterError as error:
            log.warning("files.orphans_wait", code=error.code)
        if count:
            log.warning("files.orphans_deleted", files=count)
        metrics.FILES_SWEPT.labels("orphan").inc(count)
        return count

    async def _delete_unknown(self, keys: list[FileKey]) -> int:
        unknown = await self.database.transact(None, lambda t: attachments.unknown_files(t, keys))
        for key in unknown:
            await self.files.delete(key)
        return len(unknown)


def _made_at_seconds(key: FileKey) -> float:
    """When the upload began, as its id says; of an id that says nothing: now, so that it is let be."""
    made = made_at(key.partition("/")[2])
    return (made or datetime.now(UTC)).timestamp()
