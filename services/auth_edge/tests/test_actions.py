"""Actions of widgets: ChatKit's two operations, one that streams and one that waits for the widget."""

from datetime import UTC, datetime
from typing import Any

import pytest
from auth_edge.http import actions
from auth_edge.testing import RunningEdge
from contracts.commands import BeginTurn
from contracts.errors import Code, TerminalError

from contracts import replies as r

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RUN = r.RunView(run_id="run_1", conversation_id="conv_1", status="running", epoch=1, created_at=NOW)
ITEM = r.ItemView(
    message_id="msg_1",
    conversation_id="conv_1",
    role="assistant",
    type="widget",
    content="",
    item={"id": "msg_1", "type": "widget", "widget": {"type": "Card", "children": []}},
    position=1,
    created_at=NOW,
)

PARAMS = {"thread_id": "conv_1", "item_id": "msg_1", "action": {"type": "choose", "payload": {"colour": "blue"}}}


def ended(**more: Any) -> r.RunReply:
    return r.RunReply(run=RUN.model_copy(update={"status": "completed", "finished_at": NOW, **more}))


async def test_an_action_becomes_a_turn_and_its_stream_is_named(edge: RunningEdge, store: Any) -> None:
    answer = await edge.chatkit("threads.custom_action", PARAMS, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.headers["natter-run"]) == (303, "run_1")
    turn = store.only(BeginTurn)
    assert turn.input.model_dump() == {
        "type": "custom_action", "action": "choose", "payload": {"colour": "blue"}, "message_id": "msg_1",
        "is_sync": False,
    }  # fmt: skip
    assert (turn.conversation_id, turn.idempotency_key) == ("conv_1", "k")


async def test_a_sync_action_waits_for_its_end_and_answers_with_the_widget(edge: RunningEdge, store: Any) -> None:
    looks = iter([r.RunReply(run=RUN), ended()])

    async def look(_query: Any) -> r.RunReply:
        return next(looks)

    store.answers.update({"GetRun": look, "GetItem": r.ItemReply(item=ITEM)})
    answer = await edge.chatkit("threads.sync_custom_action", PARAMS)
    assert (answer.status_code, answer.json()) == (200, {"updated_item": ITEM.item})
    assert "location" not in answer.headers
    store.answers.update({"GetRun": ended(), "GetItem": TerminalError(Code.ITEM_GONE, "gone")})
    assert (await edge.chatkit("threads.sync_custom_action", PARAMS)).json() == {}


async def test_a_sync_action_that_ends_badly_or_not_in_time_says_so(
    edge: RunningEdge, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.answers["GetRun"] = ended(status="failed", error_code="assistant_failed", error_detail="Oh.")
    answer = await edge.chatkit("threads.sync_custom_action", PARAMS)
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (502, "assistant_failed", "Oh.")
    store.answers["GetRun"] = ended(status="cancelled")
    assert (await edge.chatkit("threads.sync_custom_action", PARAMS)).json()["code"] == "run_finished"
    monkeypatch.setattr(actions, "WAIT_SECONDS_MAX", 0.2)
    store.answers["GetRun"] = r.RunReply(run=RUN)
    answer = await edge.chatkit("threads.sync_custom_action", PARAMS)
    assert (answer.status_code, answer.json()["code"]) == (504, "action_unfinished")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"item_id": "a b"}, "params.item_id"),
        ({"action": {"type": ""}}, "params.action.type"),
        ({"action": {"type": "x", "payload": "y" * 70_000}}, "params.action"),
        ({"action": {"payload": 1}}, "params.action.type"),
        ({"action": {"type": "x", "payload": {"a": "\x00"}}}, None),
    ],
)
async def test_a_bad_action_is_refused(change: Any, field: str | None, edge: RunningEdge) -> None:
    answer = await edge.chatkit("threads.custom_action", {**PARAMS, **change})
    assert (answer.status_code, answer.json().get("field")) == (422, field)
