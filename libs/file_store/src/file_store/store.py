"""The interface: bytes under keys of ours, in and out in pieces. Whose they are, and what they are, Postgres knows."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from contracts.errors import Code, RetryableError, TerminalError
from contracts.ids import AttachmentId, FileKey

CHUNK_BYTES = 128 * 1024
"""What is held of a file at a time, times a few: of an upload, of a download, of each."""


@dataclass(frozen=True)
class StoredFile:
    """What has been put: its size, and the SHA-256 of it in hexadecimal digits."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class BytesRange:
    """From ``first`` to ``last``, both included, counted from 0."""

    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class UploadAddress:
    """Where a browser sends a file, and the headers that it has to send with it, beside its length."""

    url: str
    headers: Mapping[str, str]


class FileStore(Protocol):
    """A place for files. All methods raise RetryableError (file_store_unavailable) where it does not answer.

    A file is there whole or not at all: what `put` was doing when it was cancelled, or its process killed, is no file,
    and `delete` removes what it left.
    """

    async def put(
        self, key: FileKey, chunks: AsyncIterable[bytes], *, bytes_max: int, headers: Mapping[str, str] | None = None
    ) -> StoredFile:
        """Store a new file. Raises what ``chunks`` raises, and TerminalError (payload_too_large) beyond ``bytes_max``.

        Nothing else may be put under the same key. With ``headers`` the store's own address answers, where it has any.
        """
        ...

    def read(self, key: FileKey, part: BytesRange | None = None) -> AsyncGenerator[bytes]:
        """The file, or a part of it that lies within it, in pieces. Raises TerminalError (not_found)."""
        ...

    async def delete(self, key: FileKey | AttachmentId) -> None:
        """Remove a file, or of an attachment all that was ever uploaded, finished or not; there may be none."""
        ...

    def all_keys(self) -> AsyncIterator[FileKey]:
        """Of all that is there, finished or not."""
        ...

    def upload_url(self, key: FileKey, *, size_bytes: int, mime_type: str, seconds: int) -> UploadAddress | None:
        """An address at the store itself that takes a file of exactly this size; None where it has none for browsers.

        What comes there nobody has looked at: it is no file before it was read from there, and put under another key.
        """
        ...

    def download_url(self, key: FileKey, headers: Mapping[str, str], *, seconds: int) -> str | None:
        """The same to read a file, which is answered with these Content-Type and Content-Disposition."""
        ...


def incoming_key(attachment_id: AttachmentId) -> FileKey:
    """Where a browser puts what it uploads to the store itself: known without a note, and as old as its attachment."""
    return f"{attachment_id}/{attachment_id.partition('_')[2] or attachment_id}"


def unavailable(detail: str = "The file store does not answer.") -> RetryableError:
    return RetryableError(Code.FILE_STORE_UNAVAILABLE, detail)


def too_large(bytes_max: int) -> TerminalError:
    return TerminalError(Code.PAYLOAD_TOO_LARGE, f"A file has at most {bytes_max} bytes.", field="file")


async def in_chunks(pieces: AsyncIterable[bytes], size: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
    """The same bytes in chunks of ``size``, the last one shorter: a client decides how it sends, not how we store."""
    buffer = bytearray()
    async for piece in pieces:
        buffer += piece
        while len(buffer) >= size:
            yield bytes(memoryview(buffer)[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)
