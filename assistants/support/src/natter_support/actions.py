"""What customers do in the desk's cards, and what they mention."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from natterkit import Action, Context, Item, Tag

from natter_support.cards import card
from natter_support.orders import ORDERS, Order

STATIONS = ("leaves our house", "is in the van", "is two streets away", "is at your door")
STATION_SECONDS = 1.0


async def on_action(context: Context, action: Action, item: Item | None) -> str | None:
    """Do what a card's buttons say. What comes with an action comes from a browser: orders are looked up."""
    order = _order(action.payload)
    if order is None or item is None:
        return "I do not know this order."
    if action.type == "order.receipt":
        await context.widget(card(order, note="The receipt is on its way to you."), item_id=item.id)
        await context.add_hidden_context(f"The customer was sent the receipt of order {order.order_id}.")
        return None
    if action.type == "order.note":
        note = str(cast("dict[str, Any]", action.payload).get("note") or "")[:200]
        await context.widget(card(order, note=f"For the driver: {note}"), item_id=item.id)
        return f"We tell the driver: {note}"
    if action.type == "order.follow":
        await context.widget(_followed(order), item_id=item.id)
        return None
    if action.type == "order.close":
        await context.remove(item.id)
        await context.set_title(f"Order {order.order_id}")
        await context.set_status("locked", "This case is closed. Begin a new one whenever you need us.")
        return "Thank you! This case is closed."
    return None


async def _followed(order: Order) -> AsyncIterator[dict[str, Any]]:
    """The card, as the parcel comes nearer."""
    for station in STATIONS:
        yield card(order, note=f"Your parcel {station}.")
        await asyncio.sleep(STATION_SECONDS)


async def on_mention(_context: Context, tag: Tag) -> str | None:
    """What the desk knows of an order that is mentioned."""
    order = ORDERS.get(tag.id)
    return None if order is None else f"“{tag.text}” is order {order.order_id}: {order.what}, {order.state}."


def _order(payload: Any) -> Order | None:
    named = cast("dict[str, Any]", payload) if isinstance(payload, dict) else {}
    return ORDERS.get(str(named.get("order_id")))
