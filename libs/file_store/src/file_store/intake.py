"""Takes a file in: looks at what it is while it comes, and passes it on to the file store piece by piece."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass

from contracts.errors import Code, TerminalError
from contracts.ids import AttachmentId, FileKey, new_file_key

from file_store.content import PICTURE_TYPES, check_type, served_as, type_of, with_head
from file_store.pictures import clean_picture
from file_store.scanning import Scanner
from file_store.store import FileStore, StoredFile, too_large


@dataclass(frozen=True)
class Received:
    """A file that is in the store, and what it is."""

    file_key: FileKey
    mime_type: str
    stored: StoredFile
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Intake:
    """What is taken in, whoever sends it: people by their uploads, runs what their tools and models have made."""

    files: FileStore
    types: frozenset[str]
    picture_bytes_max: int
    picture_pixels_max: int
    scanner: Scanner | None = None

    async def receive(
        self,
        attachment_id: AttachmentId,
        name: str,
        chunks: AsyncIterable[bytes],
        *,
        bytes_max: int,
        picture_turn: AbstractAsyncContextManager[None],
    ) -> Received:
        """Store a file under a new key. Raises NatterError: payload_too_large, invalid_request (it is empty),
        attachment_type_not_allowed, attachment_unreadable, attachment_refused, scanner_unavailable,
        file_store_unavailable; and what ``chunks`` and ``picture_turn`` raise.

        What has been stored when it raises is no file, and is swept. ``picture_turn`` is entered while a picture is
        cleaned, and bounds how many are.
        """
        head, whole = await with_head(bounded(chunks, bytes_max))
        if not head:
            raise TerminalError(Code.INVALID_REQUEST, "The file is empty.", field="file")
        mime_type = type_of(head, name)
        check_type(mime_type, self.types)
        passing = whole if self.scanner is None else self.scanner.passing(whole, mime_type)
        async with aclosing(passing):
            key = new_file_key(attachment_id)
            if mime_type in PICTURE_TYPES:
                return await self._store_picture(key, name, passing, picture_turn)
            headers = served_as(name, mime_type)
            return Received(key, mime_type, await self.files.put(key, passing, bytes_max=bytes_max, headers=headers))

    async def _store_picture(
        self, key: FileKey, name: str, chunks: AsyncIterable[bytes], turn: AbstractAsyncContextManager[None]
    ) -> Received:
        bytes_max = self.picture_bytes_max
        chunks = bounded(chunks, bytes_max)
        async with clean_picture(chunks, pixels_max=self.picture_pixels_max, turn=turn) as picture:
            headers = served_as(name, picture.mime_type)
            stored = await self.files.put(key, picture.chunks, bytes_max=2 * bytes_max, headers=headers)
            return Received(key, picture.mime_type, stored, picture.width, picture.height)


async def bounded(chunks: AsyncIterable[bytes], bytes_max: int) -> AsyncIterator[bytes]:
    """The same, as far as it is not too long. Raises TerminalError (payload_too_large)."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > bytes_max:
            raise too_large(bytes_max)
        yield chunk
