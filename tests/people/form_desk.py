"""An assistant that asks with a form, and shows what became of it: from a tool, and in answer to actions."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent
from natterkit import Action, Assistant, Context, Item, function_tool

FORM: dict[str, Any] = {
    "type": "Card",
    "asForm": True,
    "status": {"text": "Delivery", "icon": "cube"},
    "confirm": {"label": "Order", "action": {"type": "order", "payload": {"item": "tea"}}},
    "cancel": {"label": "Not now", "action": {"type": "cancel", "streaming": False}},
    "children": [
        {"type": "Label", "value": "Where to?", "fieldName": "to.street"},
        {"type": "Input", "name": "to.street", "required": True},
        {"type": "Checkbox", "name": "gift", "label": "It is a gift"},
    ],
}


def receipt(text: str, *, streaming: bool = False) -> dict[str, Any]:
    """What stands in the form's place."""
    return {"type": "Card", "children": [{"type": "Text", "id": "receipt", "value": text, "streaming": streaming}]}


async def written(text: str) -> AsyncIterator[dict[str, Any]]:
    """A receipt that is written word by word."""
    words = text.split(" ")
    for count in range(1, len(words) + 1):
        yield receipt(" ".join(words[:count]), streaming=count < len(words))
        await asyncio.sleep(0.1)


@function_tool
async def show_form() -> str:
    """Show the form."""
    await Context.current().widget(FORM, copy_text="Where to?")
    return "Shown."


async def on_action(context: Context, action: Action, item: Item | None) -> str | None:
    """Write the receipt in the place of the form."""
    assert item is not None
    if action.type == "cancel":
        await context.widget(receipt("Not ordered."), item_id=item.id)
        return None
    await context.widget(written("The order is on its way."), item_id=item.id)
    return f"Ordered {json.dumps(action.payload, sort_keys=True)}"


assistant = Assistant(agent=Agent[Any](name="Form desk", tools=[show_form]), on_action=on_action)
