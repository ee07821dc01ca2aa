"""The task tools as an MCP server: what a model may do with its user's todo list."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import structlog
from actor_kit.bus import Bus
from contracts.commands import AddTask, DeleteTask, UpdateTask
from contracts.errors import NatterError
from contracts.message import Command, Query, Reply
from contracts.queries import ListTasks
from contracts.replies import TaskView
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from natter_todo.task_tools.caller import Caller, caller_of

log = structlog.get_logger()
ReplyT = TypeVar("ReplyT", bound=Reply)

VERSION = "1.0.0"
INSTRUCTIONS = (
    "Tools for one user's todo list. A task has a task_id (given by the server), a title, an optional description and "
    "a state (completed or not). List the tasks to learn their ids before you complete, update or delete one."
)
LIST_LIMIT_MAX = 100

TaskId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"),
    Field(description="The task's id, as list_tasks or add_task gave it."),
]
TaskTitle = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=2_000)]


class Task(BaseModel):
    """A todo."""

    task_id: str
    title: str
    description: str | None = None
    completed: bool
    created_at: datetime
    updated_at: datetime


class OneTask(BaseModel):
    """The task as it is now."""

    task: Task


class TaskList(BaseModel):
    """Tasks, oldest first. ``has_more``: there are more; ask again with ``after``."""

    tasks: list[Task]
    has_more: bool
    after: str | None = None


class Deleted(BaseModel):
    """The task is gone; this was its title."""

    task_id: str
    title: str


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
    ) -> OneTask:
        """Add a task to the user's todo list."""
        caller = self._caller(context, changes=True)
        command = AddTask(
            principal=caller.principal, title=title, description=description, effect_key=caller.effect_key
        )
        return OneTask(task=_task((await self._ask(caller, command)).task))

    async def list_tasks(
        self,
        context: Context[Any, Any],
        completed: Annotated[
            bool | None, Field(description="True: only completed tasks. False: only open ones. Absent: all.")
        ] = None,
        search: Annotated[str | None, Field(max_length=200, description="Only tasks that contain this text.")] = None,
        limit: Annotated[int, Field(ge=1, le=LIST_LIMIT_MAX, description="How many at most.")] = 50,
        after: Annotated[str | None, Field(max_length=200, description="The cursor of an earlier answer.")] = None,
    ) -> TaskList:
        """List the user's tasks, oldest first."""
        caller = self._caller(context, changes=False)
        query = ListTasks(principal=caller.principal, completed=completed, search=search, limit=limit, after=after)
        page = await self._ask(caller, query)
        return TaskList(tasks=[_task(task) for task in page.data], has_more=page.has_more, after=page.after)

    async def complete_task(self, task_id: TaskId, context: Context[Any, Any]) -> OneTask:
        """Mark one of the user's tasks as completed."""
        caller = self._caller(context, changes=True)
        command = UpdateTask(principal=caller.principal, task_id=task_id, completed=True, effect_key=caller.effect_key)
        return OneTask(task=_task((await self._ask(caller, command)).task))

    async def update_task(
        self,
        task_id: TaskId,
        context: Context[Any, Any],
        title: Annotated[TaskTitle | None, Field(description="The new title; absent: unchanged.")] = None,
        description: Annotated[Description | None, Field(description="The new details; absent: unchanged.")] = None,
        completed: Annotated[bool | None, Field(description="False reopens a task; absent: unchanged.")] = None,
    ) -> OneTask:
        """Change a task's title, description or state. What is absent stays as it is."""
        caller = self._caller(context, changes=True)
        command = UpdateTask(
            principal=caller.principal,
            task_id=task_id,
            title=title,
            description=description,
            completed=completed,
            effect_key=caller.effect_key,
        )
        return OneTask(task=_task((await self._ask(caller, command)).task))

    async def delete_task(self, task_id: TaskId, context: Context[Any, Any]) -> Deleted:
        """Delete one of the user's tasks for good."""
        caller = self._caller(context, changes=True)
        command = DeleteTask(principal=caller.principal, task_id=task_id, effect_key=caller.effect_key)
        gone = await self._ask(caller, command)
        return Deleted(task_id=gone.task_id, title=gone.title)

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
    ):
        server.add_tool(
            function, title=title, annotations=ToolAnnotations(title=title, **hints), structured_output=True
        )
    return server


def _task(view: TaskView) -> Task:
    return Task.model_validate(view.model_dump())


async def _ask(request: Awaitable[ReplyT]) -> ReplyT:
    """The reply, or a sentence that the model can act on. Raises ToolError."""
    try:
        return await request
    except NatterError as error:
        raise ToolError(f"{error.detail} ({error.code})") from error
    except ValidationError as error:
        raise ToolError(error.errors(include_input=False, include_url=False)[0]["msg"]) from error
