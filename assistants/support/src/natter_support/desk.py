"""The support desk: one agent that listens, one that knows orders, one that pays back; and what none of them may read.

It shows what an assistant can be made of: the table in README.md says what is where.
"""

import asyncio
import re
import sys
from collections.abc import Mapping
from typing import Any

from agents import Agent, GuardrailFunctionOutput, RunContextWrapper, handoff, input_guardrail
from natterkit import (
    Assistant,
    Choice,
    ComposerTool,
    Confirm,
    Context,
    EntitySource,
    FileSource,
    Form,
    McpServer,
    StartPrompt,
    Text,
    ToolWords,
    function_tool,
)
from pydantic import JsonValue

from natter_support.actions import on_action, on_mention
from natter_support.cards import card, printed
from natter_support.demo import answer
from natter_support.orders import ORDERS, Refunds
from natter_support.pickup import pick_up, spending
from natter_support.settings import Settings

refunds = Refunds(Settings().refunds_file)
LOOK_UP_SECONDS = 0.3  # as a real shop's books would take
_CARD_NUMBER = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


@function_tool(repeatable=True)  # it only reads
async def order_status(order_id: str) -> str:
    """Tell what an order holds, what it cost, and where it is."""
    context = Context.current()
    await context.progress("Looking into our books", icon="search")
    await asyncio.sleep(LOOK_UP_SECONDS)
    order = ORDERS.get(order_id)
    if order is None:
        return "There is no such order."
    async with await context.task("Orders", kind="file", sources=[FileSource(filename="orders.csv", title="Orders")]):
        await context.widget(card(order), copy_text=f"Order {order_id}: {order.state}")
    source = EntitySource(id=order_id, title=f"Order {order_id}", icon="cube", interactive=True)
    await context.annotate(source, after=order.state)
    await context.effect("order_shown", {"order_id": order_id})
    return f"Order {order_id}: {order.what} for {order.price}, {order.state}."


# It hands on the idempotency key, so the money goes back once; and not before its user has approved that.
@function_tool(repeatable=True, needs_approval=True)
async def refund_order(order_id: str) -> str:
    """Pay an order back. Only for orders that exist, and once."""
    order = ORDERS.get(order_id)
    if order is None:
        return "There is no such order."
    context = Context.current()
    key = f"{context.run_id}/{context.call_id}"
    is_new = await asyncio.to_thread(refunds.make, order_id, user_id=context.user.id, idempotency_key=key)
    return f"{order.price} for order {order_id} go back to the customer." if is_new else "It was paid back before."


@function_tool(repeatable=True)  # nothing is sent in this example
async def send_again(order_id: str) -> str:
    """Send an order once more. The customer is asked how, and for whom."""
    order = ORDERS.get(order_id)
    if order is None:
        return "There is no such order."
    context = Context.current()
    # Shown once, though this runs again from its start when the customer has answered.
    await context.notice("info", "The first parcel may still come.")
    await context.image(printed(order), images_count=3)
    form = Form(
        [
            Choice("How shall we send it?", ["By post", "By courier"], id="how"),
            Text("For whom?", id="whom", description="The name on the parcel."),
            Confirm("Is it a gift?", id="gift", required=False),
        ]
    )
    answers = await context.ask(form)
    wrapped = ", wrapped as a gift," if answers["gift"] else ""
    return f"We send {order.what} again{wrapped} to {answers['whom']}, {str(answers['how']).lower()}."


@input_guardrail(run_in_parallel=False)
async def no_card_numbers(
    _context: RunContextWrapper[Any], _agent: Agent[Any], items: str | list[Any]
) -> GuardrailFunctionOutput:
    """Neither a model nor a log of its provider is to see a card's number."""
    last = items if isinstance(items, str) else str(items[-1].get("content", "")) if items else ""
    return GuardrailFunctionOutput(
        output_info="That looks like a card number. Please never send one; I do not need it to pay you back.",
        tripwire_triggered=_CARD_NUMBER.search(last) is not None,
    )


orders_agent = Agent[Any](
    name="Orders",
    handoff_description="Knows where an order is and what it holds.",
    instructions="You answer questions about orders, and send them again where the customer asks for it. Be brief.",
    tools=[order_status, send_again, pick_up, spending],
)
refunds_agent = Agent[Any](
    name="Refunds",
    handoff_description="Pays an order back.",
    instructions="You pay orders back. Look at the order first; pay it back only if the customer asks for it.",
    tools=[order_status, refund_order],
)
desk = Agent[Any](
    name="Support desk",
    instructions="You are the support desk of a shop for tea things. Hand over to whoever can help.",
    handoffs=[handoff(orders_agent), handoff(refunds_agent)],
    input_guardrails=[no_card_numbers],
)


def order_of(arguments: Mapping[str, Any], _result: JsonValue) -> str:
    """Which order a call is about."""
    return str(arguments.get("order_id") or "")


shelf = McpServer(
    name="shelf",
    label="The shelf",
    command=sys.executable,
    args=("-m", "natter_support.shelf"),
    ask="destructive",  # as it is for any server where nothing is said
    offers=frozenset({"prompts", "resources"}),
    sampling_tokens_max=200,
)
assistant = Assistant(
    agent=desk,
    name="Support desk",
    greeting="How can we help you with your order?",
    start_prompts=[
        StartPrompt("Where is my order?", "Where is order 1002?", icon="search"),
        StartPrompt("It did not arrive", "Please send order 1003 again.", icon="mail"),
        StartPrompt("I want my money back", "Please refund order 1001.", icon="write"),
    ],
    composer_tools=[ComposerTool("order_status", "Look up an order", icon="search")],
    mcp_servers=[shelf],
    tool_words={
        "order_status": ToolWords("Looking up order", "Looked up order", order_of),
        "send_again": ToolWords("Sending order again", "Sent order again", order_of),
        "pick_up": ToolWords("Looking for a shop near you", "Found a shop near you"),
        "hold": ToolWords("Taking it off the shelf", "Taken off the shelf"),
        "refund_order": ToolWords("Paying back order", "Paid back order", order_of),
        "transfer_to_orders": ToolWords("Asking our orders team", "Asked our orders team"),
        "transfer_to_refunds": ToolWords("Asking our refunds team", "Asked our refunds team"),
    },
    on_action=on_action,
    on_mention=on_mention,
    demo=answer,
)
