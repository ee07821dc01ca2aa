"""Commands about the assistants that runners serve."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.assistants import ASSISTANTS_MAX, AssistantCard
from contracts.message import Command
from contracts.replies import Done


class RegisterAssistants(Command[Done]):
    """Tell what the assistants that a runner serves look like; a later card replaces an earlier one.

    A runner says it at its start. Who may be written to is the operator's choice, not a runner's.
    """

    subject_template: ClassVar[str] = "command.conversation_store.register_assistants"
    cards: Annotated[tuple[AssistantCard, ...], Field(min_length=1, max_length=ASSISTANTS_MAX)]
