"""The desk's rules, its one effect, and its guardrail."""

from pathlib import Path
from typing import Any

import pytest
from agents import Agent, RunContextWrapper
from chatkit.widgets import WidgetRoot
from natter_support import assistant
from natter_support.cards import card, label
from natter_support.demo import answer
from natter_support.desk import desk, no_card_numbers
from natter_support.orders import ORDERS, Refunds
from natterkit import DemoCall
from natterkit.loading import check_agent, team_of
from pydantic import TypeAdapter

DESK = frozenset({"transfer_to_orders", "transfer_to_refunds"})


def user(text: str) -> Any:
    return {"role": "user", "content": text}


def test_it_can_be_served() -> None:
    check_agent(desk)
    assert [agent.name for agent in team_of(desk)] == ["Support desk", "Orders", "Refunds"]
    assert assistant.greeting


def test_money_goes_back_once_however_often_a_call_is_executed(tmp_path: Path) -> None:
    refunds = Refunds(tmp_path / "refunds.sqlite")
    assert refunds.make("1001", user_id="alice", idempotency_key="run/call")
    assert refunds.make("1001", user_id="alice", idempotency_key="run/call"), "the same call again"
    assert not refunds.make("1001", user_id="alice", idempotency_key="run/other"), "another call is told"
    assert refunds.count("1001") == 1


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [("my card is 4111 1111 1111 1111", True), ("where is order 1002?", False), ("call me: 030 123456", False)],
)
async def test_a_card_number_goes_no_further(text: str, is_refused: bool) -> None:
    result = await no_card_numbers.run(Agent(name="a"), [user(text)], RunContextWrapper(None))
    assert result.output.tripwire_triggered is is_refused


def test_the_demo_model_hands_over_then_acts_then_tells() -> None:
    asked = [user("please refund order 1001")]
    assert answer(asked, DESK) == [DemoCall("transfer_to_refunds", {})]
    assert answer(asked, frozenset({"refund_order", "order_status"})) == [
        DemoCall("refund_order", {"order_id": "1001"})
    ]
    again = [user("please send order 1003 again")]
    assert answer(again, frozenset({"send_again", "order_status"})) == [DemoCall("send_again", {"order_id": "1003"})]
    done = {"type": "function_call_output", "call_id": "c", "output": "€ 24.00 go back."}
    assert answer([*asked, done], frozenset({"refund_order"})) == "€ 24.00 go back."
    assert answer([user("hello")], DESK) is None


def test_a_card_can_be_shown_and_a_label_is_an_image() -> None:
    for order in ORDERS.values():
        TypeAdapter[Any](WidgetRoot).validate_python(card(order, note="Sent."))
        assert label(order).startswith(b"\x89PNG")
