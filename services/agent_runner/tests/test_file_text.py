"""The text of files that other libraries have made, and of files that are made to do harm."""

import io
import zipfile
from datetime import date
from typing import Any

import pytest
from agent_runner import file_text, file_text_worker
from agent_runner.file_text import FileText, FileTexts
from docx import Document
from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Inches
from reportlab.lib.pagesizes import A4  # pyright: ignore[reportMissingTypeStubs]
from reportlab.lib.pdfencrypt import StandardEncryption  # pyright: ignore[reportMissingTypeStubs]
from reportlab.pdfgen.canvas import Canvas  # pyright: ignore[reportMissingTypeStubs]


def pdf(*pages: str, password: str | None = None) -> bytes:
    output = io.BytesIO()
    encrypt = None if password is None else StandardEncryption(password)
    canvas = Canvas(output, A4, encrypt=encrypt)
    for page in pages:
        canvas.drawString(72, 720, page)
        canvas.showPage()
    canvas.save()
    return output.getvalue()


def docx() -> bytes:
    document = Document()
    document.add_heading("Quarterly report", 1)
    document.add_paragraph("Sales went up.")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Zürich", "42"
    document.add_paragraph("And that was it.")
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def xlsx() -> bytes:
    workbook = Workbook()
    sales: Any = workbook.active
    sales.title = "Sales"
    for row in (["City", None, "Sum"], ["Zürich", None, 42.5], [], ["Bern", None, 7]):
        sales.append(row)
    workbook.create_sheet("Empty")
    days: Any = workbook.create_sheet("Days")
    days.append([date(2026, 12, 1), True])
    output = io.BytesIO()
    workbook.save(output)
    return output.getvalue()


def pptx() -> bytes:
    presentation = Presentation()
    slide: Any = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Our plan"
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Zürich", "42"
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(1), Inches(1), Inches(1), Inches(1)).text_frame.text = "in a group"
    slide.notes_slide.notes_text_frame.text = "Smile here."
    presentation.slides.add_slide(presentation.slide_layouts[6])
    output = io.BytesIO()
    presentation.save(output)
    return output.getvalue()


async def test_sheets_and_slides_are_read_in_pages() -> None:
    texts = FileTexts()
    assert await texts.read(xlsx(), file_text_worker.XLSX) == FileText(
        (
            "Sheet “Sales”\n| City |  | Sum |\n| --- | --- | --- |\n| Zürich |  | 42.5 |\n| Bern |  | 7 |",
            "Sheet “Empty”\n",
            "Sheet “Days”\n| 2026-12-01 00:00:00 | True |\n| --- | --- |",
        )
    )
    assert await texts.read(pptx(), file_text_worker.PPTX) == FileText(
        ("Our plan\n| Zürich | 42 |\nin a group\nNotes: Smile here.", "")
    )


def test_a_sheet_with_cells_far_away_is_read_as_far_as_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    workbook = Workbook(write_only=False)
    sheet: Any = workbook.active
    sheet["A1"], sheet["XFD1"], sheet["A1000000"] = "here", "far right", "far down"
    output = io.BytesIO()
    workbook.save(output)
    monkeypatch.setattr(file_text_worker, "CELLS_MAX", 20_000)
    told = file_text_worker.read(output.getvalue(), file_text_worker.XLSX)
    assert told["is_cut"]
    assert "far down" not in str(told)


async def test_each_kind_of_file_is_read_in_pages() -> None:
    texts = FileTexts()
    assert await texts.read(pdf("The first page", "The second page"), "application/pdf") == FileText(
        ("The first page", "The second page")
    )
    assert (await texts.read(docx(), file_text_worker.DOCX)).pages == (
        "Quarterly report\nSales went up.\n| Zürich | 42 |\nAnd that was it.",
    )
    table = await texts.read("Ort;Zahl\nZürich;1\n".encode(), "text/csv")
    assert table.pages == ("| Ort | Zahl |\n| --- | --- |\n| Zürich | 1 |",)
    assert (await texts.read("Größe und Maß für alle Straßen".encode("cp1252"), "text/plain")).pages == (
        "Größe und Maß für alle Straßen",
    )


@pytest.mark.parametrize(
    ("data", "mime_type", "refusal"),
    [
        (pdf("secret", password="open sesame"), "application/pdf", file_text_worker.ENCRYPTED),
        (b"%PDF-1.7\n" + b"\x00" * 5_000, "application/pdf", file_text_worker.UNREADABLE),
        (docx()[:2_000], file_text_worker.DOCX, file_text_worker.UNREADABLE),
        (pdf(""), "application/pdf", file_text.NO_TEXT),
        (xlsx()[:2_000], file_text_worker.XLSX, file_text_worker.UNREADABLE),
        (docx(), file_text_worker.PPTX, file_text_worker.UNREADABLE),
    ],
    ids=["encrypted", "broken PDF", "cut docx", "no text", "cut xlsx", "another's name"],
)
async def test_what_cannot_be_read_says_why(data: bytes, mime_type: str, refusal: str) -> None:
    assert await FileTexts().read(data, mime_type) == FileText(refusal=refusal)


@pytest.mark.parametrize("mime_type", [file_text_worker.DOCX, file_text_worker.XLSX, file_text_worker.PPTX])
async def test_a_document_that_unpacks_to_gigabytes_is_refused(mime_type: str) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("word/document.xml", b"<" * (file_text_worker.UNZIPPED_BYTES_MAX + 1))
    assert await FileTexts().read(bomb.getvalue(), mime_type) == FileText(refusal=file_text_worker.BOMB)


async def test_a_reader_that_hangs_is_killed_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_text, "READ_SECONDS_MAX", 0.01)
    assert await FileTexts().read(pdf("one"), "application/pdf") == FileText(refusal=file_text.TOO_SLOW)


def test_no_more_is_read_than_a_run_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_text_worker, "CHARACTERS_MAX", 10)
    assert file_text_worker.read(b"0123456789abc", "text/plain") == {"pages": ["0123456789"], "is_cut": True}
    monkeypatch.setattr(file_text_worker, "CHARACTERS_MAX", 1_000_000)
    monkeypatch.setattr(file_text_worker, "PAGES_MAX", 2)
    told = file_text_worker.read(b"line\n" * 10_000, "text/plain")
    assert (len(told["pages"]), told["is_cut"]) == (2, True)
