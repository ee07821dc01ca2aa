"""The todos in REST."""

from typing import Annotated

from contracts.commands import AddTask, DeleteTask, UpdateTask
from contracts.queries import GetTask, ListTasks
from fastapi import Query, Response

from auth_edge.http.bodies import NewTask, Task, TaskChange, TaskList
from auth_edge.http.call import UserCall, user_router
from auth_edge.http.documented import problems, with_headers
from auth_edge.http.parameters import (
    AfterParameter,
    LimitParameter,
    OrderParameter,
    SearchParameter,
    TaskIdInPath,
)

router = user_router("tasks")


@router.get("/tasks", summary="List todos")
async def list_tasks(
    call: UserCall,
    limit: LimitParameter = 50,
    after: AfterParameter = None,
    order: OrderParameter = "asc",
    completed: Annotated[bool | None, Query(description="Only those done, or only those open.")] = None,
    q: SearchParameter = None,
) -> TaskList:
    """In the order in which they were added, or the other way round."""
    query = ListTasks(principal=call.principal, limit=limit, after=after, order=order, completed=completed, search=q)
    page = await call.ask(query)
    return TaskList(data=[Task.of(view) for view in page.data], has_more=page.has_more, after=page.after)


@router.post("/tasks", status_code=201, summary="Add a todo", responses={201: with_headers("Location")})
async def add_task(call: UserCall, response: Response, sent: NewTask) -> Task:
    """Adds it at the end of the list; `Location` is where it is."""
    command = AddTask(principal=call.principal, title=sent.title, description=sent.description)
    task = Task.of((await call.ask(command)).task)
    response.headers["Location"] = f"tasks/{task.id}"
    return task


@router.get("/tasks/{task_id}", summary="Get a todo", responses=problems(404))
async def get_task(call: UserCall, task_id: TaskIdInPath) -> Task:
    """One todo of the list."""
    return Task.of((await call.ask(GetTask(principal=call.principal, task_id=task_id))).task)


@router.patch("/tasks/{task_id}", summary="Change a todo", responses=problems(404))
async def update_task(call: UserCall, task_id: TaskIdInPath, sent: TaskChange) -> Task:
    """Changes what is sent; the rest stays as it is."""
    command = UpdateTask(principal=call.principal, task_id=task_id, **sent.model_dump(exclude_none=True))
    return Task.of((await call.ask(command)).task)


@router.delete("/tasks/{task_id}", status_code=204, summary="Delete a todo", responses=problems(404))
async def delete_task(call: UserCall, task_id: TaskIdInPath) -> None:
    """Takes it off the list, for ever."""
    await call.ask(DeleteTask(principal=call.principal, task_id=task_id))
