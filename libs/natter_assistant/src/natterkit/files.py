"""The files of a conversation, as an assistant's code gets them, and the tool with which a model reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from natterkit.tools import function_tool

FOUND_MAX = 20
EXCERPT_CHARACTERS = 200
PAGE_CHARACTERS_MAX = 15_000
"""Of a page, what `read_file` gives at once."""


@dataclass(frozen=True)
class Attachment:
    """A file of the user's, or one that a run has made for them; ``width`` and ``height`` of a picture."""

    id: str
    name: str
    mime_type: str
    size_bytes: int
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class AttachmentText:
    """The text of a file, page by page. ``is_cut``: there is more of it than is read."""

    pages: tuple[str, ...]
    is_cut: bool = False

    def search(self, wanted: str) -> list[tuple[int, str]]:
        """Where words stand, whatever their case: pages, counted from 1, and what is around the words there."""
        return _search(self.pages, wanted)


class FileEffects(Protocol):
    """What a runner does for files; a test may give its own."""

    @property
    def attachments(self) -> Sequence[Attachment]: ...

    async def attachment(self, attachment_id: str) -> Attachment: ...

    async def read_attachment(self, attachment_id: str) -> bytes: ...

    async def attachment_text(self, attachment_id: str) -> AttachmentText: ...

    async def attachment_parts(self, attachment_id: str) -> list[dict[str, Any]]: ...


class Files:
    """The part of a `Context` that is about files. Only the user's own are ever there."""

    effects: Any

    @property
    def attachments(self) -> Sequence[Attachment]:
        """The files of the message that this run answers."""
        return self.effects.attachments

    async def attachment(self, attachment_id: str) -> Attachment:
        """What is known of a file. Raises LookupError where the user has no such file."""
        return await self.effects.attachment(attachment_id)

    async def read_attachment(self, attachment_id: str) -> bytes:
        """The bytes of a file. Raises LookupError where the user has no such file, ValueError where it is too large."""
        return await self.effects.read_attachment(attachment_id)

    async def attachment_text(self, attachment_id: str) -> AttachmentText:
        """The text of a file: PDF, documents of Word, Excel and PowerPoint, and plain text of any kind. It is read in
        a process of its own, within bounds. Raises LookupError where the user has no such file, ValueError where it
        cannot be read.
        """
        return await self.effects.attachment_text(attachment_id)

    async def attachment_parts(self, attachment_id: str) -> list[dict[str, Any]]:
        """A file as the run's model takes it: content parts of the Responses API, which say in words what it does not
        take. For code that asks a model itself.
        """
        return await self.effects.attachment_parts(attachment_id)


@function_tool(repeatable=True)
async def read_file(file: str, page: int = 1, search: str | None = None) -> str:
    """Read a file that the user has attached, one page at a time, or find words in it.

    Args:
        file: Its id, which begins with atc_, or its name.
        page: Which page, counted from 1.
        search: Words to find; then the pages on which they stand are told instead.
    """
    from natterkit.context import Context  # noqa: PLC0415 - a context has files

    try:
        text = await Context.current().attachment_text(file)
    except (LookupError, ValueError) as error:
        return str(error.args[0])
    if search:
        found = text.search(search)
        lines = [f"Page {number}: … {excerpt} …" for number, excerpt in found]
        return "\n".join(lines) or f"“{search}” is not in it."
    if not 1 <= page <= len(text.pages):
        return f"It has {len(text.pages)} pages."
    more = " There is more than can be read." if text.is_cut and page == len(text.pages) else ""
    return f"Page {page} of {len(text.pages)}.{more}\n{text.pages[page - 1][:PAGE_CHARACTERS_MAX]}"


def _search(pages: Sequence[str], wanted: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    needle = wanted.casefold()
    for number, page in enumerate(pages, start=1):
        text, at = page.casefold(), -1
        while needle and len(found) < FOUND_MAX and (at := text.find(needle, at + 1)) >= 0:
            start = max(0, at - EXCERPT_CHARACTERS // 2)
            found.append((number, " ".join(page[start : at + len(needle) + EXCERPT_CHARACTERS // 2].split())))
            at += EXCERPT_CHARACTERS // 2
    return found
