"""A model behind OpenAI's Responses API that answers the phrases of script.py: Natter's runner asks it over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from agent_runner.demo.responses import ResponseWriter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.e2e.element import script
from tests.e2e.element.corpus import CORPUS
from tests.openai_server import Answer, OpenaiServer, frame, sse, text, tool

THOUGHT = "The person wants **tea**."
CITATIONS = (
    {"type": "url_citation", "url": "https://example.com/journal", "title": "Tea journal", "start_index": 0},
    {"type": "file_citation", "file_id": "file_1", "filename": "Notes", "index": 3},
)
FAULTS = {
    "fail": Answer(failed_event_code="server_error"),
    "crash": text("half ", "an answer", malformed_after_words=1),
}
CUT_OFF = text("Once upon a", finish_reason="length")
CALLS = {
    "tools": Answer(calls=(("add", {"title": "milk"}), ("find", {"title": "eggs"}))),
    "wait": tool("wait"),
    "picture": tool("draw"),
    "show the form": tool("show_form"),
    "hostile": Answer(calls=tuple(("echo", {"title": text}) for text in CORPUS)),
}
AFTER_CALLS = {
    "tools": "Milk is on the list.",
    "picture": "There it is.",
    "show the form": "Please fill it in.",
    "Continue": "time.",
}
ADD_TASK = "add a task: "


@dataclass
class ScriptedModel(OpenaiServer):
    """One answer for each phrase; a word every ``word_delay_seconds``."""

    word_delay_seconds: float = script.WORD_DELAY_SECONDS

    async def _responses(self, request: Request) -> Response:
        body = await request.json()
        phrase, has_outputs = read_input(body["input"])
        if not body.get("stream"):
            return JSONResponse(message(phrase.removeprefix("title ")))
        return StreamingResponse(self._events(phrase, has_outputs), media_type="text/event-stream")

    async def _events(self, phrase: str, has_outputs: bool) -> AsyncIterator[str]:
        if phrase in FAULTS:
            events = self._response_events(FAULTS[phrase])
        elif phrase == "long story":
            events = self._told(CUT_OFF, is_sealed=False)
        elif phrase.startswith(ADD_TASK) and not has_outputs:
            events = self._response_events(tool("add_task", title=phrase.removeprefix(ADD_TASK)))
        elif phrase in CALLS and not has_outputs:
            events = self._response_events(CALLS[phrase])
        elif phrase == "hostile":
            events = hostile_messages()
        elif phrase == "sources":
            events = self._with_citations("Tea is warm.")
        elif phrase == "reason":
            events = self._with_thought("Tea it is.")
        else:
            words = script.words_of(AFTER_CALLS.get(phrase) or script.plain_answer(phrase))
            delay = script.delay_of(phrase, self.word_delay_seconds)
            events = self._response_events(text(*words, word_delay_seconds=delay))
        async for event in events:
            yield event

    async def _with_citations(self, answer: str) -> AsyncIterator[str]:
        async for event in self._response_events(text(answer)):
            if '"response.output_text.done"' in event:
                for index, citation in enumerate(CITATIONS):
                    place = {"item_id": "msg", "output_index": 0, "content_index": 0, "annotation_index": index}
                    yield sse(
                        {
                            "type": "response.output_text.annotation.added",
                            "sequence_number": 90 + index,
                            "annotation": {**citation, "end_index": 3},
                            **place,
                        }
                    )
            yield event

    async def _with_thought(self, answer: str) -> AsyncIterator[str]:
        item = {"type": "reasoning", "id": "rs_1", "summary": []}
        place = {"item_id": "rs_1", "output_index": 0, "summary_index": 0, "sequence_number": 90}
        async for event in self._response_events(text(answer)):
            if '"response.output_item.added"' in event:
                yield sse({"type": "response.output_item.added", **place, "item": item})
                yield sse({"type": "response.reasoning_summary_text.delta", **place, "delta": THOUGHT})
                yield sse({"type": "response.reasoning_summary_text.done", **place, "text": THOUGHT})
                await asyncio.sleep(script.MOMENT_SECONDS)
            yield event


async def hostile_messages() -> AsyncIterator[str]:
    """The corpus, each text as a message of its own."""
    writer = ResponseWriter(model="scripted")
    yield frame(writer.created())
    for hostile in CORPUS:
        for event in writer.begin_message():
            yield frame(event)
        yield frame(writer.text_delta(hostile))
        for event in writer.end_message():
            yield frame(event)
    yield frame(writer.completed())


def message(answer: str) -> dict[str, Any]:
    """A whole response with one message."""
    writer = ResponseWriter(model="scripted")
    writer.begin_message()
    writer.text_delta(answer)
    writer.end_message()
    return writer.completed().response.model_dump(mode="json")


def read_input(given: str | list[dict[str, Any]]) -> tuple[str, bool]:
    """The user's last words, and whether the tools that they needed have been called."""
    if isinstance(given, str):
        return given, False
    phrase, outputs = "say nothing", []
    for item in given:
        if item.get("role") == "user":
            phrase, outputs = words(item["content"]), []
        elif item.get("type") == "function_call_output":
            outputs.append(item["output"])
    if outputs and phrase == "client tool":
        return f"say The tool said {json.dumps(json.loads(outputs[-1]))}", True
    return phrase, bool(outputs)


def words(content: str | list[dict[str, Any]]) -> str:
    """The text of a message."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
