"""The todos in REST."""

from datetime import datetime
from typing import Annotated, Self

from contracts.commands import (
    AddTask,
    ClearTasks,
    DeleteTask,
    Move,
    RestoreClearedTasks,
    RestoreTask,
    TaskDescription,
    TaskTitle,
    UpdateTask,
)
from contracts.commands.tasks import ATTACHMENTS_PER_TASK_MAX
from contracts.due import Due, NewDue
from contracts.ids import AttachmentId, TaskId
from contracts.queries import GetTask, ListTasks, TaskFilter, TaskSort
from contracts.replies import TaskCounts, TaskView
from fastapi import Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from auth_edge.http.bodies import Sent
from auth_edge.http.call import UserCall, user_router
from auth_edge.http.documented import problems, with_headers
from auth_edge.http.parameters import AfterParameter, LimitParameter, OrderParameter, SearchParameter, TaskIdInPath

router = user_router("tasks")


class NewTask(Sent):
    """A todo to add."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"title": "buy milk"},
                {"title": "call mum", "due": {"at": "2026-12-04T09:00:00+01:00", "zone": "Europe/Zurich"}},
            ]
        }
    )

    title: TaskTitle
    description: TaskDescription | None = None
    due: NewDue | None = None
    attachment_ids: Annotated[list[AttachmentId], Field(max_length=ATTACHMENTS_PER_TASK_MAX)] = Field(
        default_factory=list
    )


class TaskChange(Sent):
    """What to change of a todo; what is absent stays. Null stays too, but for `due`: that takes the date away."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"completed": True}, {"move": {"to": "first"}}]})

    title: TaskTitle | None = None
    description: TaskDescription | None = None
    completed: bool | None = None
    due: NewDue | None = None
    move: Move | None = None
    attachment_ids: Annotated[list[AttachmentId], Field(max_length=ATTACHMENTS_PER_TASK_MAX)] | None = None


class TaskAttachment(BaseModel):
    """A file of a todo; its bytes are at `attachments/{attachment_id}/content`."""

    attachment_id: AttachmentId
    name: str
    mime_type: str


class Task(BaseModel):
    """A todo. `position`: the smaller the nearer to the top of the list, which shows the open ones first."""

    id: TaskId
    title: str
    description: str | None
    completed: bool
    due: Due | None
    position: float
    attachments: list[TaskAttachment]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, view: TaskView) -> Self:
        return cls(id=view.task_id, **view.model_dump(exclude={"task_id"}))


class TaskList(BaseModel):
    """A page of todos. `counts`, on the first page: of the whole list, whatever was asked for."""

    data: list[Task]
    has_more: bool
    after: str | None
    counts: TaskCounts | None


class ClearedTasks(BaseModel):
    """How many todos were deleted; `cleared_at` names this deletion, to take it back."""

    count: int
    cleared_at: datetime


class ClearingToRestore(Sent):
    """Which clearing to take back."""

    cleared_at: AwareDatetime = Field(strict=False)


class RestoredTasks(BaseModel):
    """How many todos are back."""

    count: int


@router.get("/tasks", summary="List todos")
async def list_tasks(  # noqa: PLR0913, PLR0917  the parameters of the query
    call: UserCall,
    limit: LimitParameter = 50,
    after: AfterParameter = None,
    order: OrderParameter = "asc",
    completed: Annotated[bool | None, Query(description="Only those done, or only those open.")] = None,
    filter: Annotated[  # noqa: A002  the name of the parameter
        TaskFilter | None, Query(description="Only the open ones, those of them that have a date, or those done.")
    ] = None,
    sort: Annotated[
        TaskSort,
        Query(description="As they were created, by `order`; or as the list is seen: open first, each by hand."),
    ] = "created",
    q: SearchParameter = None,
) -> TaskList:
    """In the order in which they were added, or the other way round; with `sort=list` as the pages and the assistant
    show them, which is by their dates for `filter=due`.
    """
    query = ListTasks(
        principal=call.principal,
        limit=limit,
        after=after,
        order=order,
        sort=sort,
        completed=completed,
        filter=filter,
        search=q,
    )
    page = await call.ask(query)
    data = [Task.of(view) for view in page.data]
    return TaskList(data=data, has_more=page.has_more, after=page.after, counts=page.counts)


@router.post(
    "/tasks", status_code=201, summary="Add a todo", responses={201: with_headers("Location"), **problems(404)}
)
async def add_task(call: UserCall, response: Response, sent: NewTask) -> Task:
    """Adds it on top of the list; `Location` is where it is."""
    command = AddTask(
        principal=call.principal,
        title=sent.title,
        description=sent.description,
        due=sent.due,
        attachment_ids=tuple(sent.attachment_ids),
    )
    task = Task.of((await call.ask(command)).task)
    response.headers["Location"] = f"tasks/{task.id}"
    return task


@router.post("/tasks/clear", summary="Clear completed todos")
async def clear_tasks(call: UserCall) -> ClearedTasks:
    """Deletes all that are completed. `POST tasks/restore` takes that back, for ten minutes."""
    cleared = await call.ask(ClearTasks(principal=call.principal))
    return ClearedTasks(count=cleared.count, cleared_at=cleared.cleared_at)


@router.post("/tasks/restore", summary="Take a clearing back")
async def restore_cleared_tasks(call: UserCall, sent: ClearingToRestore) -> RestoredTasks:
    """Brings back all todos that were cleared together; none where that is more than ten minutes ago."""
    restored = await call.ask(RestoreClearedTasks(principal=call.principal, cleared_at=sent.cleared_at))
    return RestoredTasks(count=restored.count)


@router.get("/tasks/{task_id}", summary="Get a todo", responses=problems(404))
async def get_task(call: UserCall, task_id: TaskIdInPath) -> Task:
    """One todo of the list."""
    return Task.of((await call.ask(GetTask(principal=call.principal, task_id=task_id))).task)


@router.patch("/tasks/{task_id}", summary="Change a todo", responses=problems(404))
async def update_task(call: UserCall, task_id: TaskIdInPath, sent: TaskChange) -> Task:
    """Changes what is sent; the rest stays as it is. To complete one that comes again adds the next one."""
    changes = sent.model_dump(exclude_none=True)
    if sent.attachment_ids is not None:
        changes["attachment_ids"] = tuple(sent.attachment_ids)
    clear_due = "due" in sent.model_fields_set and sent.due is None
    command = UpdateTask(principal=call.principal, task_id=task_id, clear_due=clear_due, **changes)
    return Task.of((await call.ask(command)).task)


@router.delete("/tasks/{task_id}", status_code=204, summary="Delete a todo", responses=problems(404))
async def delete_task(call: UserCall, task_id: TaskIdInPath) -> None:
    """Takes it off the list. `POST tasks/{task_id}/restore` takes that back, for ten minutes."""
    await call.ask(DeleteTask(principal=call.principal, task_id=task_id))


@router.post("/tasks/{task_id}/restore", summary="Restore a todo", responses=problems(404))
async def restore_task(call: UserCall, task_id: TaskIdInPath) -> Task:
    """Brings back a todo that was deleted within ten minutes; one that is there stays as it is."""
    return Task.of((await call.ask(RestoreTask(principal=call.principal, task_id=task_id))).task)
