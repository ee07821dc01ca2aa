"""The text of files, read in processes of their own (`file_text_worker`), a few at a time."""

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from contracts.text import storable

from agent_runner import file_text_worker

READ_SECONDS_MAX: Final = 30.0
READERS_MAX: Final = 2
"""At once, of one runner: they are nice, and a core is theirs while they work."""
TOO_SLOW: Final = "It takes too long to read."
NO_TEXT: Final = "There is no text in it: its pages may be pictures."
_PLAIN_TYPES: Final = (
    "application/pdf",
    "application/json",
    "application/xml",
    file_text_worker.DOCX,
    file_text_worker.XLSX,
    file_text_worker.PPTX,
)
TEXT_TYPES: Final = ("text/*", *_PLAIN_TYPES)
"""As a file picker has them."""


@dataclass(frozen=True)
class FileText:
    """What can be read of a file. ``refusal``: why there is nothing. ``is_cut``: there is more than may be read."""

    pages: tuple[str, ...] = ()
    is_cut: bool = False
    refusal: str | None = None


def has_text(mime_type: str) -> bool:
    """Whether files of a type are read."""
    return mime_type.startswith("text/") or mime_type in _PLAIN_TYPES


class FileTexts:
    """Reads the text of files; of one process."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(READERS_MAX)

    async def read(self, data: bytes, mime_type: str) -> FileText:
        """What is in a file. It raises nothing for what is wrong with it: that is told."""
        async with self._turn:
            told = await _told_by_worker(data, mime_type)
        if told is None:
            return FileText(refusal=TOO_SLOW)
        if "refusal" in told:
            return FileText(refusal=told["refusal"])
        pages = tuple(storable(page) for page in told["pages"])
        if not any(page.strip() for page in pages):
            return FileText(refusal=NO_TEXT)
        return FileText(pages, told["is_cut"])


async def _told_by_worker(data: bytes, mime_type: str) -> Any:
    """What it says; a refusal where it was killed for its memory; None where it took too long."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-m", file_text_worker.__name__, mime_type),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(READ_SECONDS_MAX):
            output, _ = await process.communicate(data)
        return json.loads(output)
    except TimeoutError:
        return None
    except ValueError:  # it was killed: by its own limits, or by the kernel's
        return {"refusal": file_text_worker.TOO_MUCH}
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
