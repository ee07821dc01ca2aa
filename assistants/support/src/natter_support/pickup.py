"""A tool that asks the customer's page where they are, and one that says what they have spent."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from natterkit import Context, UrlSource, function_tool

from natter_support.cards import spent, way
from natter_support.orders import ORDERS

SHOPS = {"Bern": "our shop at the clock tower", "Hamburg": "our shop in the harbour"}
STEP_SECONDS = 0.3


@function_tool(repeatable=True)  # nothing is moved in this example
async def pick_up(order_id: str) -> str:
    """Have an order brought to the shop that is next to the customer. Their page says where they are."""
    order = ORDERS.get(order_id)
    if order is None:
        return "There is no such order."
    context = Context.current()
    place: Any = await context.client_tool("get_location", {"order_id": order_id})
    city = str(cast("dict[str, Any]", place).get("city", "")) if isinstance(place, dict) else ""
    shop = SHOPS.get(city, "our shop at the station")
    search = await context.task("Shops", kind="search", queries=[city or "nearby"])
    await search.update(sources=[UrlSource(url="https://shop.example/shops", title="Our shops")], status="complete")
    await context.end_tasks("Found a shop", icon="map-pin")
    await context.widget(_found(order_id, shop), copy_text=f"Order {order_id} waits at {shop}.")
    return f"Order {order_id} waits for you at {shop}."


async def _found(order_id: str, shop: str) -> AsyncIterator[Any]:
    """A card that is written while one looks on."""
    words = f"It is brought to {shop} tomorrow.".split(" ")
    for count in range(1, len(words) + 1):
        yield way(order_id, " ".join(words[:count]), is_last=count == len(words))
        await asyncio.sleep(STEP_SECONDS / 3)


@function_tool(repeatable=True)
async def spending() -> str:
    """Show what the customer has spent, order by order."""
    await Context.current().widget(spent(list(ORDERS.values())), copy_text="What you have spent")
    return "Here it is."
