"""What a client of REST or ChatKit sees when the store behind the edge is the real one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from auth_edge.testing import RunningEdge, running_edge
from chatkit.types import Page, Thread, ThreadItem
from pydantic import TypeAdapter

MESSAGE = "add a task: buy milk"


def sent(text: str) -> dict[str, Any]:
    return {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}


async def begin(edge: RunningEdge, text: str = MESSAGE, **request: Any) -> dict[str, Any]:
    answer = await edge.call("POST", "/chat", json={"message": text}, **request)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def test_a_message_is_there_as_soon_as_it_is_accepted(edge: RunningEdge) -> None:
    turn = await begin(edge)
    conversation_id, run_id = turn["conversation_id"], turn["run_id"]
    messages = (await edge.call("GET", f"/conversations/{conversation_id}/messages")).json()
    assert [(m["role"], m["content"], m["tool_calls"]) for m in messages["data"]] == [("user", MESSAGE, [])]
    assert messages["data"][0]["id"] == turn["message_id"]
    assert (messages["active_run_id"], messages["has_more"]) == (run_id, False)
    conversations = (await edge.call("GET", "/conversations")).json()["data"]
    assert [(c["id"], c["active_run_id"]) for c in conversations] == [(conversation_id, run_id)]
    run = (await edge.call("GET", f"/runs/{run_id}")).json()
    assert (run["conversation_id"], run["status"]) == (conversation_id, "queued")


async def test_chatkit_sees_the_same_and_in_its_own_words(edge: RunningEdge) -> None:
    created = await edge.chatkit("threads.create", {"input": sent(MESSAGE)})
    thread_id, run_id = created.headers["natter-conversation"], created.headers["natter-run"]
    assert created.headers["location"] == f"/api/alice/runs/{run_id}/stream?format=chatkit"
    answer = await edge.chatkit("threads.get_by_id", {"thread_id": thread_id})
    thread = Thread.model_validate(answer.json())
    assert [item.type for item in thread.items.data] == ["user_message"]
    assert answer.headers["natter-active-run"] == run_id
    assert int(answer.headers["natter-resume-from"]) >= 0
    items = (await edge.chatkit("items.list", {"thread_id": thread_id})).json()
    assert items["data"] == answer.json()["items"]["data"]
    TypeAdapter(Page[ThreadItem]).validate_python(items)
    listed = (await edge.chatkit("threads.list", {})).json()
    assert [entry["id"] for entry in listed["data"]] == [thread_id]
    renamed = await edge.chatkit("threads.update", {"thread_id": thread_id, "title": "Milk"})
    assert renamed.json()["title"] == "Milk"
    assert (await edge.call("GET", f"/conversations/{thread_id}")).json()["title"] == "Milk"
    assert (await edge.chatkit("threads.delete", {"thread_id": thread_id})).json() == {}
    gone = await edge.chatkit("threads.get_by_id", {"thread_id": thread_id})
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


async def test_one_key_is_one_turn_however_often_it_is_sent(edge: RunningEdge) -> None:
    key = {"Idempotency-Key": "k-1"}
    turns = await asyncio.gather(*(begin(edge, headers=key) for _ in range(20)))
    assert len({turn["run_id"] for turn in turns}) == 1
    assert len((await edge.call("GET", "/conversations")).json()["data"]) == 1
    other = await edge.call("POST", "/chat", json={"message": "another"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    bob = await begin(edge, user_id="bob", headers=key)
    assert bob["run_id"] != turns[0]["run_id"]  # a key belongs to its user


async def test_a_busy_conversation_says_so_or_queues_or_stops(edge: RunningEdge) -> None:
    turn = await begin(edge)
    again = {"message": "and bread", "conversation_id": turn["conversation_id"]}
    busy = await edge.call("POST", "/chat", json=again)
    assert (busy.status_code, busy.json()["code"]) == (409, "conversation_busy")
    queued = await edge.call("POST", "/chat", json={**again, "on_busy": "enqueue"})
    assert (queued.status_code, queued.json()["run_id"] == turn["run_id"]) == (202, False)
    params = {"thread_id": turn["conversation_id"], "input": sent("stop that")}
    interrupting = await edge.chatkit("threads.add_user_message", params, headers={"Natter-On-Busy": "interrupt"})
    assert interrupting.status_code == 303
    first = (await edge.call("GET", f"/runs/{turn['run_id']}")).json()
    assert first["status"] == "cancelled" or first["cancel_requested"]


async def test_a_message_is_edited_and_its_versions_are_gone_between(edge: RunningEdge) -> None:
    turn = await begin(edge)
    path = f"/conversations/{turn['conversation_id']}"
    await edge.call("POST", f"/runs/{turn['run_id']}/cancel")
    params = {"thread_id": turn["conversation_id"], "input": sent("buy bread instead")}
    edited = await edge.chatkit("threads.add_user_message", params, headers={"Natter-Edit": turn["message_id"]})
    assert edited.status_code == 303
    busy = await edge.call("PUT", f"{path}/branch", json={"run_id": turn["run_id"]})
    assert (busy.status_code, busy.json()["code"]) == (409, "conversation_busy")
    run_id = edited.headers["natter-run"]
    await edge.call("POST", f"/runs/{run_id}/cancel")
    (told,) = (await edge.call("GET", f"{path}/turns")).json()["data"]
    assert (told["run_id"], told["status"]) == (run_id, "cancelled")
    assert told["message_versions"] == [turn["run_id"], run_id]
    assert (await edge.call("PUT", f"{path}/branch", json={"run_id": turn["run_id"]})).status_code == 200
    thread = await edge.chatkit("threads.get_by_id", {"thread_id": turn["conversation_id"]})
    assert [item["id"] for item in thread.json()["items"]["data"]] == [turn["message_id"]]


async def test_a_run_is_stopped(edge: RunningEdge) -> None:
    turn = await begin(edge)
    for _ in range(2):  # stopping what is stopped changes nothing
        answer = await edge.call("POST", f"/runs/{turn['run_id']}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")


async def test_a_chat_token_stops_the_runs_that_it_could_begin_and_no_others(edge: RunningEdge) -> None:
    turn, elsewhere, bob = await begin(edge), await begin(edge), await begin(edge, user_id="bob")
    asked = {"conversation_id": turn["conversation_id"]}
    bound = (await edge.call("POST", "/chatkit/session", json=asked)).json()["client_secret"]
    unbound = (await edge.call("POST", "/chatkit/session")).json()["client_secret"]
    for token, run_id, status in (
        (bound, elsewhere["run_id"], 403),
        (bound, bob["run_id"], 403),
        (unbound, bob["run_id"], 403),
        (bound, "run_unknown", 404),
        (bound, turn["run_id"], 202),
        (unbound, elsewhere["run_id"], 202),
    ):
        assert (await edge.call("POST", f"/runs/{run_id}/cancel", token=token)).status_code == status
    stored = [(await edge.call("GET", f"/runs/{run['run_id']}")).json() for run in (turn, elsewhere)]
    assert [run["status"] for run in stored] == ["cancelled", "cancelled"]
    bobs = (await edge.call("GET", f"/runs/{bob['run_id']}", user_id="bob")).json()
    assert (bobs["status"], bobs["cancel_requested"]) == ("queued", False)


async def test_todos_live_by_rest(edge: RunningEdge) -> None:
    first = (await edge.call("POST", "/tasks", json={"title": "buy milk", "description": "two"})).json()
    second = (await edge.call("POST", "/tasks", json={"title": "buy bread"})).json()
    done = await edge.call("PATCH", f"/tasks/{first['id']}", json={"completed": True})
    assert (done.json()["completed"], done.json()["description"]) == (True, "two")
    page = (await edge.call("GET", "/tasks?limit=1")).json()
    rest = (await edge.call("GET", f"/tasks?limit=1&after={page['after']}")).json()
    assert [page["data"][0]["id"], rest["data"][0]["id"]] == [first["id"], second["id"]]
    assert (page["has_more"], rest["has_more"]) == (True, False)
    open_ones = (await edge.call("GET", "/tasks?completed=false")).json()["data"]
    assert [task["id"] for task in open_ones] == [second["id"]]
    assert (await edge.call("DELETE", f"/tasks/{first['id']}")).status_code == 204
    assert (await edge.call("GET", f"/tasks/{first['id']}")).status_code == 404


async def test_no_user_reaches_another_s_things(edge: RunningEdge) -> None:
    turn = await begin(edge)
    task = (await edge.call("POST", "/tasks", json={"title": "secret"})).json()
    conversation, run = f"/conversations/{turn['conversation_id']}", f"/runs/{turn['run_id']}"
    thread = {"thread_id": turn["conversation_id"]}
    requests: list[tuple[str, str, Any]] = [
        ("GET", conversation, None),
        ("GET", f"{conversation}/messages", None),
        ("PATCH", conversation, {"title": "mine"}),
        ("DELETE", conversation, None),
        ("GET", run, None),
        ("POST", f"{run}/cancel", None),
        ("GET", f"/tasks/{task['id']}", None),
        ("PATCH", f"/tasks/{task['id']}", {"completed": True}),
        ("DELETE", f"/tasks/{task['id']}", None),
        ("POST", "/chat", {"message": "hi", "conversation_id": turn["conversation_id"]}),
        ("GET", f"{conversation}/turns", None),
        ("PUT", f"{conversation}/branch", {"run_id": turn["run_id"]}),
        ("POST", "/chatkit/session", {"conversation_id": turn["conversation_id"]}),
        ("POST", "/chatkit", {"type": "threads.get_by_id", "params": thread}),
        ("POST", "/chatkit", {"type": "items.list", "params": thread}),
        ("POST", "/chatkit", {"type": "threads.update", "params": {**thread, "title": "mine"}}),
        ("POST", "/chatkit", {"type": "threads.delete", "params": thread}),
        ("POST", "/chatkit", {"type": "threads.add_user_message", "params": {**thread, "input": sent("hi")}}),
        (
            "POST",
            "/chatkit",
            {"type": "threads.retry_after_item", "params": {**thread, "item_id": turn["message_id"]}},
        ),
        (
            "POST",
            "/chatkit",
            {"type": "items.feedback", "params": {**thread, "item_ids": [turn["message_id"]], "kind": "positive"}},
        ),
    ]
    for method, path, body in requests:
        answer = await edge.call(method, path, user_id="mallory", **({} if body is None else {"json": body}))
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path, body)
    for path in ("/conversations", "/tasks", "/conversations?q=milk"):
        assert (await edge.call("GET", path, user_id="mallory")).json()["data"] == []
    assert "buy milk" not in (await edge.call("GET", "/export", user_id="mallory")).text
    assert (await edge.call("DELETE", "", user_id="mallory")).status_code == 200
    assert (await edge.call("GET", conversation)).json()["title"] != "mine"


@pytest.mark.parametrize(
    "user_id", ["*", ">", "a.b", "a b", "live.>", "ü\u202e", "..|alice", "%2e%2e", "'; drop table"]
)
async def test_strange_user_ids_are_users_like_others(user_id: str, edge: RunningEdge) -> None:
    turn = await begin(edge, user_id=user_id)
    await begin(edge)
    mine = (await edge.call("GET", "/conversations", user_id=user_id)).json()["data"]
    assert [conversation["id"] for conversation in mine] == [turn["conversation_id"]]


async def test_a_page_is_never_short(edge: RunningEdge) -> None:
    ids = [(await edge.call("POST", "/tasks", json={"title": f"task {n}"})).json()["id"] for n in range(7)]
    conversations = [(await begin(edge, f"message {n}"))["conversation_id"] for n in range(7)]
    for path, expected in (("/tasks?", ids), ("/conversations?", conversations[::-1])):
        seen: list[str] = []
        after = ""
        for _ in range(10):
            page = (await edge.call("GET", f"{path}limit=3{after}")).json()
            seen += [entry["id"] for entry in page["data"]]
            if not page["has_more"]:
                break
            assert len(page["data"]) == 3
            after = f"&after={page['after']}"
        assert seen == expected


async def test_limits_hold_over_two_replicas(nats_url: str, tmp_path: Path, store: Any) -> None:
    limits = {"requests_per_minute_max": 8, "turns_per_minute_max": 3, "concurrent_runs_max": 2}
    async with (
        running_edge(nats_url, tmp_path, **limits) as one,
        running_edge(nats_url, tmp_path, **limits) as two,
    ):
        codes = [
            (await edge.call("POST", "/chat", json={"message": "hi"})).json().get("code", "accepted")
            for edge in (one, two, one, two)
        ]
        assert codes[:2] == ["accepted", "accepted"]
        assert set(codes[2:]) <= {"too_many_runs", "rate_limited"}
        answers = [await edge.call("GET", "/tasks") for edge in (one, two, one, two, one, two)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[3].headers["ratelimit"].startswith('"requests";r=0;')
        assert (await one.call("GET", "/tasks", user_id="bob")).status_code == 200


async def test_export_and_erasure(edge: RunningEdge) -> None:
    turn = await begin(edge)
    await edge.call("POST", "/tasks", json={"title": "buy milk"})
    document = (await edge.call("GET", "/export")).json()
    assert len(document["conversations"]) == len(document["tasks"]) == 1
    assert MESSAGE in str(document["messages"])
    text = (await edge.call("GET", "/export?format=markdown")).text
    assert MESSAGE in text
    receipt = (await edge.call("DELETE", "")).json()
    assert receipt["receipt_id"]
    assert "alice" not in str(receipt)
    new = edge.issuer.mint("alice", issued_seconds_ago=-2)  # by a clock that is ahead: no older token holds any more
    assert (await edge.call("GET", "/conversations", token=new)).json()["data"] == []
    assert (await edge.call("GET", f"/conversations/{turn['conversation_id']}", token=new)).status_code == 404


async def test_ready_when_all_of_it_is(edge: RunningEdge) -> None:
    assert (await edge.client.get("/readyz")).json() == {"status": "ok", "missing": []}
