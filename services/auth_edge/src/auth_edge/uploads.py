"""How many uploads a replica takes in at once, from where; what is looked at meanwhile is the file store's `Intake`."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from actor_kit.fair_queue import FairQueue
from contracts.errors import TerminalError
from contracts.ids import AttachmentId, FileKey
from contracts.replies import AttachmentView
from file_store import FileStore, UploadAddress
from file_store.intake import Intake, Received
from file_store.store import incoming_key


@dataclass(frozen=True)
class Uploads:
    """What all uploads of a replica share. In ``places`` they are taken in, in ``picture_turns`` pictures are cleaned:
    users take turns in both.
    """

    intake: Intake
    places: FairQueue
    picture_turns: FairQueue
    go_elsewhere: bool
    """Browsers send files to the store itself."""

    @property
    def files(self) -> FileStore:
        return self.intake.files

    async def receive(
        self, user_id: str, attachment_id: AttachmentId, name: str, chunks: AsyncIterable[bytes], *, bytes_max: int
    ) -> Received:
        """Store a file under a new key. Raises NatterError: what `Intake.receive` raises, and overloaded."""
        turn = self.picture_turns.place(user_id)
        async with self.places.place(user_id):
            return await self.intake.receive(attachment_id, name, chunks, bytes_max=bytes_max, picture_turn=turn)

    def address_elsewhere(self, view: AttachmentView, *, seconds: int) -> UploadAddress | None:
        """Where a browser sends this file to the store itself; None where it comes through here."""
        key = incoming_key(view.attachment_id)
        return self.files.upload_url(key, size_bytes=view.size_bytes, mime_type=view.mime_type, seconds=seconds)

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


async def _from_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
