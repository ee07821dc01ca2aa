"""The todo assistant's demo model understands plain requests, calls tools for them, says honestly what happened."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from natter_todo.demo.planner import ABOUT, NO_TOOLS, plan
from natterkit import DemoCall

TOOLS = frozenset({"add_task", "list_tasks", "complete_task", "update_task", "delete_task"})


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def task(number: int, title: str, *, completed: bool = False) -> dict[str, Any]:
    return {"task_id": f"task_{number}", "title": title, "completed": completed}


def called(call_id: str, name: str, arguments: dict[str, Any], output: Any) -> list[dict[str, Any]]:
    return [
        {"type": "function_call", "call_id": call_id, "name": name, "arguments": json.dumps(arguments)},
        {"type": "function_call_output", "call_id": call_id, "output": json.dumps(output)},
    ]


TWO_TASKS = {"tasks": [task(1, "buy milk"), task(2, "call mom")], "has_more": False}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add a task: buy milk", [DemoCall("add_task", {"title": "buy milk"})]),
        ("Please add buy milk to my list.", [DemoCall("add_task", {"title": "buy milk"})]),
        ("remind me to call mom", [DemoCall("add_task", {"title": "call mom"})]),
        ("add tasks: a, b and c", [DemoCall("add_task", {"title": title}) for title in "abc"]),
        ("list my tasks", [DemoCall("list_tasks", {})]),
        ("What's on my list?", [DemoCall("list_tasks", {})]),
        ("show my open tasks", [DemoCall("list_tasks", {"completed": False})]),
        ("complete the first one", [DemoCall("list_tasks", {})]),
        ("delete buy milk", [DemoCall("list_tasks", {})]),
    ],
)
def test_a_request_begins_with_its_tool_call(text: str, expected: list[DemoCall]) -> None:
    assert plan([user(text)], TOOLS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("complete the first one", DemoCall("complete_task", {"task_id": "task_1"})),
        ("complete task 2", DemoCall("complete_task", {"task_id": "task_2"})),
        ("mark the last one as done", DemoCall("complete_task", {"task_id": "task_2"})),
        ("rename call mom to call dad", DemoCall("update_task", {"task_id": "task_2", "title": "call dad"})),
        ("delete milk", DemoCall("delete_task", {"task_id": "task_1"})),
        ("reopen the second", DemoCall("update_task", {"task_id": "task_2", "completed": False})),
    ],
)
def test_a_reference_means_the_list_that_was_seen_before(text: str, expected: DemoCall) -> None:
    earlier = [user("list my tasks"), *called("c1", "list_tasks", {}, TWO_TASKS), {"role": "assistant", "content": "…"}]
    assert plan([*earlier, user(text)], TOOLS) == [expected]


def test_a_reference_that_nothing_answers_is_said_not_guessed() -> None:
    asked = [user("complete the fifth one"), *called("c1", "list_tasks", {}, TWO_TASKS)]
    assert plan(asked, TOOLS) == "I found no task “the fifth one” on your list."


def test_several_requests_in_one_message_are_done_in_their_order() -> None:
    items = [user("add task x, then list my tasks, then complete x")]
    assert plan(items, TOOLS) == [DemoCall("add_task", {"title": "x"})]
    items += called("c1", "add_task", {"title": "x"}, {"task": task(1, "x")})
    assert plan(items, TOOLS) == [DemoCall("list_tasks", {})]
    items += called("c2", "list_tasks", {}, {"tasks": [task(1, "x")]})
    assert plan(items, TOOLS) == [DemoCall("complete_task", {"task_id": "task_1"})]
    items += called("c3", "complete_task", {"task_id": "task_1"}, {"task": task(1, "x", completed=True)})
    assert plan(items, TOOLS) == "Added “x” to your list.\nYou have 1 task:\n1. x\nCompleted “x”."


def test_a_tool_that_failed_is_not_called_a_success() -> None:
    items = [user("add task x"), *called("c1", "add_task", {"title": "x"}, {"error": "The store is away."})]
    assert plan(items, TOOLS) == "I could not add “x”: The store is away."


def test_without_tools_it_says_so_and_otherwise_what_it_is() -> None:
    assert plan([user("add task x")], frozenset()) == NO_TOOLS
    assert plan([user("what is the meaning of life?")], TOOLS) == ABOUT
    assert "demo model" in ABOUT


NOW = datetime(2026, 12, 1, 14, 5, tzinfo=ZoneInfo("Europe/Zurich"))
DUE = {"local": "2026-12-04T09:00+01:00", "zone": "Europe/Zurich", "all_day": False, "recurrence": "FREQ=WEEKLY"}


def test_a_date_goes_to_the_tool_in_the_users_time_zone_and_is_said_in_words() -> None:
    items = [user("add call mum every Friday at nine")]
    due = {"at": "2026-12-04T09:00+01:00", "time_zone": "Europe/Zurich", "recurrence": "FREQ=WEEKLY;BYDAY=FR"}
    assert plan(items, TOOLS, NOW) == [DemoCall("add_task", {"title": "call mum", "due": due})]
    items += called("c1", "add_task", {}, {"task": {**task(1, "call mum"), "due": DUE}})
    said = "Added “call mum” to your list, due Friday, 4 December at 09:00, and comes again."
    assert plan(items, TOOLS, NOW) == said
    items += [user("postpone it until tomorrow")]
    later = DemoCall("update_task", {"task_id": "task_1", "due": {"at": "2026-12-02", "time_zone": "Europe/Zurich"}})
    assert plan(items, TOOLS, NOW) == [later]
    whole_day = {"local": "2027-01-02", "zone": "Europe/Zurich", "all_day": True}
    items += called("c2", "update_task", {}, {"task": {**task(1, "call mum"), "due": whole_day}})
    assert plan(items, TOOLS, NOW) == "“call mum” is due Saturday, 2 January 2027."
    items += [
        user("complete it"),
        *called("c3", "complete_task", {}, {"task": task(1, "x"), "next_task": {"due": DUE}}),
    ]
    said = "Completed “x”. The next one is due Friday, 4 December at 09:00, and comes again."
    assert plan(items, TOOLS, NOW) == said


def test_what_was_deleted_last_is_taken_back() -> None:
    assert plan([user("undo")], TOOLS, NOW) == "There is nothing that I could take back."
    items = [user("delete it"), *called("c1", "delete_task", {}, {"task_id": "task_1", "title": "x"}), user("undo")]
    assert plan(items, TOOLS, NOW) == [DemoCall("restore_task", {"task_id": "task_1"})]
    items += called("c2", "restore_task", {}, {"task": task(1, "x")})
    assert plan(items, TOOLS, NOW) == "“x” is back."
    items += [user("clear completed"), *called("c3", "clear_completed_tasks", {}, {"count": 2, "cleared_at": "T"})]
    assert plan(items, TOOLS, NOW) == "Cleared 2 completed tasks."
    assert plan([*items, user("undo")], TOOLS, NOW) == [DemoCall("restore_cleared_tasks", {"cleared_at": "T"})]


def test_a_task_is_moved_beside_another() -> None:
    earlier = [user("list my tasks"), *called("c1", "list_tasks", {}, TWO_TASKS)]
    move = {"to": "before", "other_task_id": "task_1"}
    asked = plan([*earlier, user("move the last one before buy milk")], TOOLS, NOW)
    assert asked == [DemoCall("update_task", {"task_id": "task_2", "move": move})]
    asked = plan([*earlier, user("move buy milk to the bottom")], TOOLS, NOW)
    assert asked == [DemoCall("update_task", {"task_id": "task_1", "move": {"to": "last"}})]
