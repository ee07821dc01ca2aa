"""Decides the demo model's next act from what it was given: call a tool, or answer in words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from natterkit import DemoCall

from natter_todo.demo.intents import (
    TEXT_CHARACTERS_MAX,
    Add,
    Complete,
    Count,
    Delete,
    ListAll,
    Rename,
    Step,
    names,
    parse,
    position_of,
)

ABOUT = (
    "I am Natter's built-in demo model: a few rules, no real language model. I can add, list, complete, rename and "
    "delete tasks, and count to a number. Set OPENAI_API_KEY to talk to a real model."
)
TOO_LONG = (
    f"I am the demo model, and read messages of up to {TEXT_CHARACTERS_MAX:,} characters. Please write a shorter one."
)
NO_TOOLS = "I am the demo model, and my task tools cannot be reached right now. Please try again in a moment."
TASKS_SHOWN_MAX = 50


@dataclass
class _Done:
    """A call that was made for this message, with its output."""

    name: str
    arguments: Mapping[str, Any]
    output: Any
    is_error: bool


@dataclass
class _Context:
    """What the input holds: the last user's words, the calls made since, and the list that the user saw last."""

    text: str = ""
    done: list[_Done] = field(default_factory=list[_Done])
    tasks: list[dict[str, Any]] | None = None


def plan(items: str | Sequence[Any], tool_names: frozenset[str]) -> list[DemoCall] | str:
    """The calls to make next (in parallel), or the final answer in words. A pure function of the input."""
    context = _read(items)
    if len(context.text) > TEXT_CHARACTERS_MAX:
        return TOO_LONG
    steps = parse(context.text)
    if not steps:
        return ABOUT
    if any(not isinstance(step, Count) for step in steps) and "add_task" not in tool_names:
        return NO_TOOLS
    remaining = list(context.done)
    said: list[str] = []
    for number, step in enumerate(steps):
        outcome = _advance(step, steps[number:], remaining, context)
        if isinstance(outcome, list):
            return outcome
        said.append(outcome)
    return "\n".join(said)


def _advance(step: Step, later: Sequence[Step], remaining: list[_Done], context: _Context) -> list[DemoCall] | str:
    """The calls that a step needs now, or what to say about it; takes the calls that were made for it."""
    if isinstance(step, Count):
        return " ".join(str(number) for number in range(1, step.to + 1)) or "There is nothing to count."
    if isinstance(step, Add):
        if remaining:
            return _said_about_add(step, remaining.pop(0))
        return [DemoCall("add_task", {"title": one.title}) for one in _leading_adds(later)]
    if isinstance(step, ListAll):
        return _said_about_list(remaining.pop(0)) if remaining else [_list_call(step)]
    return _advance_on_one(step, remaining, context)


def _list_call(step: ListAll) -> DemoCall:
    return DemoCall("list_tasks", {} if step.completed is None else {"completed": step.completed})


def _leading_adds(steps: Sequence[Step]) -> list[Add]:
    """Adds that follow one another are called in parallel."""
    adds: list[Add] = []
    for step in steps:
        if not isinstance(step, Add):
            break
        adds.append(step)
    return adds


def _advance_on_one(
    step: Complete | Rename | Delete, remaining: list[_Done], context: _Context
) -> list[DemoCall] | str:
    looked = False
    tasks = context.tasks
    if remaining and remaining[0].name == "list_tasks":
        looked = True
        tasks = _tasks_of(remaining.pop(0).output)
    if remaining:
        return _said_about_one(step, remaining.pop(0))
    task = _find(step.reference, tasks)
    if task is None and not looked:
        return [DemoCall("list_tasks", {})]
    if task is None:
        return f"I found no task “{step.reference}” on your list."
    return [_call_on(step, str(task["task_id"]))]


def _call_on(step: Complete | Rename | Delete, task_id: str) -> DemoCall:
    if isinstance(step, Rename):
        return DemoCall("update_task", {"task_id": task_id, "title": step.title})
    if isinstance(step, Delete):
        return DemoCall("delete_task", {"task_id": task_id})
    if step.completed:
        return DemoCall("complete_task", {"task_id": task_id})
    return DemoCall("update_task", {"task_id": task_id, "completed": False})


def _find(reference: str, tasks: Sequence[Mapping[str, Any]] | None) -> Mapping[str, Any] | None:
    if not tasks:
        return None
    position = position_of(reference, len(tasks))
    if position is not None:
        return tasks[position] if 0 <= position < len(tasks) else None
    exact = [task for task in tasks if str(task["title"]).casefold() == reference.casefold()]
    partial = [task for task in tasks if names(reference, str(task["title"]))]
    found = exact or partial
    # Rather the open one of two with the same name.
    return next((task for task in found if not task["completed"]), found[0] if found else None)


# --- words ---------------------------------------------------------------------------------------------------


def _said_about_add(step: Add, done: _Done) -> str:
    if done.is_error:
        return f"I could not add “{step.title}”: {_error_text(done.output)}"
    return f"Added “{_title_of(done.output) or step.title}” to your list."


def _said_about_list(done: _Done) -> str:
    if done.is_error:
        return f"I could not list your tasks: {_error_text(done.output)}"
    tasks = _tasks_of(done.output)
    if not tasks:
        return "There is nothing on your list."
    lines = [f"You have {len(tasks)} task{'s' if len(tasks) > 1 else ''}:"]
    for number, task in enumerate(tasks[:TASKS_SHOWN_MAX], start=1):
        lines.append(f"{number}. {task['title']}{' (done)' if task['completed'] else ''}")
    if len(tasks) > TASKS_SHOWN_MAX:
        lines.append(f"… and {len(tasks) - TASKS_SHOWN_MAX} more.")
    return "\n".join(lines)


def _said_about_one(step: Complete | Rename | Delete, done: _Done) -> str:
    if done.is_error:
        return f"That did not work: {_error_text(done.output)}"
    title = _title_of(done.output) or step.reference
    if isinstance(step, Rename):
        return f"Renamed it to “{title}”."
    if isinstance(step, Delete):
        return f"Deleted “{title}”."
    return f"Completed “{title}”." if step.completed else f"“{title}” is open again."


def _title_of(output: Any) -> str | None:
    fields = _fields(output)
    title = _fields(fields["task"]).get("title") if "task" in fields else fields.get("title")
    return title if isinstance(title, str) else None


def _error_text(output: Any) -> str:
    return str(_fields(output).get("error", output))[:300]


# --- reading the input ---------------------------------------------------------------------------------------


def _read(items: str | Sequence[Any]) -> _Context:
    if isinstance(items, str):
        return _Context(text=items)
    context = _Context()
    calls: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for item in items:
        kind = item.get("type", "message")
        if kind == "message" and item.get("role") == "user":
            context.text = _text_of(item)
            context.done.clear()
        elif kind == "function_call":
            calls[item["call_id"]] = (item["name"], _arguments(item["arguments"]))
        elif kind == "function_call_output" and item["call_id"] in calls:
            name, arguments = calls[item["call_id"]]
            output = _decoded(item["output"])
            is_error = not isinstance(output, dict) or "error" in output
            context.done.append(_Done(name, arguments, output, is_error))
            _remember(context, name, output, is_error=is_error)
    return context


def _remember(context: _Context, name: str, output: Any, *, is_error: bool) -> None:
    """Keep what the user saw last as the list that "the first one" points into."""
    if is_error:
        return
    if name == "list_tasks":
        context.tasks = _tasks_of(output)
    elif name == "add_task" and context.tasks is not None and isinstance(output.get("task"), dict):
        context.tasks = [*context.tasks, output["task"]]


def _tasks_of(output: Any) -> list[dict[str, Any]]:
    tasks = _fields(output).get("tasks")
    return [task for task in map(_fields, cast("list[Any]", tasks)) if task] if isinstance(tasks, list) else []


def _fields(value: Any) -> dict[str, Any]:
    """A JSON object as it is, anything else as an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text_of(item: Mapping[str, Any]) -> str:
    content = item.get("content", "")
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in map(_fields, content) if part.get("text"))


def _arguments(text: str) -> Mapping[str, Any]:
    return _fields(_decoded(text))


def _decoded(output: Any) -> Any:
    if isinstance(output, list):
        output = "".join(str(part.get("text", "")) for part in map(_fields, cast("list[Any]", output)))
    try:
        return json.loads(output)
    except (TypeError, ValueError):
        return output
