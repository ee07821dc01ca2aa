"""Tasks."""

from datetime import datetime

from contracts.due import Due
from contracts.ids import (
    AttachmentId,
    TaskId,
)
from contracts.message import Body, Reply


class TaskAttachment(Body):
    """A file that belongs to a todo."""

    attachment_id: AttachmentId
    name: str
    mime_type: str


class TaskView(Body):
    """A todo. ``position``: where it is in the list, the smallest first; of two lists no more can be said."""

    task_id: TaskId
    title: str
    description: str | None = None
    completed: bool
    due: Due | None = None
    position: float = 0
    attachments: tuple[TaskAttachment, ...] = ()
    created_at: datetime
    updated_at: datetime


class TaskCounts(Body):
    """How many todos a user has. ``due``: those of the open ones that have a date."""

    open: int
    done: int
    due: int


class TaskReply(Reply):
    """One todo. ``replayed``: the same effect was there already and was not repeated.

    ``next_task``: the one that was added because this one comes again and was completed.
    """

    task: TaskView
    next_task: TaskView | None = None
    replayed: bool = False


class TaskPage(Reply):
    """Todos in the order asked for. ``counts``, on the first page: of the whole list, whatever was asked for."""

    data: tuple[TaskView, ...]
    has_more: bool
    after: str | None = None
    counts: TaskCounts | None = None


class TaskDeleted(Reply):
    """The todo was deleted. ``title``: its last one, to tell the user what was deleted."""

    task_id: TaskId
    title: str
    replayed: bool = False


class TasksCleared(Reply):
    """How many todos were deleted, and the moment by which that can be taken back."""

    count: int
    cleared_at: datetime
    replayed: bool = False


class TasksRestored(Reply):
    """How many deleted todos are back."""

    count: int
    replayed: bool = False
