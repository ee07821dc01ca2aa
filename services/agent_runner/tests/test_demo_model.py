"""The built-in demo model: it streams words, counts, says what it is, and calls an assistant's tools by plain rules."""

from typing import Any

from agent_runner.demo import DemoModel


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
