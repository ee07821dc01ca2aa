"""Takes a file in: looks at what it is while it comes, and passes it on to the file store piece by piece."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from actor_kit.fair_queue import FairQueue
from contracts.errors import Code, TerminalError
from contracts.ids import AttachmentId, FileKey, new_file_key
from contracts.replies import AttachmentView
from file_store import FileStore, StoredFile, UploadAddress
from file_store.content import PICTURE_TYPES, check_type, served_as, type_of, with_head
from file_store.pictures import clean_picture
from file_store.scanning import Scanner
from file_store.store import incoming_key, too_large

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

    def address_elsewhere(self, view: AttachmentView, *, seconds: int) -> UploadAddress | None:
        """Where a browser sends this file to the store itself; None where it comes through here."""
        key = incoming_key(view.attachment_id)
        return self.files.upload_url(key, size_bytes=view.size_bytes, mime_type=view.mime_type, seconds=seconds)

    @property
    def go_elsewhere(self) -> bool:
        """Whether browsers send files to the store itself."""
        return bool(self.settings.file_store_public_url)

    @asynccontextmanager
    async def sent_elsewhere(self, user_id: str, view: AttachmentView) -> AsyncGenerator[Received | None]:
        """What a browser has put into the store itself, taken in as if it came from there; None where nothing is there.

        It is copied under another key while it is looked at: what was signed may be written again until it expires, and
        what has been looked at may not. What was sent goes when the block ends, and when it is refused; after an error
        that passes it is there for another attempt. Raises as `receive`.
        """
        key = incoming_key(view.attachment_id)
        try:
            received = await self._receive_sent(user_id, view, key)
            yield received
        except TerminalError:
            await self.files.delete(key)
            raise
        if received is not None:
            await self.files.delete(key)

    async def _receive_sent(self, user_id: str, view: AttachmentView, key: FileKey) -> Received | None:
        async with aclosing(self.files.read(key)) as sent:
            try:
                first = await anext(sent)
            except TerminalError:
                return None
            chunks = _from_first(first, sent)
            return await self.receive(user_id, view.attachment_id, view.name, chunks, bytes_max=view.size_bytes)

    async def _store_picture(self, user_id: str, key: FileKey, name: str, chunks: AsyncIterable[bytes]) -> Received:
        bytes_max, turn = self.settings.picture_bytes_max, self.picture_turns.place(user_id)
        pixels_max = self.settings.picture_pixels_max
        async with clean_picture(_bounded(chunks, bytes_max), pixels_max=pixels_max, turn=turn) as picture:
            headers = served_as(name, picture.mime_type)
            stored = await self.files.put(key, picture.chunks, bytes_max=2 * bytes_max, headers=headers)
            return Received(key, picture.mime_type, stored, picture.width, picture.height)


async def _from_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _bounded(chunks: AsyncIterable[bytes], bytes_max: int) -> AsyncIterator[bytes]:
    """The same, as far as it is not too long. Raises TerminalError (payload_too_large)."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > bytes_max:
            raise too_large(bytes_max)
        yield chunk
