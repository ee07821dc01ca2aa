"""Commands about messages that could not be handled."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.message import Command
from contracts.replies import DeadLetterReplayed


class ReplayDeadLetter(Command[DeadLetterReplayed]):
    """Send a dead letter again to whom it was for, and take it out of the dead letters."""

    subject_template: ClassVar[str] = "command.conversation_store.replay_dead_letter"
    sequence: Annotated[int, Field(ge=1)]
