"""What the demo model says about what its tools have answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from natter_todo.demo.intents import Add, Clear, Complete, Delete, ListAll, Move, OnOne, Rename, Undo

TASKS_SHOWN_MAX = 50


@dataclass
class Done:
    """A call that was made for this message, with its output."""

    name: str
    arguments: Mapping[str, Any]
    output: Any
    is_error: bool


def said_about(step: Add | ListAll | Clear | Undo, done: Done, now: datetime) -> str:
    if isinstance(step, Add):
        return _said_about_add(step, done, now)
    if isinstance(step, ListAll):
        return _said_about_list(step, done, now)
    return _said_about_clear(done) if isinstance(step, Clear) else _said_about_undo(done)


def _said_about_add(step: Add, done: Done, now: datetime) -> str:
    if done.is_error:
        return f"I could not add “{step.title}”: {_error_text(done.output)}"
    return f"Added “{_title_of(done.output) or step.title}” to your list{_said_due(task_of(done.output), now)}."


def _said_about_list(step: ListAll, done: Done, now: datetime) -> str:
    if done.is_error:
        return f"I could not list your tasks: {_error_text(done.output)}"
    tasks = tasks_of(done.output)
    if not tasks:
        return "Nothing is due." if step.due else "There is nothing on your list."
    lines = [f"You have {len(tasks)} task{'s' if len(tasks) > 1 else ''}{' with a date' if step.due else ''}:"]
    for number, task in enumerate(tasks[:TASKS_SHOWN_MAX], start=1):
        lines.append(f"{number}. {task['title']}{_said_due(task, now)}{' (done)' if task['completed'] else ''}")
    if len(tasks) > TASKS_SHOWN_MAX:
        lines.append(f"… and {len(tasks) - TASKS_SHOWN_MAX} more.")
    return "\n".join(lines)


def _said_about_clear(done: Done) -> str:
    if done.is_error:
        return f"That did not work: {_error_text(done.output)}"
    count = fields_of(done.output).get("count", 0)
    return f"Cleared {count} completed task{'s' if count != 1 else ''}." if count else "No task is completed."


def _said_about_undo(done: Done) -> str:
    if done.is_error:
        return f"That did not work: {_error_text(done.output)}"
    title = _title_of(done.output)
    return f"“{title}” is back." if title else f"{fields_of(done.output).get('count', 0)} tasks are back."


def _said_due(task: Mapping[str, Any], now: datetime) -> str:
    """When a task is due, in the local time that the tools tell; the year where it is another one."""
    due = fields_of(task.get("due"))
    if not due:
        return ""
    at = datetime.fromisoformat(due["local"])
    year = f" {at.year}" if at.year != now.year else ""
    hour = "" if due["all_day"] else f" at {at:%H:%M}"
    zone = "" if due["zone"] == str(now.tzinfo) or due["all_day"] else f" ({due['zone']})"
    again = ", and comes again" if due.get("recurrence") else ""
    return f", due {at:%A}, {at.day} {at:%B}{year}{hour}{zone}{again}"


def said_about_one(step: OnOne, done: Done, now: datetime) -> str:
    if done.is_error:
        return f"That did not work: {_error_text(done.output)}"
    title, task = _title_of(done.output) or step.reference, task_of(done.output)
    if isinstance(step, Complete):
        return _said_about_completed(step, title, fields_of(fields_of(done.output).get("next_task")), now)
    if isinstance(step, Rename):
        return f"Renamed it to “{title}”."
    if isinstance(step, Delete):
        return f"Deleted “{title}”."
    if isinstance(step, Move):
        return f"Moved “{title}”."
    return f"“{title}” is{_said_due(task, now).removeprefix(',') or ' due no more'}."


def _said_about_completed(step: Complete, title: str, next_task: Mapping[str, Any], now: datetime) -> str:
    if not step.completed:
        return f"“{title}” is open again."
    again = f" The next one is{_said_due(next_task, now).removeprefix(',')}." if next_task else ""
    return f"Completed “{title}”.{again}"


def _title_of(output: Any) -> str | None:
    fields = fields_of(output)
    title = fields_of(fields["task"]).get("title") if "task" in fields else fields.get("title")
    return title if isinstance(title, str) else None


def task_of(output: Any) -> dict[str, Any]:
    return fields_of(fields_of(output).get("task"))


def _error_text(output: Any) -> str:
    return str(fields_of(output).get("error", output))[:300]


def tasks_of(output: Any) -> list[dict[str, Any]]:
    tasks = fields_of(output).get("tasks")
    return [task for task in map(fields_of, cast("list[Any]", tasks)) if task] if isinstance(tasks, list) else []


def fields_of(value: Any) -> dict[str, Any]:
    """A JSON object as it is, anything else as an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
