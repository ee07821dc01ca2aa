"""Writes an answer as the events of OpenAI's Responses API (openai.types.responses), with unique ids."""

import json
import time
import uuid
from typing import Any

from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseContentPartAddedEvent,
    ResponseContentPartDoneEvent,
    ResponseCreatedEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseFunctionToolCall,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
    ResponseUsage,
)
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails


class ResponseWriter:
    """One response: messages and function calls in order. Each method returns the events to yield."""

    def __init__(self, *, model: str, input_tokens: int = 0) -> None:
        self._model = model
        self._input_tokens = input_tokens
        self._output: list[ResponseOutputMessage | ResponseFunctionToolCall] = []
        self._sequence = 0
        self._response_id = f"resp_{uuid.uuid4().hex}"
        self._message_id = ""
        self._words: list[str] = []
        self._deltas_count = 0

    def created(self) -> ResponseCreatedEvent:
        return ResponseCreatedEvent(
            type="response.created", sequence_number=self._next(), response=self._response("in_progress")
        )

    def begin_message(self) -> list[Any]:
        self._message_id = f"msg_{uuid.uuid4().hex}"
        self._words = []
        message = ResponseOutputMessage(
            id=self._message_id, type="message", role="assistant", status="in_progress", content=[]
        )
        return [
            ResponseOutputItemAddedEvent(
                type="response.output_item.added",
                output_index=self._output_index,
                sequence_number=self._next(),
                item=message,
            ),
            ResponseContentPartAddedEvent(
                type="response.content_part.added",
                item_id=self._message_id,
                output_index=self._output_index,
                content_index=0,
                sequence_number=self._next(),
                part=_text(""),
            ),
        ]

    def text_delta(self, delta: str) -> ResponseTextDeltaEvent:
        self._words.append(delta)
        self._deltas_count += 1
        # Not validated: there is one per word.
        return ResponseTextDeltaEvent.model_construct(
            type="response.output_text.delta",
            item_id=self._message_id,
            output_index=self._output_index,
            content_index=0,
            sequence_number=self._next(),
            delta=delta,
            logprobs=[],
        )

    def end_message(self) -> list[Any]:
        text = "".join(self._words)
        place: dict[str, Any] = {"item_id": self._message_id, "output_index": self._output_index, "content_index": 0}
        message = ResponseOutputMessage(
            id=self._message_id, type="message", role="assistant", status="completed", content=[_text(text)]
        )
        events: list[Any] = [
            ResponseTextDoneEvent(
                type="response.output_text.done", sequence_number=self._next(), text=text, logprobs=[], **place
            ),
            ResponseContentPartDoneEvent(
                type="response.content_part.done", sequence_number=self._next(), part=_text(text), **place
            ),
            ResponseOutputItemDoneEvent(
                type="response.output_item.done",
                output_index=self._output_index,
                sequence_number=self._next(),
                item=message,
            ),
        ]
        self._output.append(message)
        return events

    def function_call(self, name: str, arguments: dict[str, Any]) -> list[Any]:
        call = ResponseFunctionToolCall(
            id=f"fc_{uuid.uuid4().hex}",
            call_id=f"call_{uuid.uuid4().hex}",
            type="function_call",
            name=name,
            arguments=json.dumps(arguments, ensure_ascii=False),
            status="completed",
        )
        index = self._output_index
        self._output.append(call)
        return [
            ResponseOutputItemAddedEvent(
                type="response.output_item.added", output_index=index, sequence_number=self._next(), item=call
            ),
            ResponseFunctionCallArgumentsDoneEvent(
                type="response.function_call_arguments.done",
                item_id=str(call.id),
                output_index=index,
                sequence_number=self._next(),
                arguments=call.arguments,
            ),
            ResponseOutputItemDoneEvent(
                type="response.output_item.done", output_index=index, sequence_number=self._next(), item=call
            ),
        ]

    def completed(self) -> ResponseCompletedEvent:
        return ResponseCompletedEvent(
            type="response.completed", sequence_number=self._next(), response=self._response("completed")
        )

    @property
    def _output_index(self) -> int:
        return len(self._output)

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _response(self, status: Any) -> Response:
        usage = ResponseUsage(
            input_tokens=self._input_tokens,
            output_tokens=self._deltas_count,
            total_tokens=self._input_tokens + self._deltas_count,
            input_tokens_details=InputTokensDetails(cached_tokens=0, cache_write_tokens=0),
            output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
        )
        return Response(
            id=self._response_id,
            created_at=time.time(),
            model=self._model,
            object="response",
            output=list(self._output),
            parallel_tool_calls=True,
            tool_choice="auto",
            tools=[],
            status=status,
            usage=usage if status == "completed" else None,
        )


def _text(text: str) -> ResponseOutputText:
    return ResponseOutputText(type="output_text", text=text, annotations=[])
