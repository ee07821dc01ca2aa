"""REST and the JSON operations of ChatKit: the store's replies become the interface's answers."""

import json
from typing import Any

import pytest
from auth_edge.http.user import KINDS
from auth_edge.testing import RunningEdge
from chatkit.types import Page, Thread
from contracts.commands import (
    AddTask,
    DecideCall,
    DeleteConversation,
    Move,
    RecordFeedback,
    SwitchBranch,
    UpdateConversation,
    UpdateTask,
)
from contracts.errors import Code, RetryableError, TerminalError
from contracts.queries import ListConversations, ListItems, ListRuns, ListTasks, SearchMessages

from contracts import replies as r

TIME = "2026-11-21T12:00:00Z"
STORED_ITEM = {"id": "msg_1", "thread_id": "conv_1", "type": "user_message", "unknown_to_us": [1, {"kept": True}]}
THREAD = {
    "id": "conv_1",
    "title": "Groceries",
    "created_at": "2026-11-21T12:00:00+00:00",
    "status": {"type": "active"},
    "metadata": {"project": "home", "assistant_id": "todo"},
    "items": {"data": [], "has_more": False},
}


async def test_a_thread_comes_with_its_items_as_stored(edge: RunningEdge, store: Any) -> None:
    answer = await edge.chatkit("threads.get_by_id", {"thread_id": "conv_1"})
    assert answer.status_code == 200
    assert answer.json() == {**THREAD, "items": {"data": [STORED_ITEM], "has_more": True, "after": "msg_1"}}
    assert (answer.headers["natter-active-run"], answer.headers["natter-resume-from"]) == ("run_1", "7")
    query: ListItems = store.only(ListItems)
    assert (query.limit, query.order, query.messages_only) == (20, "asc", False)


async def test_threads_and_items_are_paged(edge: RunningEdge, store: Any) -> None:
    threads = await edge.chatkit("threads.list", {"limit": 5, "order": "asc", "after": "conv_0"})
    assert threads.json() == {"data": [THREAD], "has_more": False}
    listed: ListConversations = store.only(ListConversations)
    assert (listed.limit, listed.order, listed.after) == (5, "asc", "conv_0")
    items = await edge.chatkit("items.list", {"thread_id": "conv_1", "after": "msg_9"})
    assert items.json() == {"data": [STORED_ITEM], "has_more": True, "after": "msg_1"}
    query: ListItems = store.only(ListItems)
    assert (query.limit, query.order, query.after) == (20, "desc", "msg_9")
    Page[Any].model_validate(items.json())
    Thread.model_validate(threads.json()["data"][0])


async def test_threads_are_renamed_deleted_and_rated(edge: RunningEdge, store: Any) -> None:
    renamed = await edge.chatkit("threads.update", {"thread_id": "conv_1", "title": "  Shopping "})
    assert renamed.json() == THREAD
    assert store.only(UpdateConversation).title == "Shopping"
    deleted = await edge.chatkit("threads.delete", {"thread_id": "conv_1"})
    feedback = {"thread_id": "conv_1", "item_ids": ["a", "b"], "kind": "negative"}
    rated = await edge.chatkit("items.feedback", feedback)
    assert deleted.json() == rated.json() == {}
    assert store.only(DeleteConversation).conversation_id == "conv_1"
    assert store.only(RecordFeedback).message_ids == ("a", "b")


async def test_conversations_in_rest(edge: RunningEdge, store: Any) -> None:
    conversation = {
        "id": "conv_1", "title": "Groceries", "created_at": TIME, "updated_at": TIME, "active_run_id": None,
        "assistant_id": "todo", "is_waiting": False,
        "pinned_at": None, "archived_at": None,
    }  # fmt: skip
    listed = await edge.call("GET", "/conversations?limit=7&after=x&q=milk&pinned=true&archived=false")
    assert listed.json() == {"data": [conversation], "has_more": False, "after": None}
    query: ListConversations = store.only(ListConversations)
    assert (query.limit, query.after, query.search) == (7, "x", "milk")
    assert (query.pinned, query.archived) == (True, False)
    assert (await edge.call("GET", "/conversations/conv_1")).json() == conversation
    assert (await edge.call("PATCH", "/conversations/conv_1", json={"title": "New"})).json() == conversation
    assert (await edge.call("PATCH", "/conversations/conv_1", json={"pinned": False})).json() == conversation
    refused = await edge.call("PATCH", "/conversations/conv_1", json={})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    deleted = await edge.call("DELETE", "/conversations/conv_1")
    assert (deleted.status_code, deleted.content) == (204, b"")


async def test_a_conversation_is_pinned_and_put_away_in_rest(edge: RunningEdge, store: Any) -> None:
    await edge.call("PATCH", "/conversations/conv_1", json={"pinned": False, "archived": True})
    change: UpdateConversation = store.only(UpdateConversation)
    assert (change.title, change.pinned, change.archived) == (None, False, True)


async def test_what_was_said_is_found_in_rest(edge: RunningEdge, store: Any) -> None:
    hit = r.SearchHit(
        conversation_id="conv_1",
        title="Groceries",
        message_id="msg_1",
        role="user",
        created_at=TIME,  # pyright: ignore[reportArgumentType]
        excerpt=(r.ExcerptPart(text="buy "), r.ExcerptPart(text="milk", is_match=True)),
    )
    store.answers["SearchMessages"] = r.SearchPage(data=(hit,), has_more=True)
    found = (await edge.call("GET", "/search?q=milk&limit=5")).json()
    assert found["has_more"]
    assert found["data"][0]["excerpt"] == [{"text": "buy ", "is_match": False}, {"text": "milk", "is_match": True}]
    query: SearchMessages = store.only(SearchMessages)
    assert (query.search, query.limit) == ("milk", 5)
    assert (await edge.call("GET", "/search")).status_code == 422


async def test_branches_in_rest(edge: RunningEdge, store: Any) -> None:
    turns = await edge.call("GET", "/conversations/conv_1/turns")
    assert turns.json() == {
        "data": [
            {
                "run_id": "run_1", "message_id": "msg_1", "status": "failed", "error_code": "model_timeout",
                "message_versions": [], "answer_versions": ["run_0", "run_1"],
            }
        ],
    }  # fmt: skip
    switched = await edge.call("PUT", "/conversations/conv_1/branch", json={"run_id": "run_0"})
    assert (switched.status_code, switched.json()["id"]) == (200, "conv_1")
    assert (store.only(SwitchBranch).conversation_id, store.only(SwitchBranch).run_id) == ("conv_1", "run_0")
    for body in ({}, {"run_id": "no id"}, {"run_id": "run_0", "more": 1}):
        assert (await edge.call("PUT", "/conversations/conv_1/branch", json=body)).status_code == 422


async def test_one_conversation_is_exported_for_people_and_for_programs(edge: RunningEdge) -> None:
    text = await edge.call("GET", "/conversations/conv_1/export")
    assert text.headers["content-disposition"] == 'attachment; filename="conv_1.md"'
    assert text.text.startswith("## Groceries\n")
    assert text.text.count("hello") == 1
    whole = (await edge.call("GET", "/conversations/conv_1/export?format=json")).json()
    assert whole["conversation"]["id"] == "conv_1"
    assert [message["id"] for message in whole["messages"]] == ["msg_1"]


async def test_messages_in_rest(edge: RunningEdge, store: Any) -> None:
    tool_call = {"call_id": "c1", "name": "add_task", "arguments": {"title": "milk"}, "status": "success", "result": 1}
    tool_call |= {"links": []}
    pages = store.answers["ListItems"]

    async def with_tool_call(query: ListItems) -> r.ItemPage:
        page = await pages(query)
        message = page.data[0].model_copy(update={"tool_calls": (r.ToolCallView.model_validate(tool_call),)})
        return page.model_copy(update={"data": (message,)})

    store.answers["ListItems"] = with_tool_call
    answer = await edge.call("GET", "/conversations/conv_1/messages?order=desc&limit=2&after=m")
    assert answer.json() == {
        "data": [
            {
                "id": "msg_1", "role": "user", "type": "user_message", "content": "hello", "created_at": TIME,
                "tool_calls": [{**tool_call, "links": []}],
            }
        ],
        "has_more": True, "after": "msg_1", "active_run_id": "run_1", "resume_from": 7,
    }  # fmt: skip
    assert (answer.headers["natter-active-run"], answer.headers["natter-resume-from"]) == ("run_1", "7")
    query: ListItems = store.only(ListItems)
    assert (query.order, query.limit, query.after, query.messages_only) == ("desc", 2, "m", True)


async def test_runs_in_rest(edge: RunningEdge, store: Any) -> None:
    run = {
        "id": "run_1", "conversation_id": "conv_1", "status": "running", "cancel_requested": False, "model": None,
        "error_code": None, "error_detail": None, "usage": None, "created_at": TIME, "started_at": None,
        "finished_at": None, "waiting_for": [],
    }  # fmt: skip
    assert (await edge.call("GET", "/runs/run_1")).json() == run
    cancelled = await edge.call("POST", "/runs/run_1/cancel")
    assert (cancelled.status_code, cancelled.json()) == (202, run)
    view = store.answers["GetRun"].run.model_dump()
    waiting = r.RunView.model_validate({**view, "status": "waiting", "waiting_for": [WAITS_FOR]})
    store.answers["GetRun"] = r.RunReply(run=waiting)
    listed = await edge.call("GET", "/runs?status=waiting&limit=5&after=run_9")
    assert listed.json() == {"data": [run], "has_more": False, "after": None}
    query: ListRuns = store.only(ListRuns)
    assert (query.status, query.limit, query.after) == ("waiting", 5, "run_9")
    assert (await edge.call("GET", "/runs?status=asleep")).status_code == 422
    told = (await edge.call("GET", "/runs/run_1")).json()
    assert (told["status"], told["waiting_for"]) == ("waiting", [{**WAITS_FOR, "form": None, "expires_at": None}])


WAITS_FOR = {
    "call_id": "call_1", "kind": "approval", "tool": "refund_order", "arguments": {"order_id": "1001"},
    "message_id": "msg_2",
}  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "command"),
    [
        ({"decision": "decline", "reason": "no"}, {"decision": "decline", "reason": "no"}),
        ({"decision": "approve", "remember": True}, {"decision": "approve", "remember": True}),
        ({"answer": {"colour": "green"}}, {"answer": {"colour": "green"}}),
        ({"output": None}, {"has_output": True}),
    ],
)
async def test_decisions_in_rest(edge: RunningEdge, store: Any, sent: Any, command: Any) -> None:
    answer = await edge.call("POST", "/runs/run_1/decisions", json={"call_id": "call_1.1", **sent})
    assert (answer.status_code, answer.json()["id"]) == (202, "run_1")
    decided: DecideCall = store.only(DecideCall)
    assert decided.model_dump(exclude_defaults=True, exclude={"principal"}) == {
        "run_id": "run_1", "call_id": "call_1.1", **command
    }  # fmt: skip
    store.answers["DecideCall"] = TerminalError(Code.DECISION_TAKEN, "This was decided already.")
    taken = await edge.call("POST", "/runs/run_1/decisions", json={"call_id": "call_1.1", **sent})
    assert (taken.status_code, taken.json()["code"]) == (409, "decision_taken")
    for wrong in ({}, {"call_id": ""}, {"call_id": "c", "decision": "maybe"}, {"call_id": "c", "more": 1}):
        assert (await edge.call("POST", "/runs/run_1/decisions", json=wrong)).status_code == 422


async def test_an_answer_that_a_run_waited_for_is_streamed_from_behind_its_wait(edge: RunningEdge, store: Any) -> None:
    begun = r.TurnBegun(conversation_id="conv_1", message_id="msg_2", run_id="run_1", status="queued", wait=2)
    store.answers["BeginTurn"] = begun
    params = {"thread_id": "conv_1", "item_id": "msg_2", "input": {"answers": {"decision": {"values": ["Approve"]}}}}
    answer = await edge.chatkit("threads.add_structured_input", params)
    assert (answer.status_code, answer.headers["location"]) == (
        303, "/api/alice/runs/run_1/stream?format=chatkit&wait=2"
    )  # fmt: skip


async def test_todos_in_rest(edge: RunningEdge, store: Any) -> None:
    task = {
        "id": "task_1", "title": "buy milk", "description": None, "completed": False,
        "due": None, "position": 0.0, "attachments": [], "created_at": TIME, "updated_at": TIME,
    }  # fmt: skip
    listed = await edge.call("GET", "/tasks?completed=true&order=desc&q=milk&filter=done&sort=list")
    assert listed.json() == {"data": [task], "has_more": False, "after": None, "counts": None}
    query: ListTasks = store.only(ListTasks)
    assert (query.completed, query.order, query.search) == (True, "desc", "milk")
    assert (query.filter, query.sort) == ("done", "list")
    added = await edge.call("POST", "/tasks", json={"title": " buy milk "})
    assert (added.status_code, added.json(), added.headers["location"]) == (201, task, "tasks/task_1")
    assert (await edge.call("GET", "/tasks/task_1")).json() == task
    assert (await edge.call("PATCH", "/tasks/task_1", json={"completed": True})).json() == task
    change: UpdateTask = store.only(UpdateTask)
    assert (change.title, change.completed, change.clear_due) == (None, True, False)
    assert (await edge.call("DELETE", "/tasks/task_1")).status_code == 204
    assert (await edge.call("POST", "/tasks/task_1/restore")).json() == task
    cleared = (await edge.call("POST", "/tasks/clear")).json()
    assert cleared == {"count": 2, "cleared_at": TIME}
    again = await edge.call("POST", "/tasks/restore", json={"cleared_at": cleared["cleared_at"]})
    assert again.json() == {"count": 2}


async def test_a_date_of_a_todo_is_set_kept_and_taken_away(edge: RunningEdge, store: Any) -> None:
    due = {"at": "2026-12-04T09:00:00+01:00", "zone": "Europe/Zurich", "recurrence": "FREQ=WEEKLY;BYDAY=FR"}
    assert (await edge.call("POST", "/tasks", json={"title": "call mum", "due": due})).status_code == 201
    added: AddTask = store.only(AddTask)
    assert added.due is not None
    assert (added.due.at.isoformat(), added.due.zone) == ("2026-12-04T08:00:00+00:00", "Europe/Zurich")
    for body in ({"title": "x"}, {"due": None}, {"move": {"to": "after", "task_id": "task_2"}}):
        assert (await edge.call("PATCH", "/tasks/task_1", json=body)).status_code == 200
    changes = [asked for asked in store.asked if isinstance(asked, UpdateTask)]
    assert [(change.clear_due, change.due) for change in changes] == [(False, None), (True, None), (False, None)]
    assert changes[2].move == Move(to="after", task_id="task_2")
    refused = (
        {"title": "x" * 201},
        {"title": "x", "due": {**due, "zone": "Europe/Nowhere"}},
        {"title": "x", "due": {**due, "at": "2026-12-04T09:00:00"}},
        {"title": "x", "due": {**due, "recurrence": "FREQ=SECONDLY"}},
        {"title": "x", "due": {**due, "at": "1999-12-04T09:00:00Z"}},
    )
    words = [(await edge.call("POST", "/tasks", json=body)).json() for body in refused]
    assert [(one["status"], one["code"], one["field"]) for one in words] == [
        (422, "invalid_request", f"body.{field}") for field in ("title", "due", "due.at", "due.recurrence", "due.at")
    ]
    assert "200 characters" in words[0]["detail"]
    assert "'Europe/Nowhere' is no time zone" in words[1]["detail"]


async def test_an_export_is_one_document(edge: RunningEdge, store: Any) -> None:
    pages = [
        r.ExportPage(kind="user", data=({"user_id": "alice"},), after="1"),
        r.ExportPage(kind="messages", data=({"n": 1}, {"n": "é"}), after="2"),
        r.ExportPage(kind="messages", data=({"n": 3},), after="3"),
        r.ExportPage(kind="tasks", data=()),
    ]

    async def page(query: Any) -> r.ExportPage | RetryableError:
        if query.after == "2" and not store.__dict__.setdefault("failed", False):
            store.__dict__["failed"] = True
            return RetryableError(Code.STORE_UNAVAILABLE, "The database is away.")  # type: ignore[return-value]
        return pages[int(query.after or 0)]

    store.answers["ExportUser"] = page
    answer = await edge.call("GET", "/export")
    assert answer.headers["content-disposition"] == 'attachment; filename="natter-export.json"'
    assert json.loads(answer.content) == {
        "user": [{"user_id": "alice"}], "conversations": [], "messages": [{"n": 1}, {"n": "é"}, {"n": 3}],
        "tasks": [], "feedback": [], "runs": [], "connections": [], "shares": [], "schedules": [], "webhooks": [],
        "attachments": [], "service_tokens": [],
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["user", "runs"])
async def test_an_export_of_one_part_is_whole(kind: Any, edge: RunningEdge, store: Any) -> None:
    store.answers["ExportUser"] = r.ExportPage(kind=kind, data=({"a": 1},))
    document = (await edge.call("GET", "/export")).json()
    assert list(document) == [*KINDS]
    assert document[kind] == [{"a": 1}]


async def test_an_export_can_be_read_by_people(edge: RunningEdge) -> None:
    answer = await edge.call("GET", "/export?format=markdown")
    assert answer.headers["content-type"].startswith("text/markdown")
    assert "## Groceries" in answer.text
    assert answer.text.count("**You** (2026-11-21 12:00)\n\nhello") == 1


async def test_an_erasure_leaves_a_receipt(edge: RunningEdge) -> None:
    answer = await edge.call("DELETE", "")
    assert answer.json() == {"receipt_id": "rcpt_1", "erased_at": TIME, "counts": {"conversation": 1}}


async def test_the_document_and_its_reader_come_from_this_host(edge: RunningEdge) -> None:
    document = (await edge.client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    page = await edge.client.get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "'unsafe-inline'" in page.headers["content-security-policy"]
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"docs/{asset}" in page.text
        assert len((await edge.client.get(f"/docs/{asset}")).content) > 10_000
    assert (await edge.client.get("/docs/main.py")).status_code == 422
