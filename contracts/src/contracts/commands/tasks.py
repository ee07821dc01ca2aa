"""Commands about todos."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from contracts.due import NewDue
from contracts.identity import Principal
from contracts.ids import AttachmentId, RunId, TaskId
from contracts.message import Body, Command
from contracts.replies import (
    TaskDeleted,
    TaskReply,
    TasksCleared,
    TasksRestored,
)
from contracts.text import Text, Title

TaskTitle = Title
TaskDescription = Annotated[Text, Field(max_length=2_000)]


ATTACHMENTS_PER_TASK_MAX = 10
TaskAttachments = Annotated[tuple[AttachmentId, ...], Field(max_length=ATTACHMENTS_PER_TASK_MAX)]


class EffectKey(Body):
    """What makes a tool's effect happen once: the run and the call that asked for it."""

    run_id: RunId
    call_id: Annotated[str, Field(min_length=1, max_length=255)]


class AddTask(Command[TaskReply]):
    """Add a todo, on top of the list; once for each effect key. ``attachment_ids``: files of the user's own.

    Errors: forbidden, not_found, attachment_unfinished (of an attachment), quota_exceeded.
    """

    subject_template: ClassVar[str] = "command.conversation_store.add_task"
    principal: Principal
    title: TaskTitle
    description: TaskDescription | None = None
    due: NewDue | None = None
    attachment_ids: TaskAttachments = ()
    effect_key: EffectKey | None = None


class Move(Body):
    """Where to put a todo in the list: first, last, or beside another one."""

    to: Literal["first", "last", "before", "after"]
    task_id: TaskId | None = None

    @model_validator(mode="after")
    def _name_the_other(self) -> Self:
        if (self.task_id is None) != (self.to in ("first", "last")):
            raise ValueError("before and after name the other todo, first and last do not")
        return self


class UpdateTask(Command[TaskReply]):
    """Change a todo; what is absent stays. ``clear_due``: it is due no more. ``attachment_ids``: all that it has then.

    To complete one that comes again adds the next one; to open it again takes that back, if nobody has touched it.
    """

    subject_template: ClassVar[str] = "command.conversation_store.update_task"
    principal: Principal
    task_id: TaskId
    title: TaskTitle | None = None
    description: TaskDescription | None = None
    completed: bool | None = None
    due: NewDue | None = None
    clear_due: bool = False
    move: Move | None = None
    attachment_ids: TaskAttachments | None = None
    effect_key: EffectKey | None = None


class DeleteTask(Command[TaskDeleted]):
    """Delete a todo. For some minutes it can be restored."""

    subject_template: ClassVar[str] = "command.conversation_store.delete_task"
    principal: Principal
    task_id: TaskId
    effect_key: EffectKey | None = None


class ClearTasks(Command[TasksCleared]):
    """Delete all todos that are completed. For some minutes they can be restored."""

    subject_template: ClassVar[str] = "command.conversation_store.clear_tasks"
    principal: Principal
    effect_key: EffectKey | None = None


class RestoreTask(Command[TaskReply]):
    """Take back the deletion of a todo; one that is there stays as it is."""

    subject_template: ClassVar[str] = "command.conversation_store.restore_task"
    principal: Principal
    task_id: TaskId
    effect_key: EffectKey | None = None


class RestoreClearedTasks(Command[TasksRestored]):
    """Take back a clearing: all todos that were cleared at that moment. None where that is too long ago."""

    subject_template: ClassVar[str] = "command.conversation_store.restore_cleared_tasks"
    principal: Principal
    cleared_at: AwareDatetime
    effect_key: EffectKey | None = None
