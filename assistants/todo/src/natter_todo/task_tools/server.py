"""The task tools as an MCP server: what a model may do with its user's todo list."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import structlog
from actor_kit.bus import Bus
from contracts.commands import AddTask, ClearTasks, DeleteTask, Move, RestoreClearedTasks, RestoreTask, UpdateTask
from contracts.due import Due, known_zone
from contracts.errors import NatterError
from contracts.message import Command, Query, Reply
from contracts.queries import ListTasks
from contracts.replies import TaskView
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, ValidationError

from natter_todo.task_tools.caller import Caller, caller_of

log = structlog.get_logger()
ReplyT = TypeVar("ReplyT", bound=Reply)

VERSION = "1.0.0"
INSTRUCTIONS = (
    "Tools for one user's todo list. A task has a task_id (given by the server), a title, an optional description, a "
    "state (completed or not), and perhaps a date when it is due, and files of the user's. The list has the order "
    "that the user sees: the first "
    "task in it is the one they call the first. List the tasks to learn their ids before you change or delete one. A "
    "deletion can be taken back for ten minutes."
)
LIST_LIMIT_MAX = 100

TaskId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"),
    Field(description="The task's id, as list_tasks or add_task gave it."),
]
TaskTitle = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=2_000)]
AttachmentIds = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]], Field(max_length=10)
]


class WhenDue(BaseModel):
    """When a task is due, in the user's own time."""

    at: Annotated[
        str,
        Field(max_length=40, description="ISO 8601: their local time (2026-12-04T09:00), or a whole day (2026-12-04)."),
    ]
    time_zone: Annotated[str, Field(max_length=100, description="Their IANA time zone, such as Europe/Zurich.")]
    recurrence: Annotated[
        str | None,
        Field(max_length=100, description="If it comes again: FREQ, INTERVAL, BYDAY, as in FREQ=WEEKLY;BYDAY=FR."),
    ] = None


class Place(BaseModel):
    """Where to put a task in the list; other_task_id is the one that before and after are about."""

    to: Literal["first", "last", "before", "after"]
    other_task_id: TaskId | None = None


class TaskDue(BaseModel):
    """When a todo is due: the local time in the zone, or the day alone; how it comes again, as an RRULE."""

    local: str
    zone: str
    all_day: bool
    recurrence: str | None = None


class TaskAttachment(BaseModel):
    """A file that belongs to a todo."""

    attachment_id: str
    name: str
    mime_type: str


class Task(BaseModel):
    """A todo."""

    task_id: str
    title: str
    description: str | None = None
    completed: bool
    due: TaskDue | None = None
    attachments: list[TaskAttachment] = []
    created_at: datetime
    updated_at: datetime


class OneTask(BaseModel):
    """The task as it is now. ``next_task``: it comes again, and this one was added for the next time."""

    task: Task
    next_task: Task | None = None


class TaskList(BaseModel):
    """Tasks, as the user sees them. ``has_more``: there are more; ask again with ``after``."""

    tasks: list[Task]
    has_more: bool
    after: str | None = None


class Deleted(BaseModel):
    """The task is gone; this was its title."""

    task_id: str
    title: str


class Cleared(BaseModel):
    """How many tasks are gone. ``cleared_at``: with it, restore_cleared_tasks brings them back."""

    count: int
    cleared_at: datetime


class Restored(BaseModel):
    """How many tasks are back."""

    count: int


class TaskTools:
    """The tools' functions; each acts for the caller that the transport proves."""

    def __init__(self, bus: Bus, stdio_user_id: str | None) -> None:
        self._bus = bus
        self._stdio_user_id = stdio_user_id

    async def add_task(
        self,
        title: Annotated[TaskTitle, Field(description="What is to be done, in a few words.")],
        context: Context[Any, Any],
        description: Annotated[Description | None, Field(description="Details, if there are any.")] = None,
        due: Annotated[WhenDue | None, Field(description="When it is due, if the user has said so.")] = None,
        attachment_ids: Annotated[
            AttachmentIds | None, Field(description="Ids (atc_…) of files that the user has attached for it.")
        ] = None,
    ) -> OneTask:
        """Add a task on top of the user's todo list."""
        caller = self._caller(context, changes=True)
        return await self._one(
            caller,
            lambda: AddTask(
                principal=caller.principal,
                title=title,
                description=description,
                due=due_of(due),
                attachment_ids=tuple(attachment_ids or ()),
                effect_key=caller.effect_key,
            ),
        )

    async def list_tasks(
        self,
        context: Context[Any, Any],
        completed: Annotated[
            bool | None, Field(description="True: only completed tasks. False: only open ones. Absent: all.")
        ] = None,
        due: Annotated[bool, Field(description="True: only open tasks that have a date, the soonest first.")] = False,
        search: Annotated[str | None, Field(max_length=200, description="Only tasks that contain this text.")] = None,
        limit: Annotated[int, Field(ge=1, le=LIST_LIMIT_MAX, description="How many at most.")] = 50,
        after: Annotated[str | None, Field(max_length=200, description="The cursor of an earlier answer.")] = None,
    ) -> TaskList:
        """List the user's tasks as they see them: open ones first, in their own order."""
        caller = self._caller(context, changes=False)
        query = ListTasks(
            principal=caller.principal,
            sort="list",
            filter="due" if due else None,
            completed=completed,
            search=search,
            limit=limit,
            after=after,
        )
        page = await self._ask(caller, query)
        return TaskList(tasks=[_task(task) for task in page.data], has_more=page.has_more, after=page.after)

    async def complete_task(self, task_id: TaskId, context: Context[Any, Any]) -> OneTask:
        """Mark one of the user's tasks as completed. One that comes again is added for the next time."""
        caller = self._caller(context, changes=True)
        command = UpdateTask(principal=caller.principal, task_id=task_id, completed=True, effect_key=caller.effect_key)
        return await self._one(caller, lambda: command)

    async def update_task(  # noqa: PLR0913, PLR0917  the arguments are the tool's
        self,
        task_id: TaskId,
        context: Context[Any, Any],
        title: Annotated[TaskTitle | None, Field(description="The new title; absent: unchanged.")] = None,
        description: Annotated[Description | None, Field(description="The new details; absent: unchanged.")] = None,
        completed: Annotated[bool | None, Field(description="False reopens a task; absent: unchanged.")] = None,
        due: Annotated[WhenDue | None, Field(description="The new date, as a whole; absent: unchanged.")] = None,
        clear_due: Annotated[bool, Field(description="True: the task is due no more.")] = False,
        move: Annotated[Place | None, Field(description="Its new place in the list; absent: unchanged.")] = None,
        attachment_ids: Annotated[
            AttachmentIds | None, Field(description="All files that it is to have (atc_…); absent: unchanged.")
        ] = None,
    ) -> OneTask:
        """Change a task's title, description, state, date, place or files. What is absent stays as it is."""
        caller = self._caller(context, changes=True)
        return await self._one(
            caller,
            lambda: UpdateTask(
                principal=caller.principal,
                task_id=task_id,
                title=title,
                description=description,
                completed=completed,
                due=due_of(due),
                clear_due=clear_due,
                move=None if move is None else Move(to=move.to, task_id=move.other_task_id),
                attachment_ids=None if attachment_ids is None else tuple(attachment_ids),
                effect_key=caller.effect_key,
            ),
        )

    async def delete_task(self, task_id: TaskId, context: Context[Any, Any]) -> Deleted:
        """Delete one of the user's tasks. For ten minutes restore_task brings it back."""
        caller = self._caller(context, changes=True)
        command = DeleteTask(principal=caller.principal, task_id=task_id, effect_key=caller.effect_key)
        gone = await self._ask(caller, command)
        return Deleted(task_id=gone.task_id, title=gone.title)

    async def clear_completed_tasks(self, context: Context[Any, Any]) -> Cleared:
        """Delete all of the user's tasks that are completed. For ten minutes restore_cleared_tasks brings them back."""
        caller = self._caller(context, changes=True)
        cleared = await self._ask(caller, ClearTasks(principal=caller.principal, effect_key=caller.effect_key))
        return Cleared(count=cleared.count, cleared_at=cleared.cleared_at)

    async def restore_task(self, task_id: TaskId, context: Context[Any, Any]) -> OneTask:
        """Take back the deletion of one of the user's tasks."""
        caller = self._caller(context, changes=True)
        command = RestoreTask(principal=caller.principal, task_id=task_id, effect_key=caller.effect_key)
        return await self._one(caller, lambda: command)

    async def restore_cleared_tasks(
        self,
        cleared_at: Annotated[AwareDatetime, Field(description="As clear_completed_tasks gave it.")],
        context: Context[Any, Any],
    ) -> Restored:
        """Bring back all of the user's tasks that clear_completed_tasks has deleted."""
        caller = self._caller(context, changes=True)
        command = RestoreClearedTasks(principal=caller.principal, cleared_at=cleared_at, effect_key=caller.effect_key)
        return Restored(count=(await self._ask(caller, command)).count)

    async def _one(self, caller: Caller, command: Callable[[], AddTask | UpdateTask | RestoreTask]) -> OneTask:
        with _in_words():
            asked = command()
        reply = await self._ask(caller, asked)
        return OneTask(task=_task(reply.task), next_task=reply.next_task and _task(reply.next_task))

    def _caller(self, context: Context[Any, Any], *, changes: bool) -> Caller:
        return caller_of(context, self._stdio_user_id, changes=changes)

    async def _ask(self, caller: Caller, request: Command[ReplyT] | Query[ReplyT]) -> ReplyT:
        return await _ask(self._bus.request(request, run_token=caller.run_token))


def make_server(bus: Bus, stdio_user_id: str | None = None) -> MCPServer:
    """The MCP server with its tools; the caller chooses the transport."""
    server = MCPServer(
        "natter-task-tools",
        title="Natter's task tools",
        instructions=INSTRUCTIONS,
        version=VERSION,
        log_level="WARNING",
    )
    tools = TaskTools(bus, stdio_user_id)
    changes = {"open_world_hint": False, "read_only_hint": False}
    for function, title, hints in (
        (tools.add_task, "Add a task", {**changes, "destructive_hint": False, "idempotent_hint": False}),
        (tools.list_tasks, "List tasks", {"read_only_hint": True, "open_world_hint": False}),
        (tools.complete_task, "Complete a task", {**changes, "destructive_hint": False, "idempotent_hint": True}),
        (tools.update_task, "Update a task", {**changes, "destructive_hint": True, "idempotent_hint": True}),
        (tools.delete_task, "Delete a task", {**changes, "destructive_hint": True, "idempotent_hint": True}),
        (tools.clear_completed_tasks, "Clear completed tasks", {**changes, "destructive_hint": True}),
        (tools.restore_task, "Restore a task", {**changes, "destructive_hint": False, "idempotent_hint": True}),
        (tools.restore_cleared_tasks, "Restore cleared tasks", {**changes, "destructive_hint": False}),
    ):
        server.add_tool(
            function, title=title, annotations=ToolAnnotations(title=title, **hints), structured_output=True
        )
    return server


def due_of(when: WhenDue | None) -> Due | None:
    """When a task is due, from what a model says. Raises ValueError (pydantic's too), in words for the model."""
    if when is None:
        return None
    zone = known_zone(when.time_zone)
    try:
        at = datetime.fromisoformat(when.at)
    except ValueError:
        raise ValueError("due.at is not in the form of ISO 8601, such as 2026-12-04T09:00 or 2026-12-04") from None
    is_day = len(when.at) <= len("2026-12-04")
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    return Due(at=at, zone=when.time_zone, all_day=is_day, recurrence=when.recurrence)


def _task(view: TaskView) -> Task:
    due = None
    if view.due is not None:
        local = view.due.at.astimezone(known_zone(view.due.zone))
        shown = local.date().isoformat() if view.due.all_day else local.isoformat(timespec="minutes")
        due = TaskDue(local=shown, zone=view.due.zone, all_day=view.due.all_day, recurrence=view.due.recurrence)
    return Task.model_validate({**view.model_dump(exclude={"due"}), "due": due})


@contextmanager
def _in_words() -> Generator[None]:
    """What is wrong with a tool's arguments, as a sentence that the model can act on. Raises ToolError."""
    try:
        yield
    except ValidationError as error:
        raise ToolError(error.errors(include_input=False, include_url=False)[0]["msg"]) from error
    except ValueError as error:
        raise ToolError(str(error)) from error


async def _ask(request: Awaitable[ReplyT]) -> ReplyT:
    """The reply, or a sentence that the model can act on. Raises ToolError."""
    with _in_words():
        try:
            return await request
        except NatterError as error:
            raise ToolError(f"{error.detail} ({error.code})") from error
