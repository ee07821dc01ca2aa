"""The pictures that a run makes, by its tools and its model: looked at like uploads, and kept as attachments.

In items, the ledger and the history stands where a picture is, never its bytes.
"""

import asyncio
import base64
import binascii
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast

import structlog
from chatkit_protocol import events, items
from chatkit_protocol.items import Json
from contracts.commands import ItemToSave, KeepAttachment
from contracts.errors import Code, NatterError
from contracts.identity import Principal
from contracts.ids import attachment_id_of
from contracts.replies import RunClaimed, ToolAttachment
from contracts.text import file_name, storable
from file_store import FileStore
from file_store.content import HEAD_BYTES, PICTURE_TYPES, type_of
from file_store.intake import Intake

from agent_runner.publisher import FencedError, Publisher
from agent_runner.store import Store

log = structlog.get_logger()

PIXELS_MAX: Final = 50_000_000
CLEANED_AT_ONCE: Final = 2
"""By one runner: each takes a core, and memory for the whole picture."""
RUN_BYTES_MAX: Final = 64 * 1024 * 1024
RUN_PICTURES_MAX: Final = 50
PREVIEW_BYTES_MAX: Final = 512 * 1024
"""A preview is not kept: it goes to viewers as it is, in one message."""
TITLE_CHARACTERS_MAX: Final = 120
DATA_URL: Final = "data:"
_ENDS: Final = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif"}
_REFUSED: Final = {
    Code.ATTACHMENT_TYPE_NOT_ALLOWED: "it is no such image",
    Code.ATTACHMENT_UNREADABLE: "it is no image that can be read, or has too many pixels",
    Code.INVALID_REQUEST: "it is empty",
    Code.QUOTA_EXCEEDED: "it was not kept, for the user has no room for more files",
}
"""Why a picture is not there, in words for a model, which reads them to people."""
Source = Literal["tool", "model"]


class PictureRefusedError(ValueError):
    """A picture that is not kept; its words say why."""


@dataclass(frozen=True)
class Pictures:
    """What all runs of a process share: how pictures are looked at, and how many at once."""

    intake: Intake
    turns: asyncio.Semaphore

    @classmethod
    def of(cls, files: FileStore, bytes_max: int) -> "Pictures":
        return cls(Intake(files, PICTURE_TYPES, bytes_max, PIXELS_MAX), asyncio.Semaphore(CLEANED_AT_ONCE))


@dataclass
class RunPictures:
    """Of one attempt."""

    shared: Pictures
    store: Store
    principal: Principal
    claimed: RunClaimed
    publisher: Publisher
    _bytes_left: int = RUN_BYTES_MAX
    _counts: Counter[str] = field(default_factory=Counter[str])

    @property
    def bytes_max(self) -> int:
        """Of one picture."""
        return self.shared.intake.picture_bytes_max

    async def keep(self, key: str, data: bytes, *, title: str, source: Source) -> ToolAttachment:
        """Keep a picture. ``key``: what has made it; the n-th of a key is kept once, whichever attempt makes it.

        ``title``: what is seen on it, "" where nobody says. Raises PictureRefusedError, FencedError.
        """
        self._counts[key] += 1
        if len(data) > self.bytes_max:
            raise PictureRefusedError(f"an image of more than {size_words(self.bytes_max)} is not shown")
        if len(data) > self._bytes_left or self._counts.total() > RUN_PICTURES_MAX:
            raise PictureRefusedError("this answer has as many images as it may have")
        self._bytes_left -= len(data)
        title = storable(" ".join(title.split()))[:TITLE_CHARACTERS_MAX]
        try:
            return await self._kept(f"{key} {self._counts[key]}", data, title, source)
        except FencedError:
            raise
        except NatterError as error:
            log.warning("picture.not_kept", code=error.code, detail=error.detail)
            raise PictureRefusedError(_REFUSED.get(error.code, "it could not be stored")) from error

    async def _kept(self, key: str, data: bytes, title: str, source: Source) -> ToolAttachment:
        run = self.claimed.run
        attachment_id = attachment_id_of(run.created_at, run.run_id, key)
        name = file_name(title or "picture") + _ENDS.get(type_of(data[:HEAD_BYTES], ""), "")
        received = await self.shared.intake.receive(
            attachment_id, name, _once(data), bytes_max=len(data), picture_turn=self.shared.turns
        )
        keep = KeepAttachment(
            principal=self.principal,
            run_id=run.run_id,
            epoch=self.claimed.epoch,
            attachment_id=attachment_id,
            file_key=received.file_key,
            source=source,
            name=name,
            mime_type=received.mime_type,
            size_bytes=received.stored.size_bytes,
            sha256=received.stored.sha256,
            width=received.width,
            height=received.height,
        )
        await self.store.ask(keep)
        url = items.attachment_url(self.principal.user_id, attachment_id)
        return ToolAttachment(type="image", title=title, url=url, attachment_id=attachment_id)

    async def without_bytes(self, saved: Sequence[ItemToSave]) -> tuple[ItemToSave, ...]:
        """The items as they are to be stored: the last preview of an image that was cut short, and what a ChatKitServer
        has drawn itself, are kept as well. One that is no picture stays as it is. Raises FencedError.
        """
        return tuple([await self._without_bytes(item) for item in saved])

    async def _without_bytes(self, saved: ItemToSave) -> ItemToSave:
        image = saved.item.get("image") if saved.type == "generated_image" else None
        url = str(cast("Json", image).get("url", "")) if isinstance(image, dict) else ""
        data = data_of(url.partition(";base64,")[2]) if url.startswith(DATA_URL) else None
        if data is None:
            return saved
        try:
            kept = await self.keep(saved.message_id, data, title="", source="model")
        except PictureRefusedError:
            return saved
        item = {**saved.item, "image": image_of(kept, saved.message_id)}
        self.publisher.event(events.item_replaced(item))
        return saved.model_copy(update={"item": item})


def image_of(kept: ToolAttachment, item_id: str) -> Json:
    """What an item shows of it."""
    return items.image(kept.attachment_id or item_id, kept.url, kept.title)


def data_of(encoded: str) -> bytes | None:
    """What is written in base64; None where nothing is."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def preview_url(data: bytes) -> str | None:
    """A picture as it is shown while it is being drawn; None of what is none, or is too large for a message."""
    mime_type = type_of(data[:HEAD_BYTES], "")
    if mime_type not in PICTURE_TYPES or len(data) > PREVIEW_BYTES_MAX:
        return None
    return f"{DATA_URL}{mime_type};base64,{base64.b64encode(data).decode()}"


def size_words(size_bytes: int) -> str:
    return f"{size_bytes / 1_048_576:.1f} MiB" if size_bytes >= 1_048_576 else f"{max(1, size_bytes // 1_024)} KiB"


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
