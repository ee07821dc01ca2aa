"""What a decision says, and how it reads in the conversation; without I/O and without a clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

from contracts.commands import DecideCall
from contracts.errors import Code, TerminalError
from contracts.message import Json
from contracts.waiting import (
    APPROVE,
    APPROVE_ALWAYS,
    DECISION_INPUT,
    DECLINE,
    DONE,
    NO,
    REASON_INPUT,
    YES,
    Form,
    Question,
    Verdict,
    WaitKind,
)
from pydantic import JsonValue

from conversation_store.translate import answered, values_of

REASON_CHARACTERS_MAX = 2_000


@dataclass(frozen=True)
class Settled:
    """What was decided. ``answer``: to a form, by the ids of its questions; or what the page's tool returned."""

    verdict: Verdict
    reason: str | None = None
    answer: JsonValue = None
    remember: bool = False

    def is_like(self, verdict: str, answer: JsonValue) -> bool:
        """Whether an earlier decision said the same. Words beside it do not count."""
        return (self.verdict, self.answer) == (verdict, answer)


def settle(kind: WaitKind, form: Form | None, command: DecideCall) -> Settled:
    """What a REST decision says. Raises TerminalError (invalid_request)."""
    _check_fits(kind, command)
    reason = (command.reason or "").strip() or None
    if command.decision == "decline":
        return Settled("decline", reason)
    if kind == "question":
        if command.answer is None:
            raise _invalid("The answer is missing.", "answer")
        return Settled("approve", reason, check_answers(form, command.answer))
    if kind == "client_tool":
        if not command.has_output:
            raise _invalid("The output is missing.", "output")
        return Settled("approve", reason, command.output)
    if command.decision is None:
        raise _invalid("Say approve or decline.", "decision")
    return Settled("approve", reason, remember=command.remember)


def _check_fits(kind: WaitKind, command: DecideCall) -> None:
    """Nothing is said that this kind has no use for."""
    if command.remember and (kind != "approval" or command.decision != "approve"):
        raise _invalid("Only an approval can be remembered.", "remember")
    if command.answer is not None and kind != "question":
        raise _invalid("No question waits for an answer here.", "answer")
    if command.has_output and kind != "client_tool":
        raise _invalid("No tool of the page waits for its output here.", "output")
    if command.decision == "decline" and (command.answer is not None or command.has_output):
        raise _invalid("Either decline, or answer.", "decision")


def settle_item(kind: WaitKind, form: Form | None, answers: Json, *, skipped: bool) -> Settled:
    """What the answers to a structured input say. A text that is no choice of an approval declines, and is why."""
    if skipped:
        return Settled("decline")
    if kind == "consent":
        return Settled("decline" if values_of(answers.get(DECISION_INPUT))[:1] == [DECLINE] else "approve")
    if kind == "approval":
        said = values_of(answers.get(DECISION_INPUT))[:1]
        reason = "\n".join(values_of(answers.get(REASON_INPUT))).strip()[:REASON_CHARACTERS_MAX] or None
        if said in ([APPROVE], [APPROVE_ALWAYS]):
            return Settled("approve", reason, remember=said == [APPROVE_ALWAYS])
        if said and said != [DECLINE]:
            reason = said[0].strip()[:REASON_CHARACTERS_MAX] or reason
        return Settled("decline", reason)
    given: Json = {}
    for question in form.questions if form else ():
        values = values_of(answers.get(question.id))
        if values:
            given[question.id] = _typed(question, values)
    return Settled("approve", answer=check_answers(form, given))


def _typed(question: Question, values: list[str]) -> JsonValue:
    """ChatKit's texts as the question's type has them."""
    if question.type == "several":
        return list[JsonValue](values)
    if question.type == "confirm":
        return {YES: True, NO: False}.get(values[0], values[0])
    return values[0]


def settled_by(status: str) -> Settled:
    """What the status of a connection says of the runs that wait for it."""
    return Settled("decline" if status == "declined" else "approve")


def check_answers(form: Form | None, answer: Mapping[str, JsonValue]) -> Json:
    """The answers as a tool gets them, None for what may be left out. Raises TerminalError (invalid_request)."""
    questions = form.questions if form else ()
    known = {question.id for question in questions}
    if unknown := sorted(answer.keys() - known):
        raise _invalid("There is no such question.", f"answer.{unknown[0]}")
    return {question.id: _checked(question, answer.get(question.id)) for question in questions}


def _checked(question: Question, value: JsonValue) -> JsonValue:
    field = f"answer.{question.id}"
    if value is None or value in ("", []) or (isinstance(value, str) and not value.strip()):
        if question.is_required:
            raise _invalid("This question wants an answer.", field)
        return None
    if question.type == "confirm":
        if not isinstance(value, bool):
            raise _invalid("Answer yes or no.", field)
        return value
    if question.type == "several":
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise _invalid("Answer with a list of texts.", field)
        chosen = list(dict.fromkeys(cast("list[str]", value)))
        for one in chosen:
            _check_text(question, one, field)
        return list[JsonValue](chosen)
    if not isinstance(value, str):
        raise _invalid("Answer with a text.", field)
    _check_text(question, value, field)
    return value


def _check_text(question: Question, value: str, field: str) -> None:
    if question.type != "text" and value not in question.options and not question.allows_other:
        raise _invalid("This is none of the choices.", field)
    if question.format is not None and not _is_number(value, question.format):
        raise _invalid("This has to be a number.", field)
    if len(value) > question.characters_max:
        raise _invalid(f"An answer has at most {question.characters_max} characters.", field)


def _is_number(value: str, kind: str) -> bool:
    try:
        return isfinite(int(value) if kind == "integer" else float(value))
    except ValueError:
        return False


def _invalid(detail: str, field: str) -> TerminalError:
    return TerminalError(Code.INVALID_REQUEST, detail, field=field)


def item_of(item: Json, kind: WaitKind, settled: Settled) -> Json:
    """The item that asked, as it reads once it is decided."""
    if item.get("type") == "client_tool_call":
        output: JsonValue = settled.answer if settled.verdict == "approve" else {"error": settled.verdict}
        return {**item, "status": "completed", "output": output}
    if kind == "approval" and settled.verdict in ("approve", "decline"):
        said = DECLINE if settled.verdict == "decline" else APPROVE_ALWAYS if settled.remember else APPROVE
        given: Json = {DECISION_INPUT: [said], REASON_INPUT: [settled.reason] if settled.reason else []}
        return answered(item, given, skipped=False)
    if kind == "consent" and settled.verdict in ("approve", "decline"):
        return answered(item, {DECISION_INPUT: [DECLINE if settled.verdict == "decline" else DONE]}, skipped=False)
    if settled.verdict == "approve":
        answer = cast("Json", settled.answer or {})
        return answered(item, {name: _texts(value) for name, value in answer.items()}, skipped=False)
    return answered(item, {}, skipped=True)


def _texts(value: Any) -> list[JsonValue]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [YES if value else NO]
    return list(cast("list[JsonValue]", value)) if isinstance(value, list) else [value]
