"""A file in, the text that is in it out, page by page: run as a program of its own, for one file.

Reading what strangers send is not done where keys and tokens are: this process has none of them, is slow to be
scheduled, may use so much memory and time and no more, and can be killed. ``python -I -m agent_runner.file_text_worker
MIME_TYPE`` reads the file from its input and writes JSON, ``{"pages": […], "is_cut": …}``, or ``{"refusal": …}``.
"""

import csv
import io
import json
import os
import resource
import sys
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, Final

MEMORY_BYTES_MAX: Final = 1024 * 1024 * 1024
CPU_SECONDS_MAX: Final = 20
NICENESS: Final = 10
PAGES_MAX: Final = 1_000
CHARACTERS_MAX: Final = 2_000_000
PAGE_CHARACTERS: Final = 3_000
"""What makes a page where a file has none."""
UNZIPPED_BYTES_MAX: Final = 200 * 1024 * 1024
CELLS_MAX: Final = 500_000
"""Of a workbook, those that are empty between others included: a row may say that it has cells 16,384 columns away."""
GROUPS_DEPTH_MAX: Final = 20
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
DOCX: Final = f"{_OFFICE}.wordprocessingml.document"
XLSX: Final = f"{_OFFICE}.spreadsheetml.sheet"
PPTX: Final = f"{_OFFICE}.presentationml.presentation"
UNREADABLE: Final = "It cannot be read: it is damaged, or is not what its name says."
TOO_MUCH: Final = "It takes more memory than there is for reading a file."
ENCRYPTED: Final = "It is protected by a password."
BOMB: Final = "It unpacks to more than a file may."


class RefusedError(Exception):
    """Why a file is not read, in words for a model."""


class CutError(Exception):
    """There is more than is read."""


def pages_of(data: bytes, mime_type: str) -> Iterator[str]:
    """The pages of a file. Raises RefusedError, and whatever a library raises about a broken one."""
    if mime_type == "application/pdf":
        return _pdf(data)
    if mime_type == DOCX:
        return _in_pages(_docx(data))
    if mime_type == XLSX:
        return _xlsx(data)
    if mime_type == PPTX:
        return _pptx(data)
    if mime_type == "text/csv":
        return _in_pages(_csv(_decoded(data)))
    return _in_pages(_decoded(data).splitlines())


def _pdf(data: bytes) -> Iterator[str]:
    from pypdf import PdfReader  # noqa: PLC0415 - after the limits of this process are set

    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise RefusedError(ENCRYPTED)
    for page in reader.pages:
        yield page.extract_text().strip()


def _docx(data: bytes) -> Iterator[str]:
    """Paragraphs and the rows of tables, in their order."""
    from docx import Document  # noqa: PLC0415
    from docx.table import Table  # noqa: PLC0415

    _check_unzipped(data)
    for block in Document(io.BytesIO(data)).iter_inner_content():
        if isinstance(block, Table):
            yield from (_row(cell.text for cell in row.cells) for row in block.rows)
        else:
            yield block.text


def _xlsx(data: bytes) -> Iterator[str]:
    """Each sheet begins a page, with its name; values, as the program that saved them has worked them out."""
    from openpyxl import load_workbook  # noqa: PLC0415  # pyright: ignore[reportMissingModuleSource]

    _check_unzipped(data)
    cells_left = [CELLS_MAX]
    workbook = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    for sheet in workbook.worksheets:
        sheet.reset_dimensions()  # what a file says of its size is not to be believed
        for page in _in_pages(_sheet(sheet, cells_left)):
            yield f"Sheet “{sheet.title}”\n{page}"


def _sheet(sheet: Any, cells_left: list[int]) -> Iterator[str]:
    """Its rows as those of a table in Markdown, without those that are empty. Raises CutError."""
    is_first = True
    for values in sheet.iter_rows(values_only=True):
        cells_left[0] -= max(1, len(values))
        if cells_left[0] < 0:
            raise CutError
        cells = ["" if value is None else str(value) for value in values]
        while cells and not cells[-1].strip():
            cells.pop()
        if cells:
            yield _row(cells)
            if is_first:
                yield _row("---" for _ in cells)
            is_first = False


def _pptx(data: bytes) -> Iterator[str]:
    """A page for each slide: its texts and tables, then what is noted for who speaks."""
    from pptx import Presentation  # noqa: PLC0415

    _check_unzipped(data)
    for slide in Presentation(io.BytesIO(data)).slides:
        lines = [line for line in _shapes(slide.shapes) if line.strip()]
        notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        if notes is not None and notes.text.strip():
            lines.append(f"Notes: {notes.text}")
        yield "\n".join(lines)


def _shapes(shapes: Iterable[Any], depth: int = 0) -> Iterator[str]:
    for shape in shapes:
        if shape.has_text_frame:
            yield shape.text_frame.text
        elif getattr(shape, "has_table", False):
            yield from (_row(cell.text for cell in row.cells) for row in shape.table.rows)
        elif hasattr(shape, "shapes") and depth < GROUPS_DEPTH_MAX:
            yield from _shapes(shape.shapes, depth + 1)


def _check_unzipped(data: bytes) -> None:
    """By the file's own word: what unpacks to more fails at its checksum. Raises RefusedError."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > UNZIPPED_BYTES_MAX:
            raise RefusedError(BOMB)


def _csv(text: str) -> Iterator[str]:
    """Its rows as those of a table in Markdown: a model reads which value is in which column."""
    try:
        dialect: Any = csv.Sniffer().sniff(text[:8_192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    for number, cells in enumerate(csv.reader(io.StringIO(text), dialect)):
        yield _row(cells)
        if number == 0:
            yield _row("---" for _ in cells)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()) for cell in cells)} |"


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes  # noqa: PLC0415

        best = from_bytes(data).best()
        return data.decode("latin-1") if best is None else str(best)


def _in_pages(lines: Iterable[str]) -> Iterator[str]:
    page, size = list[str](), 0
    for line in lines:
        for start in range(0, max(1, len(line)), PAGE_CHARACTERS):
            piece = line[start : start + PAGE_CHARACTERS]
            if page and size + len(piece) > PAGE_CHARACTERS:
                yield "\n".join(page)
                page, size = [], 0
            page.append(piece)
            size += len(piece) + 1
    yield "\n".join(page)


def read(data: bytes, mime_type: str) -> dict[str, Any]:
    """What is written out: the pages, as many as there may be, or why there are none."""
    pages, characters = list[str](), 0
    try:
        for page in pages_of(data, mime_type):
            kept = page[: CHARACTERS_MAX - characters]
            pages.append(kept)
            characters += len(kept)
            if len(kept) < len(page) or len(pages) == PAGES_MAX or characters == CHARACTERS_MAX:
                return {"pages": pages, "is_cut": True}
    except CutError:
        return {"pages": pages, "is_cut": True}
    except RefusedError as error:
        return {"refusal": str(error)}
    except (MemoryError, RecursionError):
        return {"refusal": TOO_MUCH}
    except Exception:  # noqa: BLE001 - a broken file can make any of its libraries raise anything
        return {"refusal": UNREADABLE}
    return {"pages": pages, "is_cut": False}


def main() -> int:
    """Read, and tell."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    told = read(sys.stdin.buffer.read(), sys.argv[1])
    sys.stdout.buffer.write(json.dumps(told, ensure_ascii=True).encode())
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
