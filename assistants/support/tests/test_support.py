"""The desk's rules, its one effect, and its guardrail."""

from pathlib import Path
from typing import Any

import pytest
from agents import Agent, RunContextWrapper
from chatkit.widgets import WidgetRoot
from mcp import Client
from mcp.types import CreateMessageResult, ElicitResult, TextContent
from natter_support import assistant
from natter_support.cards import card, label, printed, spent, way
from natter_support.demo import answer
from natter_support.desk import desk, no_card_numbers
from natter_support.orders import ORDERS, Refunds
from natter_support.shelf import server
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
    assert answer([user("please keep a Teapot for me")], DESK | {"hold"}) == [DemoCall("hold", {"thing": "teapot"})]
    mentioned = {"role": "system", "content": "“Tray” is order 1003: a tray."}
    assert answer([user("where is @Tray"), mentioned], frozenset({"order_status"})) == [
        DemoCall("order_status", {"order_id": "1003"})
    ]
    mcp = {"type": "function_call_output", "call_id": "c", "output": '{"result": "We keep it."}'}
    assert answer([user("please keep a tray"), mcp], frozenset({"hold"})) == "We keep it."


async def test_cards_can_be_shown_and_a_label_is_an_image() -> None:
    for order in ORDERS.values():
        TypeAdapter[Any](WidgetRoot).validate_python(card(order, note="Sent."))
        assert label(order).startswith(b"\x89PNG")
        assert [image async for image in printed(order)][-1] == label(order)
    TypeAdapter[Any](WidgetRoot).validate_python(spent(list(ORDERS.values())))
    written = way("1001", 'to "the" shop', is_last=False).model_dump(exclude_none=True)
    assert written["children"][1] == {"type": "Text", "id": "where", "value": 'to "the" shop', "streaming": True}


async def test_the_shelf_asks_its_customer_and_a_model() -> None:
    async def answers(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"colour": "green", "engraved": True})

    async def says(context: Any, params: Any) -> CreateMessageResult:
        text = TextContent(type="text", text=f"Fine. ({params.max_tokens})")
        return CreateMessageResult(role="assistant", content=text, model="m")

    async with Client(server, elicitation_callback=answers, sampling_callback=says) as client:
        held: Any = await client.call_tool("hold", {"thing": "cup"})
        described: Any = await client.call_tool("describe", {"thing": "cup"})
        asked: Any = await client.get_prompt("find_a_gift", {"wish": "for Ada"})
    assert held.content[0].text == "We keep a green cup for you, engraved."
    assert described.content[0].text == "Fine. (100)"
    assert asked.messages[0].content.text.endswith("as a gift: for Ada")
