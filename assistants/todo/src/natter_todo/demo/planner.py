"""Decides the demo model's next act from what it was given: call a tool, or answer in words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from natterkit import Context as RunContext
from natterkit import DemoCall

from natter_todo.demo.intents import (
    IT,
    TEXT_CHARACTERS_MAX,
    Add,
    Clear,
    Count,
    Delete,
    ListAll,
    Move,
    OnOne,
    Rename,
    Schedule,
    Step,
    Undo,
    names,
    parse,
    position_of,
)
from natter_todo.demo.when import When
from natter_todo.demo.words import Done, fields_of, said_about, said_about_one, task_of, tasks_of

ABOUT = (
    "I am Natter's built-in demo model: a few rules, no real language model. I can add, list, complete, rename, "
    "schedule, move and delete tasks, and count to a number. Set OPENAI_API_KEY to talk to a real model."
)
TOO_LONG = (
    f"I am the demo model, and read messages of up to {TEXT_CHARACTERS_MAX:,} characters. Please write a shorter one."
)
NO_TOOLS = "I am the demo model, and my task tools cannot be reached right now. Please try again in a moment."


@dataclass
class _Context:
    """What the input holds: the last user's words, the calls made since, and the list that the user saw last.

    ``touched``: the task that was spoken of last; ``deletion``: the call that takes the last deletion back.
    """

    text: str = ""
    done: list[Done] = field(default_factory=list[Done])
    tasks: list[dict[str, Any]] | None = None
    touched: dict[str, Any] | None = None
    deletion: DemoCall | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def plan(items: str | Sequence[Any], tool_names: frozenset[str], now: datetime | None = None) -> list[DemoCall] | str:
    """The calls to make next (in parallel), or the final answer in words. A pure function of the input and the time.

    ``now``: in the user's time zone; absent: as the run says that this is part of.
    """
    context = _read(items)
    context.now = now or _now()
    if len(context.text) > TEXT_CHARACTERS_MAX:
        return TOO_LONG
    steps = parse(context.text, context.now)
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


def _advance(step: Step, later: Sequence[Step], remaining: list[Done], context: _Context) -> list[DemoCall] | str:
    """The calls that a step needs now, or what to say about it; takes the calls that were made for it."""
    if isinstance(step, Count):
        return " ".join(str(number) for number in range(1, step.to + 1)) or "There is nothing to count."
    if not isinstance(step, Add | ListAll | Clear | Undo):
        return _advance_on_one(step, remaining, context)
    if remaining:
        return said_about(step, remaining.pop(0), context.now)
    if isinstance(step, Add):
        return [_add_call(one, context.now) for one in _leading_adds(later)]
    if isinstance(step, Undo):
        return [context.deletion] if context.deletion else "There is nothing that I could take back."
    return [DemoCall("clear_completed_tasks", {}) if isinstance(step, Clear) else _list_call(step)]


def _now() -> datetime:
    """The time, in the time zone of the user for whom the demo model is asked."""
    try:
        return RunContext.current().now
    except LookupError:
        return datetime.now(UTC)


def _add_call(step: Add, now: datetime) -> DemoCall:
    due = {} if step.when is None else {"due": _due(step.when, now)}
    return DemoCall("add_task", {"title": step.title, **due})


def _due(when: When, now: datetime) -> dict[str, Any]:
    due = {"at": when.at, "time_zone": str(now.tzinfo)}
    return due if when.recurrence is None else {**due, "recurrence": when.recurrence}


def _list_call(step: ListAll) -> DemoCall:
    if step.due:
        return DemoCall("list_tasks", {"due": True})
    return DemoCall("list_tasks", {} if step.completed is None else {"completed": step.completed})


def _leading_adds(steps: Sequence[Step]) -> list[Add]:
    """Adds that follow one another are called in parallel."""
    adds: list[Add] = []
    for step in steps:
        if not isinstance(step, Add):
            break
        adds.append(step)
    return adds


def _advance_on_one(step: OnOne, remaining: list[Done], context: _Context) -> list[DemoCall] | str:
    looked = False
    tasks = context.tasks
    if remaining and remaining[0].name == "list_tasks":
        looked = True
        tasks = tasks_of(remaining.pop(0).output)
    if remaining:
        return said_about_one(step, remaining.pop(0), context.now)
    found: list[Mapping[str, Any]] = []
    for reference in [step.reference] + ([step.other] if isinstance(step, Move) and step.other else []):
        task = _find(reference, tasks, context.touched)
        if task is None and not looked:
            return [DemoCall("list_tasks", {})]
        if task is None:
            return f"I found no task “{reference}” on your list."
        found.append(task)
    return [_call_on(step, [str(task["task_id"]) for task in found], context.now)]


def _call_on(step: OnOne, task_ids: Sequence[str], now: datetime) -> DemoCall:
    task_id = task_ids[0]
    if isinstance(step, Schedule):
        assert not isinstance(step.when, str)  # it was read
        change = {"clear_due": True} if step.when is None else {"due": _due(step.when, now)}
        return DemoCall("update_task", {"task_id": task_id, **change})
    if isinstance(step, Move):
        other = {"other_task_id": task_ids[1]} if step.other else {}
        return DemoCall("update_task", {"task_id": task_id, "move": {"to": step.to, **other}})
    if isinstance(step, Rename):
        return DemoCall("update_task", {"task_id": task_id, "title": step.title})
    if isinstance(step, Delete):
        return DemoCall("delete_task", {"task_id": task_id})
    if step.completed:
        return DemoCall("complete_task", {"task_id": task_id})
    return DemoCall("update_task", {"task_id": task_id, "completed": False})


def _find(
    reference: str, tasks: Sequence[Mapping[str, Any]] | None, touched: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    if touched is not None and IT.match(reference):
        return touched
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
            context.done.append(Done(name, arguments, output, is_error))
            if not is_error:
                _remember(context, name, output)
    return context


def _remember(context: _Context, name: str, output: Any) -> None:
    """Keep what the user saw last as the list that "the first one" points into, and what "it" and "undo" mean."""
    if name == "list_tasks":
        context.tasks = tasks_of(output)
        return
    if name == "delete_task":
        context.deletion = DemoCall("restore_task", {"task_id": output.get("task_id")})
    elif name == "clear_completed_tasks":
        context.deletion = DemoCall("restore_cleared_tasks", {"cleared_at": output.get("cleared_at")})
    elif name in ("restore_task", "restore_cleared_tasks"):
        context.deletion = None
    context.touched = task_of(output) or None
    if name in ("add_task", "update_task", "restore_task", "restore_cleared_tasks"):
        context.tasks = None  # the list has another order now


def _text_of(item: Mapping[str, Any]) -> str:
    content = item.get("content", "")
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in map(fields_of, content) if part.get("text"))


def _arguments(text: str) -> Mapping[str, Any]:
    return fields_of(_decoded(text))


def _decoded(output: Any) -> Any:
    if isinstance(output, list):
        output = "".join(str(part.get("text", "")) for part in map(fields_of, cast("list[Any]", output)))
    try:
        return json.loads(output)
    except (TypeError, ValueError):
        return output
