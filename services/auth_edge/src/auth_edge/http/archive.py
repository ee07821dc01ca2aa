"""A ZIP that leaves as it is made: a document, and the bytes of files beside it."""

import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from typing import IO, Final, cast

from contracts.errors import Code, TerminalError
from contracts.replies import AttachmentView
from file_store import FileStore

DOCUMENT: Final = "natter-export.json"
LOST: Final = "files/not-found.txt"


class _Sink:
    """Where a ZIP is written to: what is in it can be taken, and nothing that was taken is looked at again."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


async def zipped(
    document: AsyncGenerator[str], attachments: AsyncGenerator[AttachmentView], files: FileStore
) -> AsyncGenerator[bytes]:
    """The document, then each file as ``files/<attachment id>/<its name>``; those without bytes are listed at the end.

    Nothing is packed: most files are already, and it would take the time of all others.
    """
    sink = _Sink()
    lost: list[str] = []
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w") as archive:  # all that it needs is `write`
        with _entry(archive, DOCUMENT, datetime.now(UTC)) as entry:
            async with aclosing(document):
                async for text in document:
                    entry.write(text.encode())
                    yield sink.take()
        async with aclosing(attachments):
            async for view in attachments:
                async for piece in _file(archive, sink, view, files, lost):
                    yield piece
        if lost:
            with _entry(archive, LOST, datetime.now(UTC)) as entry:
                entry.write("".join(f"{name}\n" for name in lost).encode())
    yield sink.take()


async def _file(
    archive: zipfile.ZipFile, sink: _Sink, view: AttachmentView, files: FileStore, lost: list[str]
) -> AsyncIterator[bytes]:
    name = f"{view.attachment_id}/{view.name}"
    assert view.file_key is not None  # it is stored
    async with aclosing(files.read(view.file_key)) as chunks:
        try:
            first = await anext(chunks)
        except TerminalError as error:
            if error.code != Code.NOT_FOUND:
                raise
            lost.append(name)
            return
        with _entry(archive, f"files/{name}", view.created_at) as entry:
            entry.write(first)
            yield sink.take()
            async for chunk in chunks:
                entry.write(chunk)
                yield sink.take()


@contextmanager
def _entry(archive: zipfile.ZipFile, name: str, made_at: datetime) -> Generator[IO[bytes]]:
    made = made_at.astimezone(UTC)
    about = zipfile.ZipInfo(name, (made.year, made.month, made.day, made.hour, made.minute, made.second))
    with archive.open(about, "w", force_zip64=True) as entry:
        yield entry
