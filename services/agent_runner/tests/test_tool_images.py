"""What the model is given of the images that tools return: the image, or words in its place."""

import base64
from datetime import UTC, datetime
from typing import Any

from agent_runner.tool_images import NOT_SEEN, RUN_IMAGE_BYTES_MAX, RunImages
from agent_runner.tool_results import read_result
from contracts.replies import ItemView
from mcp.types import CallToolResult, ImageContent

URL = "data:image/png;base64,iVBORw0KGgo="
CALL = {"type": "function_call", "call_id": "c1", "name": "draw", "arguments": "{}"}


def output(*references: str) -> dict[str, Any]:
    images = [{"type": "input_image", "image_url": reference} for reference in references]
    return {
        "type": "function_call_output",
        "call_id": "c1",
        "output": [{"type": "input_text", "text": "drawn"}, *images],
    }


def drawn(count: int, size: int) -> CallToolResult:
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * (size - 8)).decode()
    return CallToolResult(content=[ImageContent(data=data, mime_type="image/png") for _ in range(count)])


def test_a_model_that_sees_images_gets_those_of_its_run_and_words_for_earlier_ones() -> None:
    images = RunImages(1_000)
    (reference,) = images.add([("msg_1", URL)])
    asked = images.put_in([CALL, output(reference, "natter:msg_of_an_earlier_turn")], model_sees_images=True)
    assert asked[0] == CALL
    parts = asked[1]["output"]
    assert [part.get("image_url") or part["text"] for part in parts] == ["drawn", URL, NOT_SEEN]


def test_a_model_that_sees_none_gets_text_alone() -> None:
    images = RunImages(1_000)
    (reference,) = images.add([("msg_1", URL)])
    asked = images.put_in([output(reference)], model_sees_images=False)
    assert asked[0]["output"] == f"drawn\n{NOT_SEEN}"


def test_what_earlier_attempts_stored_is_there_again() -> None:
    item: dict[str, Any] = {"type": "generated_image", "image": {"id": "msg_1", "url": URL}}
    view = ItemView(
        message_id="msg_1",
        conversation_id="conv_1",
        role="assistant",
        type="generated_image",
        content="",
        item=item,
        position=1,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    asked = RunImages.of([view], 1_000).put_in([output("natter:msg_1")], model_sees_images=True)
    assert asked[0]["output"][1]["image_url"] == URL


def test_a_run_has_so_many_bytes_of_images_and_no_more() -> None:
    size = 200_000
    images = RunImages(size + 1_000)
    first = read_result(drawn(3, size), 20_000, images)
    second = read_result(drawn(5, size), 20_000, images)
    assert len(first.attachments) == 3
    assert len(first.attachments) + len(second.attachments) == RUN_IMAGE_BYTES_MAX // size
    assert str(second.result).count("as many images as it may have") == 3
