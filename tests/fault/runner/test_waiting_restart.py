"""Questions that were asked before every process died are answered after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up
from natterkit.testing.running import Natter

pytestmark = pytest.mark.faults


ASKED: dict[str, tuple[str, dict[str, Any], str]] = {
    "Please send order 1003 again.": (
        "question",
        {"answer": {"how": "By post", "whom": "Ann"}},
        "We send a tray again to Ann, by post.",
    ),
    "Please refund order 1001.": (
        "approval",
        {"decision": "approve"},
        "€ 24.00 for order 1001 go back to the customer.",
    ),
    "I pick up order 1002.": (
        "client_tool",
        {"output": {"city": "Bern"}},
        "Order 1002 waits for you at our shop at the clock tower.",
    ),
}
"""What is said: what it waits for, what is decided, and what is said to that."""
KEEP = "Please keep a teapot for me."
KEPT = ("question", {"answer": {"colour": "white", "engraved": False}}, "We keep a white teapot for you.")


def test_a_question_outlives_a_restart_of_everything() -> None:
    """Every service, NATS and Postgres with them: `natter up` is killed, and started again on its data."""
    options = (*WITHOUT_WEB, "--assistant", "support=natter_support:assistant")
    with temporary_directory() as directory:
        environment = {"SUPPORT_REFUNDS_FILE": str(directory / "refunds.sqlite")}
        with natter_up(directory / "data", *options, environment=environment) as running:
            with client(running) as natter:
                asked = {said: natter.ask(said) for said in ASKED}
                kept = natter.ask("Please keep a teapot for me.")
                assert kept.waiting_for[0]["kind"] == "approval"
                asked[KEEP] = natter.decide(kept, decision="approve")  # behind it, its server asks as well
                shown = natter.ask("Where is order 1002?")
                described = natter.ask("Describe a cup, please.")
                [card] = natter.call("GET", "/assistants").json()["data"]
            running.process.kill()
        with natter_up(directory / "data", *options, environment=environment) as running, client(running) as natter:
            for said, (kind, _, _) in {**ASKED, KEEP: KEPT}.items():
                assert (asked[said].status, asked[said].waiting_for[0]["kind"]) == ("waiting", kind)
                run = natter.call("GET", f"/runs/{asked[said].run_id}").json()
                assert run["waiting_for"] == list(asked[said].waiting_for)
            decided = {said: natter.decide(asked[said], **how) for said, (_, how, _) in {**ASKED, KEEP: KEPT}.items()}
            pressed = natter.act(shown, "order.note", {"order_id": "1002", "note": "Ring twice"})
    for said, answer in decided.items():
        assert (answer.status, answer.text) == ("completed", {**ASKED, KEEP: KEPT}[said][2])
    assert pressed.text == "We tell the driver: Ring twice"
    assert [(call.name, call.status) for call in described.tool_calls] == [
        ("describe", "success")
    ]  # it asked the model
    assert [one["label"] for one in (*card["commands"], *card["resources"])] == ["Find a gift", "Terms of sale"]


@contextmanager
def client(running: RunningNatter) -> Iterator[Natter]:
    natter = Natter(running.edge_url, running.relay_url, running.data_dir)
    with natter.http:
        yield natter
