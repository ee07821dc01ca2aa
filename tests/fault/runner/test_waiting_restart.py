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
            natter.process.kill()
        with natter_up(directory / "data", *options, environment=environment) as natter:
            assert [_waits(natter, run_id)["waiting_for"][0] for run_id in asked] == waits_for
            answers = [{"answer": {"how": "By post", "whom": "Ann"}}, {"decision": "approve"}]
            for run_id, call, answer in zip(asked, waits_for, answers, strict=True):
                sent = {"call_id": call["call_id"], **answer}
                decided = _call(natter, "POST", f"/runs/{run_id}/decisions", json=sent)
                assert decided["status"] in ("queued", "running")
            said = [_last_words(natter, run_id) for run_id in asked]
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


def _last_words(natter: RunningNatter, run_id: str) -> str:
    conversation_id = _until(natter, run_id, "completed")["conversation_id"]
    return str(_call(natter, "GET", f"/conversations/{conversation_id}/messages?limit=100")["data"][-1]["content"])
