"""The built-in demo model: it streams words, counts, says what it is, and calls an assistant's tools by plain rules."""

from datetime import UTC, datetime
from typing import Any

import pytest
from agent_runner.demo import DemoModel
from chatkit_protocol.scheduled import told


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
