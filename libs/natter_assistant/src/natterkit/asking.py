"""What a tool may ask a person in the middle of its call: questions, and what only their page can do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Text:
    """A question that is answered in words; a `str`."""

    question: str
    id: str | None = None
    description: str | None = None
    required: bool = True
    characters_max: int = 2_000


@dataclass(frozen=True)
class Choice:
    """A question with one of several answers; a `str`. ``allows_other``: or any other text."""

    question: str
    options: Sequence[str]
    id: str | None = None
    description: str | None = None
    required: bool = True
    allows_other: bool = False


@dataclass(frozen=True)
class Several:
    """A question with any number of several answers; a `list` of texts."""

    question: str
    options: Sequence[str]
    id: str | None = None
    description: str | None = None
    required: bool = True
    allows_other: bool = False


@dataclass(frozen=True)
class Confirm:
    """Yes or no; a `bool`."""

    question: str
    id: str | None = None
    description: str | None = None
    required: bool = True


Question = Text | Choice | Several | Confirm
KINDS: Mapping[type[Question], Literal["text", "choice", "several", "confirm"]] = {
    Text: "text",
    Choice: "choice",
    Several: "several",
    Confirm: "confirm",
}


@dataclass(frozen=True)
class Form:
    """Several questions at once, answered together: a `dict` by their ids, which by default are q1, q2, …"""

    questions: Sequence[Question]


@dataclass(frozen=True)
class Request:
    """What a call waits for. ``questions``: by their ids, for a question; ``arguments``: for a tool of the page."""

    kind: Literal["question", "client_tool"]
    name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    questions: Mapping[str, Question] = field(default_factory=dict[str, Question])


class NotAnsweredError(Exception):
    """Nobody answered. ``why``: `declined` or `expired`; ``reason``: what the person said to it."""

    def __init__(self, why: Literal["declined", "expired"], reason: str | None = None) -> None:
        said = f": {reason}" if reason else "."
        super().__init__(f"The user declined to answer{said}" if why == "declined" else "Nobody answered in time.")
        self.why = why
        self.reason = reason


def request_of(asked: Form | Question) -> Request:
    """The request for a form, or for one question. Raises ValueError: without questions, or with an id twice."""
    questions = asked.questions if isinstance(asked, Form) else [asked]
    by_id = {question.id or f"q{number}": question for number, question in enumerate(questions, 1)}
    if not by_id or len(by_id) != len(questions):
        raise ValueError("A form has at least one question, and each has an id of its own.")
    return Request("question", questions=by_id)
