"""Questions that were asked before every process died are answered after it."""

import time
from typing import Any

import httpx
import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up

pytestmark = pytest.mark.slow


def test_a_question_outlives_a_restart_of_everything() -> None:
    """Every service, NATS and Postgres with them: `natter up` is killed, and started again on its data."""
    options = (*WITHOUT_WEB, "--assistant", "support=natter_support:assistant")
    with temporary_directory() as directory:
        environment = {"SUPPORT_REFUNDS_FILE": str(directory / "refunds.sqlite")}
        with natter_up(directory / "data", *options, environment=environment) as natter:
            asked = [_ask(natter, words) for words in ("Please send order 1003 again.", "Please refund order 1001.")]
            waits_for = [_waits(natter, run_id)["waiting_for"][0] for run_id in asked]
            case = _case(natter, _ask(natter, "Where is order 1002?"))
            natter.process.kill()
        with natter_up(directory / "data", *options, environment=environment) as natter:
            assert [_waits(natter, run_id)["waiting_for"][0] for run_id in asked] == waits_for
            answers = [{"answer": {"how": "By post", "whom": "Ann"}}, {"decision": "approve"}]
            for run_id, call, answer in zip(asked, waits_for, answers, strict=True):
                sent = {"call_id": call["call_id"], **answer}
                decided = _call(natter, "POST", f"/runs/{run_id}/decisions", json=sent)
                assert decided["status"] in ("queued", "running")
            said = [_last_words(natter, run_id) for run_id in asked]
            shown = _items(natter, asked[0])
            _close_case(natter, *case)
    images = [item for item in shown if item["type"] == "generated_image"]
    assert len(images) == 1, "what was shown before the question is not shown again with the answer"
    assert said == ["We send a tray again to Ann, by post.", "€ 24.00 for order 1001 go back to the customer."]


def _call(natter: RunningNatter, method: str, path: str, **more: Any) -> Any:
    url = f"{natter.edge_url}/api/alice{path}"
    return httpx.request(method, url, headers=natter.headers("alice"), timeout=10, **more).raise_for_status().json()


def _ask(natter: RunningNatter, words: str) -> str:
    return str(_call(natter, "POST", "/chat", json={"message": words})["run_id"])


def _until(natter: RunningNatter, run_id: str, status: str) -> Any:
    deadline = time.monotonic() + 30
    while (run := _call(natter, "GET", f"/runs/{run_id}"))["status"] != status:
        assert time.monotonic() < deadline, run
        time.sleep(0.1)
    return run


def _waits(natter: RunningNatter, run_id: str) -> Any:
    return _until(natter, run_id, "waiting")


def _case(natter: RunningNatter, run_id: str) -> tuple[str, str]:
    """A conversation about an order, and its card."""
    thread_id = _until(natter, run_id, "completed")["conversation_id"]
    cards = [item for item in _items(natter, run_id) if item["type"] == "widget"]
    return thread_id, cards[-1]["id"]


def _close_case(natter: RunningNatter, thread_id: str, card: str) -> None:
    """Press both buttons of the card, which was shown before the restart."""
    receipt = {"type": "order.receipt", "payload": {"order_id": "1002"}}
    params = {"thread_id": thread_id, "item_id": card, "action": receipt}
    updated = _call(natter, "POST", "/chatkit", json={"type": "threads.sync_custom_action", "params": params})
    assert "The receipt is on its way" in str(updated["updated_item"])
    url, headers = f"{natter.edge_url}/api/alice", natter.headers("alice")
    closing = {**params, "action": {**receipt, "type": "order.close"}}
    sent = httpx.post(f"{url}/chatkit", headers=headers, json={"type": "threads.custom_action", "params": closing})
    assert sent.status_code == 303
    assert _last_words(natter, sent.headers["natter-run"]) == "Thank you! This case is closed."
    refused = httpx.post(f"{url}/chat", headers=headers, json={"message": "Wait", "conversation_id": thread_id})
    assert (refused.status_code, refused.json()["code"]) == (409, "conversation_locked")
    gone = httpx.post(f"{url}/chatkit", headers=headers, json={"type": "threads.custom_action", "params": params})
    assert (gone.status_code, gone.json()["code"]) == (404, "item_gone")


def _items(natter: RunningNatter, run_id: str) -> list[Any]:
    thread_id = _call(natter, "GET", f"/runs/{run_id}")["conversation_id"]
    asked = {"type": "items.list", "params": {"thread_id": thread_id, "limit": 100}}
    return list(_call(natter, "POST", "/chatkit", json=asked)["data"])


def _last_words(natter: RunningNatter, run_id: str) -> str:
    conversation_id = _until(natter, run_id, "completed")["conversation_id"]
    return str(_call(natter, "GET", f"/conversations/{conversation_id}/messages?limit=100")["data"][-1]["content"])
