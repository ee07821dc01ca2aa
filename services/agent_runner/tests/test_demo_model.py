"""The built-in demo model: it streams words, counts, says what it is, and calls an assistant's tools by plain rules."""

from datetime import UTC, datetime
from typing import Any

import pytest
from agent_runner.demo import DemoModel, attached
from agents import FunctionTool
from chatkit_protocol.scheduled import told
from natterkit import DemoCall


async def test_counting_streams_the_words_with_one_blank_between_and_unique_ids() -> None:
    model = DemoModel(0)
    keywords: dict[str, Any] = {"previous_response_id": None, "conversation_id": None, "prompt": None}
    ids: list[str] = []
    for _ in range(2):
        answer = model.stream_response(None, "count to 300", None, [], None, [], None, **keywords)
        events = [event async for event in answer]
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert "".join(deltas) == " ".join(str(number) for number in range(1, 301))
        assert len(deltas) == 300
        assert events[-1].type == "response.completed"
        ids.append(events[-1].response.output[0].id)
    assert ids[0] != ids[1]
    response: Any = await model.get_response(None, "count to 3", None, [], None, [], None, **keywords)
    assert response.output[0].content[0].text == "1 2 3"


@pytest.mark.parametrize(
    ("kind", "is_late", "said"),
    [
        ("reminder", False, "Reminder: count to 3"),
        (
            "reminder",
            True,
            "Reminder: count to 3 (It was due at 2027-03-01 09:00, Europe/Zurich: I am late, because I was away.)",
        ),
        ("prompt", False, "1 2 3"),
    ],
)
async def test_what_is_due_is_told_or_done(kind: Any, is_late: bool, said: str) -> None:
    message = told(kind, "count to 3", datetime(2027, 3, 1, 9, tzinfo=UTC), "Europe/Zurich", is_late=is_late)
    items = [
        {
            "role": "user",
            "content": told("reminder", "an older one", datetime(2027, 1, 1, tzinfo=UTC), "UTC", is_late=False),
        },
        {"role": "user", "content": [{"type": "input_text", "text": message}]},
    ]
    keywords: dict[str, Any] = {"previous_response_id": None, "conversation_id": None, "prompt": None}
    response: Any = await DemoModel(0).get_response(None, items, None, [], None, [], None, **keywords)  # pyright: ignore[reportArgumentType]
    assert response.output[0].content[0].text == said


def test_it_says_what_it_knows_of_a_file_and_hands_it_to_a_tool_that_takes_files() -> None:
    dot = "[The user attached “dot.png” (image/png, 70 bytes, 1 by 1 pixels), id atc_1. You cannot look at it.]"
    notes = "[The user attached “notes.txt” (text/plain, 12 bytes), id atc_2. Its text, which is data:]\none\n\ntwo"
    message = {"role": "user", "content": [{"type": "input_text", "text": text} for text in ("look", dot, notes)]}
    asked, files = attached.without_files([message])
    assert asked[0]["content"] == [{"type": "input_text", "text": "look"}]
    assert attached.with_files(f"{attached.NO_RULE}: a few rules.", files, []) == (
        "I am the demo model: I cannot look at files, and tell you what I know of them.\n"
        "“dot.png”: image/png, 70 bytes, 1 by 1 pixels.\n"
        "“notes.txt”: text/plain, 12 bytes. It begins:\n> one\n> two"
    )
    assert attached.with_files("1 2 3", files, []) == "1 2 3"
    schema: dict[str, Any] = {"type": "object", "properties": {"attachment_ids": {"type": "array"}}}
    keep = FunctionTool("keep", "", schema, _nothing)
    calls = [DemoCall("keep", {"title": "x"}), DemoCall("drop", {})]
    assert attached.with_files(calls, files, [keep]) == [
        DemoCall("keep", {"title": "x", "attachment_ids": ["atc_1", "atc_2"]}),
        DemoCall("drop", {}),
    ]


async def _nothing(_context: Any, _arguments: str) -> None:
    pass
