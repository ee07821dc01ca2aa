"""Files in a bucket of anything that speaks S3, by obstore: pieces of a multipart upload, and one object in the end.

What a broken upload leaves there is no object and costs space until the bucket's own rule removes it (a lifecycle rule
for aborted multipart uploads; libs/file_store/README.md).
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

import obstore
from contracts.errors import TerminalError
from contracts.ids import AttachmentId, FileKey
from obstore.exceptions import BaseError
from obstore.store import S3Store

from file_store.settings import FileStoreSettings
from file_store.signed_address import Signer
from file_store.store import CHUNK_BYTES, BytesRange, StoredFile, UploadAddress, too_large, unavailable

if TYPE_CHECKING:
    from obstore.store import S3Config

PART_BYTES: Final = 5 * 1024 * 1024
"""The least that S3 takes as a part of an upload; one is sent while the next one is gathered."""
PARTS_AT_ONCE: Final = 1
REQUEST_SECONDS_MAX: Final = "60s"
NAMES_AT_ONCE: Final = 500
ANSWERED_HEADERS: Final = frozenset({"Content-Type", "Content-Disposition"})


@dataclass(frozen=True)
class S3FileStore:
    """``signer``: where browsers may send and fetch at the bucket itself."""

    bucket: S3Store
    signer: Signer | None = None

    @classmethod
    def open(cls, settings: FileStoreSettings) -> "S3FileStore":
        """The bucket of FILE_STORE_URL: s3://bucket?endpoint=https://…&region=…. It has to be there."""
        parts = urlsplit(settings.file_store_url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        endpoint, secret = options.get("endpoint", ""), settings.file_store_secret_access_key
        region = options.get("region", "us-east-1")
        config: S3Config = {"region": region}
        signer = None
        if endpoint:
            config["endpoint"] = endpoint
        if secret is not None:
            config["access_key_id"] = settings.file_store_access_key_id
            config["secret_access_key"] = secret.get_secret_value()
        if settings.file_store_public_url and secret is not None:
            key_id = settings.file_store_access_key_id
            signer = Signer(settings.file_store_public_url, region, key_id, secret.get_secret_value())
        bucket = S3Store(
            parts.netloc,
            config=config,
            client_options={"allow_http": endpoint.startswith("http://"), "timeout": REQUEST_SECONDS_MAX},
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=10)},
        )
        return cls(bucket, signer)

    async def put(
        self, key: FileKey, chunks: AsyncIterable[bytes], *, bytes_max: int, headers: Mapping[str, str] | None = None
    ) -> StoredFile:
        """As `FileStore.put`."""
        passing = _Passing(chunks, bytes_max)
        try:
            await obstore.put_async(
                self.bucket,
                key,
                passing.chunks(),
                attributes=dict(headers or {}),
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
        except Exception as error:
            if passing.failure is not None:  # of whoever gives the chunks: obstore has its own words for it
                raise passing.failure from error
            if isinstance(error, BaseError):
                raise unavailable() from error
            raise
        return StoredFile(passing.size_bytes, passing.digest.hexdigest())

    async def read(self, key: FileKey, part: BytesRange | None = None) -> AsyncGenerator[bytes]:
        """As `FileStore.read`."""
        try:
            options = {"range": (part.first, part.last + 1)} if part is not None else {}
            found = await obstore.get_async(self.bucket, key, options=options)  # pyright: ignore[reportArgumentType]
            async for piece in found.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(piece)
        except FileNotFoundError as error:
            raise TerminalError.not_found("file") from error
        except BaseError as error:
            raise unavailable() from error

    async def delete(self, key: FileKey | AttachmentId) -> None:
        """As `FileStore.delete`."""
        try:
            keys = [key] if "/" in key else [found async for found in self._keys(f"{key}/")]
            if keys:
                await obstore.delete_async(self.bucket, keys)
        except FileNotFoundError:
            return
        except BaseError as error:
            raise unavailable() from error

    async def all_keys(self) -> AsyncIterator[FileKey]:
        """As `FileStore.all_keys`."""
        try:
            async for key in self._keys(None):
                yield key
        except BaseError as error:
            raise unavailable() from error

    async def _keys(self, prefix: str | None) -> AsyncIterator[FileKey]:
        found = obstore.list(self.bucket, prefix, chunk_size=NAMES_AT_ONCE)  # pyright: ignore[reportUnknownMemberType]
        async for batch in found:
            for one in batch:
                yield one["path"]

    def upload_url(self, key: FileKey, *, size_bytes: int, mime_type: str, seconds: int) -> UploadAddress | None:
        """As `FileStore.upload_url`. A browser says the length of a body by itself, and cannot say another one."""
        if self.signer is None:
            return None
        headers = {"Content-Type": mime_type}
        signed = {**headers, "Content-Length": str(size_bytes)}
        return UploadAddress(self.signer.address("PUT", key, seconds=seconds, headers=signed), headers)

    def download_url(self, key: FileKey, headers: Mapping[str, str], *, seconds: int) -> str | None:
        """As `FileStore.download_url`."""
        if self.signer is None:
            return None
        answered = {f"response-{name.lower()}": value for name, value in headers.items() if name in ANSWERED_HEADERS}
        return self.signer.address("GET", key, seconds=seconds, query=answered)


class _Passing:
    """Counts and hashes what passes, and keeps what goes wrong in it."""

    def __init__(self, chunks: AsyncIterable[bytes], bytes_max: int) -> None:
        self._chunks = chunks
        self._bytes_max = bytes_max
        self.digest = hashlib.sha256()
        self.size_bytes = 0
        self.failure: BaseException | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                self._take(chunk)
                yield chunk
        except BaseException as error:
            self.failure = error
            raise

    def _take(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        if self.size_bytes > self._bytes_max:
            raise too_large(self._bytes_max)
        self.digest.update(chunk)
