"""What a run may wait for a person with: an approval, a question, a tool of the page, a consent."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from contracts.ids import MessageId
from contracts.message import Body, Json
from contracts.text import Text

WaitKind = Literal["approval", "question", "client_tool", "consent"]
Decision = Literal["approve", "decline"]
Verdict = Literal["approve", "decline", "expired", "cancelled"]
"""How a wait ended: by a person, because nobody decided in time, or because the run was stopped."""

CallId = Annotated[Text, Field(min_length=1, max_length=255)]
"""Of a tool's call; of what the call asks, with a number behind it."""
ToolName = Annotated[Text, Field(min_length=1, max_length=255)]
Reason = Annotated[Text, Field(max_length=2_000)]

QUESTIONS_MAX = 20
OPTIONS_MAX = 50
ANSWER_CHARACTERS_MAX = 10_000


class Question(Body):
    """One question of a form. ``options`` are what `choice` and `several` offer; ``allows_other``: any text will do.

    ``format``: what a text has to be.
    """

    id: Annotated[Text, Field(min_length=1, max_length=64)]
    type: Literal["text", "choice", "several", "confirm"]
    question: Annotated[Text, Field(min_length=1, max_length=4_000)]
    description: Annotated[Text, Field(max_length=4_000)] | None = None
    options: Annotated[tuple[Annotated[Text, Field(min_length=1, max_length=500)], ...], Field(max_length=50)] = ()
    allows_other: bool = False
    is_required: bool = True
    format: Literal["number", "integer"] | None = None
    characters_max: Annotated[int, Field(ge=1, le=ANSWER_CHARACTERS_MAX)] = 2_000


class Form(Body):
    """What a person is asked."""

    questions: Annotated[tuple[Question, ...], Field(min_length=1, max_length=QUESTIONS_MAX)]


class PendingCall(Body):
    """A call that waits for a person. ``arguments``: the tool's; ``form``: what a question asks."""

    call_id: CallId
    kind: WaitKind
    tool: ToolName
    arguments: JsonValue = None
    form: Form | None = None
    message_id: MessageId | None = None
    expires_at: datetime | None = None


class DecidedCall(Body):
    """What came of a call that waited. ``answer``: by the ids of the questions, or what a tool of the page returned."""

    call_id: CallId
    kind: WaitKind
    verdict: Verdict
    reason: str | None = None
    answer: JsonValue = None


class CallToDecide(Body):
    """A call that a run is to wait with. ``item``: how people are asked. ``standing_name``: what "always" is for.

    Of a consent ``tool`` is the server; the user's answer there decides it. ``expires_seconds``: sooner than others.
    """

    call_id: CallId
    kind: WaitKind
    tool: ToolName
    arguments: JsonValue = None
    form: Form | None = None
    message_id: MessageId
    item: Json
    standing_name: ToolName | None = None
    expires_seconds: Annotated[int, Field(ge=1)] | None = None


# --- how ChatKit's structured input says it -----------------------------------------------------------------

DECISION_INPUT = "decision"
REASON_INPUT = "reason"
APPROVE = "Approve"
APPROVE_ALWAYS = "Approve always in this conversation"
DECLINE = "Decline"
DONE = "Done"
YES = "Yes"
NO = "No"
