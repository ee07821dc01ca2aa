"""A file as an answer: the whole or a part of it, with headers that let it do nothing but be shown or saved."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

from contracts.replies import AttachmentView
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from file_store import BytesRange, FileStore
from file_store.content import served_as
from starlette.exceptions import HTTPException

FILE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""Of a path of its own: whatever a file is, it runs nothing, loads nothing and is framed by nobody."""
CACHE: Final = "private, max-age=300, no-transform"
"""For so long a browser shows it without asking; an address of its own lives about as long."""
ADDRESS_SECONDS: Final = 60
"""Of an address at the store itself: to be followed at once."""
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


async def file_answer(request: Request, files: FileStore, view: AttachmentView, *, is_download: bool) -> Response:
    """Raises NatterError: file_store_unavailable, not_found."""
    headers = _headers(view, is_download=is_download)
    if view.sha256 is not None and _is_known(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    part = _part(request, view.size_bytes, headers["ETag"])
    status = 200
    size_bytes = view.size_bytes
    if part is not None:
        status, size_bytes = 206, part.size_bytes
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{view.size_bytes}"
    headers["Content-Length"] = str(size_bytes)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    assert view.file_key is not None  # it is stored
    elsewhere = files.download_url(view.file_key, headers, seconds=ADDRESS_SECONDS)
    if elsewhere is not None:
        return Response(status_code=307, headers={"Location": elsewhere, "Cache-Control": "no-store"})
    chunks = files.read(view.file_key, part)
    first = await anext(chunks)  # what goes wrong before the first byte is still an answer of its own
    return StreamingResponse(_from_first(first, chunks), status_code=status, headers=headers)


async def _from_first(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async with aclosing(rest):
        async for chunk in rest:
            yield chunk


def _headers(view: AttachmentView, *, is_download: bool) -> dict[str, str]:
    return {
        **served_as(view.name, view.mime_type, is_download=is_download),
        "Content-Security-Policy": FILE_POLICY,
        "Cross-Origin-Resource-Policy": "cross-origin",  # who has the address, or the token, may show it in their page
        "Cache-Control": CACHE,
        "ETag": f'"{view.sha256}"',
        "Accept-Ranges": "bytes",
    }


def _is_known(if_none_match: str, etag: str) -> bool:
    return etag in [one.strip().removeprefix("W/") for one in if_none_match.split(",")] or if_none_match.strip() == "*"


def _part(request: Request, size_bytes: int, etag: str) -> BytesRange | None:
    """The part that is asked for (RFC 9110, 14); None for the whole, which several parts are answered with as well.

    Raises HTTPException (416).
    """
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        first, last = str(max(0, size_bytes - int(last))), ""
    begin, end = int(first), min(int(last or size_bytes), size_bytes - 1)
    if begin >= size_bytes:
        raise HTTPException(416, "There is no such part", {"Content-Range": f"bytes */{size_bytes}"})
    return BytesRange(begin, end) if begin <= end else None
