"""How much one ChatKit request may hold: checked on the plain JSON, before anything is built from it.

The body's size alone is no bound on its cost: 800 KB of empty content parts took the edge and the store a second,
which every other user waited for.
"""

import json
from typing import Any, Final, cast

from contracts.errors import Code, TerminalError

CONTENT_PARTS_MAX: Final = 100
CONTENT_PART_CHARACTERS_MAX: Final = 80 * 1024
"""Of one part as JSON: a text of 32,000 characters has room, also if each is a quotation mark that is escaped."""
INFERENCE_OPTIONS_CHARACTERS_MAX: Final = 4 * 1024
METADATA_CHARACTERS_MAX: Final = 4 * 1024
ANSWERS_CHARACTERS_MAX: Final = 64 * 1024
CLIENT_TOOL_RESULT_CHARACTERS_MAX: Final = 256 * 1024
ACTION_CHARACTERS_MAX: Final = 64 * 1024


def check_bounds(request: Any) -> None:
    """Check a decoded ChatKit request. Raises TerminalError (`invalid_request`) with the field that holds too much.

    What is missing or of another type passes: its shape is checked afterwards.
    """
    params = _member(request, "params")
    sent = _member(params, "input")
    content = _member(sent, "content")
    if isinstance(content, list):
        parts = cast("list[Any]", content)
        if len(parts) > CONTENT_PARTS_MAX:
            detail = f"A message has at most {CONTENT_PARTS_MAX} parts."
            raise TerminalError(Code.INVALID_REQUEST, detail, field="params.input.content")
        for number, part in enumerate(parts):
            _check_length(part, CONTENT_PART_CHARACTERS_MAX, f"params.input.content.{number}")
    _check_length(_member(request, "metadata"), METADATA_CHARACTERS_MAX, "metadata")
    _check_length(_member(params, "metadata"), METADATA_CHARACTERS_MAX, "params.metadata")
    _check_length(
        _member(sent, "inference_options"), INFERENCE_OPTIONS_CHARACTERS_MAX, "params.input.inference_options"
    )
    _check_length(_member(sent, "answers"), ANSWERS_CHARACTERS_MAX, "params.input.answers")
    _check_length(_member(params, "action"), ACTION_CHARACTERS_MAX, "params.action")
    _check_length(_member(params, "result"), CLIENT_TOOL_RESULT_CHARACTERS_MAX, "params.result")


def _member(value: Any, name: str) -> Any:
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


def _check_length(value: Any, characters_max: int, field: str) -> None:
    if value is not None and len(json.dumps(value, ensure_ascii=False)) > characters_max:
        raise TerminalError(Code.INVALID_REQUEST, f"At most {characters_max} characters of JSON.", field=field)
