"""Takes a file in: looks at what it is while it comes, and passes it on to the file store piece by piece."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from actor_kit.fair_queue import FairQueue
from contracts.errors import Code, TerminalError
from contracts.ids import AttachmentId, FileKey, new_file_key
from file_store import FileStore, StoredFile
from file_store.content import PICTURE_TYPES, check_type, served_as, type_of, with_head
from file_store.pictures import clean_picture
from file_store.scanning import Scanner
from file_store.store import too_large

from auth_edge.settings import Settings


@dataclass(frozen=True)
class Received:
    """A file that is in the store, and what it is."""

    file_key: FileKey
    mime_type: str
    stored: StoredFile
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Uploads:
    """What all uploads of a replica share. In ``places`` they are taken in, in ``picture_turns`` pictures are cleaned:
    users take turns in both.
    """

    files: FileStore
    scanner: Scanner
    settings: Settings
    places: FairQueue
    picture_turns: FairQueue

    async def receive(
        self, user_id: str, attachment_id: AttachmentId, name: str, chunks: AsyncIterable[bytes], *, bytes_max: int
    ) -> Received:
        """Store a file under a new key. Raises NatterError: payload_too_large, invalid_request (it is empty),
        attachment_type_not_allowed, attachment_unreadable, attachment_refused, scanner_unavailable,
        file_store_unavailable, overloaded; and what ``chunks`` raises.

        What has been stored when it raises is no file, and is swept.
        """
        async with self.places.place(user_id):
            head, whole = await with_head(_bounded(chunks, bytes_max))
            if not head:
                raise TerminalError(Code.INVALID_REQUEST, "The file is empty.", field="file")
            mime_type = type_of(head, name)
            check_type(mime_type, self.settings.upload_types)
            async with aclosing(self.scanner.passing(whole, mime_type)) as passing:
                if mime_type in PICTURE_TYPES:
                    return await self._store_picture(user_id, new_file_key(attachment_id), name, passing)
                key, headers = new_file_key(attachment_id), served_as(name, mime_type)
                stored = await self.files.put(key, passing, bytes_max=bytes_max, headers=headers)
                return Received(key, mime_type, stored)

    async def _store_picture(self, user_id: str, key: FileKey, name: str, chunks: AsyncIterable[bytes]) -> Received:
        bytes_max, turn = self.settings.picture_bytes_max, self.picture_turns.place(user_id)
        pixels_max = self.settings.picture_pixels_max
        async with clean_picture(_bounded(chunks, bytes_max), pixels_max=pixels_max, turn=turn) as picture:
            headers = served_as(name, picture.mime_type)
            stored = await self.files.put(key, picture.chunks, bytes_max=2 * bytes_max, headers=headers)
            return Received(key, picture.mime_type, stored, picture.width, picture.height)


async def _bounded(chunks: AsyncIterable[bytes], bytes_max: int) -> AsyncIterator[bytes]:
    """The same, as far as it is not too long. Raises TerminalError (payload_too_large)."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > bytes_max:
            raise too_large(bytes_max)
        yield chunk
