"""What becomes of pictures in results of tools, and of what earlier releases have stored of them."""

import base64
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from agent_runner.attachments import NOT_SEEN, RunAttachments, Sees, in_words
from agent_runner.pictures import PREVIEW_BYTES_MAX, PictureRefusedError, preview_url
from agent_runner.tool_results import Outcome, output_of, read_result
from contracts.ids import attachment_id_of, made_at
from contracts.replies import ToolAttachment
from mcp.types import CallToolResult, ImageContent
from PIL import Image

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
OLD: Any = {"type": "input_image", "image_url": "natter:msg_1"}
CALL: Any = {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "drawn"}, OLD]}


def png(side: int = 2) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (side, side)).save(drawn, "PNG")
    return drawn.getvalue()


async def test_a_picture_that_is_refused_is_told_in_words_beside_those_that_are_kept() -> None:
    kept: list[bytes] = []

    async def keep(title: str, data: bytes) -> ToolAttachment:
        if kept:
            raise PictureRefusedError("it was not kept")
        kept.append(data)
        return ToolAttachment(type="image", title=title, url="/api/a/attachments/atc_1/content", attachment_id="atc_1")

    part = ImageContent(data=base64.b64encode(png()).decode(), mime_type="image/png")
    outcome = await read_result(CallToolResult(content=[part, part]), 1_000, keep)
    assert kept == [png()]
    assert outcome.result == "[image/png, 1 KiB: shown to the user]\n[image/png, 1 KiB: it was not kept]"
    assert [one.attachment_id for one in outcome.attachments] == ["atc_1"]
    # Where nobody looks, as at what a resource holds, nothing is kept.
    assert (await read_result(CallToolResult(content=[part]), 1_000)) == Outcome(
        "success", "[image/png, 1 KiB: images are not shown here]"
    )


def test_a_model_is_given_references_and_never_bytes() -> None:
    assert output_of("success", "drawn", ["atc_1"]) == [
        {"type": "input_text", "text": "drawn"},
        {"type": "input_file", "file_id": "natter:atc_1"},
    ]
    assert output_of("success", "drawn", []) == "drawn"


@pytest.mark.parametrize("sees", [Sees(), Sees(images=True, in_outputs=True)])
async def test_of_a_picture_of_an_earlier_release_the_model_reads_that_there_was_one(sees: Sees) -> None:
    nowhere: Any = None  # nothing is asked for: it is kept nowhere
    files = RunAttachments(nowhere, nowhere, nowhere, nowhere, "run_1")
    [output] = await files.put_in([CALL], sees)
    assert output["output"] == f"drawn\n{NOT_SEEN}"
    assert in_words([CALL]) == [output]


def test_a_preview_is_shown_where_it_is_a_picture_that_fits_into_a_message() -> None:
    assert preview_url(png()) == f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    assert preview_url(b"<svg/>") is None
    assert preview_url(png() + bytes(PREVIEW_BYTES_MAX)) is None


def test_the_same_picture_has_the_same_id_in_every_attempt_and_sorts_by_the_time_of_its_run() -> None:
    attachment_id = attachment_id_of(NOW, "run_1", "call_1 1")
    assert attachment_id == attachment_id_of(NOW, "run_1", "call_1 1")
    assert attachment_id != attachment_id_of(NOW, "run_1", "call_1 2")
    assert made_at(attachment_id.removeprefix("atc_")) == NOW
