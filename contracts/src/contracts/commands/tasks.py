"""Commands about todos."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.identity import Principal
from contracts.ids import RunId, TaskId
from contracts.message import Body, Command
from contracts.replies import (
    TaskDeleted,
    TaskReply,
)
from contracts.text import Text, Title

TaskTitle = Title
TaskDescription = Annotated[Text, Field(max_length=2_000)]


class EffectKey(Body):
    """What makes a tool's effect happen once: the run and the call that asked for it."""

    run_id: RunId
    call_id: Annotated[str, Field(min_length=1, max_length=255)]


class AddTask(Command[TaskReply]):
    """Add a todo; once for each effect key."""

    subject_template: ClassVar[str] = "command.conversation_store.add_task"
    principal: Principal
    title: TaskTitle
    description: TaskDescription | None = None
    effect_key: EffectKey | None = None


class UpdateTask(Command[TaskReply]):
    """Change a todo; what is absent stays."""

    subject_template: ClassVar[str] = "command.conversation_store.update_task"
    principal: Principal
    task_id: TaskId
    title: TaskTitle | None = None
    description: TaskDescription | None = None
    completed: bool | None = None
    effect_key: EffectKey | None = None


class DeleteTask(Command[TaskDeleted]):
    """Delete a todo."""

    subject_template: ClassVar[str] = "command.conversation_store.delete_task"
    principal: Principal
    task_id: TaskId
    effect_key: EffectKey | None = None
