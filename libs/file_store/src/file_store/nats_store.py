"""Files in a bucket of NATS's Object Store, in its published layout (NATS ADR-20): `nats object get` reads them.

A file is chunks on one subject, ``$O.FILES.C.<nuid>``, and one message that describes it, ``$O.FILES.M.<name>``,
written last: without it there is no file. Our name is the key, and our nuid the key with a dot for its slash: so all
that an attachment ever left lies under one filter, and can be deleted without having been finished.
"""

import asyncio
import base64
import hashlib
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from actor_kit.bus import Bus, PublishAck, StoredMessage
from actor_kit.bus.admin import StreamAdmin
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.ids import AttachmentId, FileKey
from contracts.streams import FILES, FILES_BUCKET

from file_store.store import CHUNK_BYTES, BytesRange, StoredFile, in_chunks, too_large, unavailable

UNACKED_CHUNKS_MAX: Final = 4
"""Of one upload that may be on their way to the disk: more would only fill memory."""
READ_CHUNKS_MAX: Final = 4
MARK_EVERY: Final = 16
"""Of each so many chunks the sequence is written down, so that a part is read without all that is before it."""
STORED_SECONDS_MAX: Final = 10.0
POSITION_HEADER: Final = "Natter-Position"
ROLLUP: Final = {"Nats-Rollup": "sub"}


@dataclass(frozen=True)
class NatsFileStore:
    """The bucket FILES; `actor_kit.provision` makes it."""

    bus: Bus

    async def put(
        self, key: FileKey, chunks: AsyncIterable[bytes], *, bytes_max: int, headers: Mapping[str, str] | None = None
    ) -> StoredFile:
        """As `FileStore.put`."""
        digest, size_bytes, count = hashlib.sha256(), 0, 0
        marks: list[int] = []
        unacked: deque[asyncio.Future[PublishAck]] = deque()

        async def settle(leave: int) -> None:
            nonlocal count
            while len(unacked) > leave:
                ack = await unacked.popleft()
                if count % MARK_EVERY == 0:
                    marks.append(ack.sequence)
                count += 1

        try:
            async for chunk in in_chunks(chunks):
                size_bytes += len(chunk)
                if size_bytes > bytes_max:
                    raise too_large(bytes_max)
                digest.update(chunk)
                position = {POSITION_HEADER: str(count + len(unacked))}
                unacked.append(
                    self.bus.publish_async(_chunks(key), chunk, position, timeout_seconds=STORED_SECONDS_MAX)
                )
                await settle(UNACKED_CHUNKS_MAX - 1)
            await settle(0)
            info = _info(key, size_bytes, count, digest.digest(), marks, headers or {})
            await self.bus.publish_stored(_meta(key), info, ROLLUP, timeout_seconds=STORED_SECONDS_MAX)
        except RetryableError as error:
            if error.code != Code.BUS_UNAVAILABLE:  # of whoever gives the chunks
                raise
            raise unavailable("The object store of NATS takes nothing right now.") from error
        finally:
            for ack in unacked:
                if not ack.cancel():
                    ack.exception()  # looked at, so that nobody is told of it as forgotten
        return StoredFile(size_bytes, digest.hexdigest())

    async def read(self, key: FileKey, part: BytesRange | None = None) -> AsyncGenerator[bytes]:
        """As `FileStore.read`. A whole file is checked against its digest: what differs ends with an error."""
        info = await self._info(key)
        whole = BytesRange(0, info["size"] - 1)
        wanted = part or whole
        digest = hashlib.sha256() if wanted == whole else None
        position, sequence = _begin(info, wanted.first)
        async for chunk in self._chunks_from(key, sequence, position, wanted.last // CHUNK_BYTES):
            if digest is not None:
                digest.update(chunk)
            start = position * CHUNK_BYTES
            yield chunk[max(0, wanted.first - start) : wanted.last + 1 - start] if digest is None else chunk
            position += 1
        if digest is not None and info["digest"] != _digest(digest.digest()):
            raise unavailable("A file is not what was stored.")

    async def _chunks_from(
        self, key: FileKey, sequence: int, position: int, last_position: int
    ) -> AsyncIterator[bytes]:
        """The chunks from one position to another, found by the sequence of one at or before the first."""
        while position <= last_position:
            batch = min(READ_CHUNKS_MAX, last_position - position + 1)
            stored = await self._direct_get(_chunks(key), sequence, batch)
            if not stored:
                raise unavailable("A file has holes.")
            for message in stored:
                sequence = message.sequence + 1
                found = int(message.headers.get(POSITION_HEADER, position))
                if found > position:
                    raise unavailable("A file has holes.")
                if found == position and position <= last_position:
                    yield message.payload
                    position += 1

    async def delete(self, key: FileKey | AttachmentId) -> None:
        """As `FileStore.delete`: purged, where ADR-20 would leave a message which says that it is deleted."""
        subjects = f"{_chunks(key)}.>" if "/" not in key else _chunks(key)
        try:
            while stored := await self._direct_get(subjects, 1, 1):
                found = _key_of(stored[0].subject)
                # The description first: a file whose chunks are half gone is none.
                await self.bus.purge(FILES.name, _meta(found))
                await self.bus.purge(FILES.name, _chunks(found))
        except RetryableError as error:
            raise unavailable() from error

    async def all_keys(self) -> AsyncIterator[FileKey]:
        """As `FileStore.all_keys`."""
        try:
            for subject in await StreamAdmin(self.bus.client).subjects(FILES.name, f"$O.{FILES_BUCKET}.C.>"):
                yield _key_of(subject)
        except NatterError as error:
            raise unavailable() from error

    def upload_url(self, key: FileKey, *, size_bytes: int, mime_type: str, seconds: int) -> None:
        """NATS has no addresses for browsers."""

    def download_url(self, key: FileKey, headers: Mapping[str, str], *, seconds: int) -> None:
        """NATS has no addresses for browsers."""

    async def _info(self, key: FileKey) -> dict[str, Any]:
        try:
            found = await self.bus.direct_get_last(FILES.name, _meta(key))
        except RetryableError as error:
            raise unavailable() from error
        if found is None:
            raise TerminalError.not_found("file")
        return json.loads(found.payload)

    async def _direct_get(self, subjects: str, sequence: int, batch: int) -> list[StoredMessage]:
        try:
            stored, _ = await self.bus.direct_get(
                FILES.name, subjects, from_sequence=sequence, batch_max=batch, timeout_seconds=STORED_SECONDS_MAX
            )
        except RetryableError as error:
            raise unavailable() from error
        return stored


def _nuid(key: str) -> str:
    return key.replace("/", ".")


def _chunks(key: str) -> str:
    return f"$O.{FILES_BUCKET}.C.{_nuid(key)}"


def _meta(key: str) -> str:
    return f"$O.{FILES_BUCKET}.M.{base64.urlsafe_b64encode(key.encode()).decode()}"


def _key_of(chunks_subject: str) -> FileKey:
    return "/".join(chunks_subject.split(".")[3:])


def _digest(sha256: bytes) -> str:
    return f"SHA-256={base64.urlsafe_b64encode(sha256).decode()}"


def _info(
    key: FileKey, size_bytes: int, count: int, sha256: bytes, marks: list[int], headers: Mapping[str, str]
) -> bytes:
    """ObjectInfo of ADR-20; in ``metadata``, which is ours, the sequence of each sixteenth chunk."""
    info = {
        "name": key,
        "bucket": FILES_BUCKET,
        "nuid": _nuid(key),
        "size": size_bytes,
        "chunks": count,
        "digest": _digest(sha256),
        "mtime": datetime.now(UTC).isoformat(),
        "options": {"max_chunk_size": CHUNK_BYTES},
        "headers": {name: [value] for name, value in headers.items()},
        "metadata": {"natter-marks": ",".join(map(str, marks))},
    }
    return json.dumps(info).encode()


def _begin(info: dict[str, Any], first_byte: int) -> tuple[int, int]:
    """The position of the chunk that has a byte, and a sequence from which on it is found."""
    position = first_byte // CHUNK_BYTES
    marks = [int(mark) for mark in info.get("metadata", {}).get("natter-marks", "").split(",") if mark]
    return position, marks[position // MARK_EVERY] if marks else 1
