"""An MCP server's question (elicitation) as a form for people, and their answers as its result."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from contracts.text import storable
from contracts.waiting import DecidedCall, Form, Question
from mcp.types import ElicitRequestURLParams, ElicitResult

from agent_runner.waiting import Waits

OPENED = "opened"
"""The one question about an address."""
QUESTION_CHARACTERS_MAX = 3_000


def answer_of(waits: Waits, call_id: str, server: str, params: Any) -> ElicitResult:
    """What the user has answered to the call's n-th question. Raises Asked where they have not yet."""
    form = form_of(server, params)
    decided = waits.decided(call_id, lambda key: waits.question(key, server, form))
    if decided.verdict != "approve":
        return ElicitResult(action="decline" if decided.verdict == "decline" else "cancel")
    if isinstance(params, ElicitRequestURLParams):
        is_opened = cast("Mapping[str, Any]", decided.answer or {}).get(OPENED) is True
        return ElicitResult(action="accept" if is_opened else "decline")
    return ElicitResult(action="accept", content=_content(form, decided))


def form_of(server: str, params: Any) -> Form:
    """The form. Raises pydantic.ValidationError for a schema that cannot be asked."""
    said = storable(f"{server}: {params.message}")[:QUESTION_CHARACTERS_MAX]
    if isinstance(params, ElicitRequestURLParams):
        where = f"{said}\n\nPlease open {storable(params.url)}. Is it done?"
        return Form(questions=(Question(id=OPENED, type="confirm", question=where[:4_000]),))
    schema = cast("Mapping[str, Any]", params.requested_schema)
    properties: Mapping[str, Any] = schema.get("properties") or {}
    required: set[str] = set(schema.get("required") or ())
    if not properties:
        return Form(questions=(Question(id=OPENED, type="confirm", question=said),))
    questions = [_question(name, asked, is_required=name in required) for name, asked in properties.items()]
    questions[0] = questions[0].model_copy(update={"question": f"{said}\n\n{questions[0].question}"[:4_000]})
    return Form(questions=tuple(questions))


def _question(name: str, asked: Mapping[str, Any], *, is_required: bool) -> Question:
    kind = asked.get("type")
    known: dict[str, Any] = {"id": name[:64], "question": str(asked.get("title") or name), "is_required": is_required}
    if asked.get("description"):
        known["description"] = str(asked["description"])
    if kind == "boolean":
        return Question(type="confirm", **known)
    if kind == "array":
        return Question(type="several", options=_options(asked.get("items") or {}), **known)
    options = _options(asked)
    if options:
        return Question(type="choice", options=options, **known)
    return Question(type="text", format=cast("Any", kind) if kind in ("number", "integer") else None, **known)


def _options(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """What an enumeration offers, by the values that the server wants back."""
    listed = schema.get("enum") or [one.get("const") for one in schema.get("oneOf") or schema.get("anyOf") or ()]
    return tuple(str(value) for value in listed if value is not None)


def _content(form: Form, decided: DecidedCall) -> dict[str, Any]:
    """The answers in the types of the server's schema, without those that were left out."""
    answers = cast("Mapping[str, Any]", decided.answer or {})
    formats = {question.id: question.format for question in form.questions}
    numbers: Mapping[str | None, Callable[[Any], Any]] = {"integer": int, "number": float}
    return {
        name: numbers.get(formats.get(name), _as_it_is)(value)
        for name, value in answers.items()
        if value is not None and name != OPENED
    }


def _as_it_is(value: Any) -> Any:
    return value
