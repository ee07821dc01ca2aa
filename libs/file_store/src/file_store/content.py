"""What a file is, by what is in it: a name and a client's word decide nothing but between kinds of plain text."""

import codecs
import re
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Final
from urllib.parse import quote

import filetype  # pyright: ignore[reportMissingTypeStubs]
from contracts.errors import Code, TerminalError

HEAD_BYTES: Final = 8_192
"""What is looked at: signatures are at the beginning, and the first names within an Office document."""
PICTURE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
OFFICE: Final = "application/vnd.openxmlformats-officedocument"
TYPES_DEFAULT: Final = (
    *sorted(PICTURE_TYPES),
    "application/pdf",
    f"{OFFICE}.wordprocessingml.document",
    f"{OFFICE}.spreadsheetml.sheet",
    f"{OFFICE}.presentationml.presentation",
    "application/json",
    "text/csv",
    "text/markdown",
    "text/plain",
)
PLAIN_TYPES: Final = {
    "csv": "text/csv",
    "json": "application/json",
    "markdown": "text/markdown",
    "md": "text/markdown",
}
"""Of text, by the end of the name: each is text whatever its name says, and is served as nothing that runs."""
UNKNOWN: Final = "application/octet-stream"
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def type_of(head: bytes, name: str) -> str:
    """The media type of a file that begins so; `UNKNOWN` where nothing is recognised.

    What could run in a browser (HTML, SVG) is text, and is called that.
    """
    found = filetype.guess(head)  # pyright: ignore[reportUnknownMemberType]
    if found is not None:
        return str(found.mime)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    if _is_text(head):
        return PLAIN_TYPES.get(name.rpartition(".")[2].lower(), "text/plain")
    return UNKNOWN


def check_type(mime_type: str, allowed: frozenset[str]) -> None:
    """Raises TerminalError (attachment_type_not_allowed)."""
    if mime_type not in allowed:
        detail = f"Files of the type {mime_type} are not taken."
        raise TerminalError(Code.ATTACHMENT_TYPE_NOT_ALLOWED, detail, field="mime_type")


def served_as(name: str, mime_type: str, *, is_download: bool = False) -> dict[str, str]:
    """The headers that say what it is: only pictures are shown, all else is saved; a text is no kind that runs."""
    is_shown = mime_type in PICTURE_TYPES and not is_download
    is_text = mime_type.startswith("text/") or mime_type == "application/json"
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    disposition = f'{"inline" if is_shown else "attachment"}; filename="{plain}"'
    if plain != name:
        disposition += f"; filename*=UTF-8''{quote(name, safe='')}"
    return {
        "Content-Type": "text/plain; charset=utf-8" if is_text else mime_type,
        "Content-Disposition": disposition,
    }


async def with_head(chunks: AsyncIterable[bytes], bytes_max: int = HEAD_BYTES) -> tuple[bytes, AsyncGenerator[bytes]]:
    """The beginning of a file, and all of it. It is no longer than ``bytes_max``; shorter, where the file is."""
    iterator = aiter(chunks)
    head = bytearray()
    async for chunk in iterator:
        head += chunk
        if len(head) >= bytes_max:
            break

    async def whole() -> AsyncGenerator[bytes]:
        if head:
            yield bytes(head)
        async for chunk in iterator:
            yield chunk

    return bytes(head[:bytes_max]), whole()


def _is_text(head: bytes) -> bool:
    try:
        # Not the last one: what was cut in the middle of a character is text all the same.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return _NOT_TEXT.search(text) is None
