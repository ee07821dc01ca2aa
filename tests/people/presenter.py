"""An assistant that shows whatever can be shown, from tools and in answer to actions."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from agents import Agent
from chatkit.widgets import Card, Text, WidgetTemplate
from natterkit import (
    Action,
    Assistant,
    Context,
    EntitySource,
    FileSource,
    Item,
    Tag,
    UrlSource,
    function_tool,
    schedule_tools,
)
from PIL import Image

TEMPLATE = WidgetTemplate(
    {
        "version": "1.0",
        "name": "Hello",
        "template": '{"type": "Card", "children": [{"type": "Text", "value": "{{ name }}"}]}',
    }
)


def note_effect(line: str) -> None:
    """Write down that something was done."""
    with Path(os.environ["SHOP_EFFECTS"]).open("a") as file:
        file.write(f"{line}\n")


async def growing(*words: str) -> AsyncIterator[Card]:
    """A card whose text grows."""
    for count in range(1, len(words) + 1):
        is_last = count == len(words)
        text = Text(id="text", value=" ".join(words[:count]), streaming=True)
        yield Card(children=[text], status={"text": "Done"} if is_last else None)


async def previews() -> AsyncIterator[bytes]:
    """An image that gets better."""
    for number in range(3):
        drawn = io.BytesIO()
        Image.new("RGB", (4 * number + 4, 4)).save(drawn, "PNG")
        yield drawn.getvalue()


@function_tool
async def present() -> str:
    """Present it all."""
    context = Context.current()
    await context.progress("Getting ready", icon="search")
    await context.notice("warning", "We close at **six**.", title="Soon")
    await context.effect("highlight", {"row": 7})
    async with await context.task("Searching", kind="search", queries=["tea"]) as search:
        await search.update(sources=[UrlSource(url="https://example.org/tea", title="Tea")])
    await context.task("Reading", kind="file", status="complete", sources=[FileSource(filename="a.txt", title="A")])
    await context.task("Looked", kind="image", status="complete")
    await context.task("Hm", kind="thought", content="What now?", status="complete")
    await context.task("Packing", icon="cube", content="In *paper*.")
    await context.end_tasks("Prepared it all", icon="check")
    await context.widget(growing("one", "two", "three"), copy_text="one two three")
    await context.widget(TEMPLATE.build({"name": "Ada"}))
    await context.image(previews(), images_count=3, title="Leaves")
    await context.annotate(UrlSource(url="https://example.org/tea", title="Tea"), after="leaves")
    await context.annotate(EntitySource(id="order_7", title="Order 7", interactive=True, data={"kind": "order"}))
    await context.set_title("Tea")
    return "Shown."


@function_tool(repeatable=True)
async def show_slowly() -> str:
    """Show things, and be killed on the way."""
    context = Context.current()
    await context.notice("info", "Once.")
    await context.task("First")
    card = await context.widget(Card(children=[Text(value="A card.")]))
    note_effect(f"shown {card}")
    await asyncio.sleep(1.5)
    await context.widget(Card(children=[Text(value="Another card.")]), item_id=card)
    await context.widget({"type": "Card", "children": [{"type": "Text", "value": "Last."}]})
    return "Shown."


@function_tool
async def lock(status: str) -> str:
    """Lock or close the conversation."""
    await Context.current().set_status(status, "We are closed.")  # type: ignore[arg-type]
    return "Locked."


@function_tool
async def mistake() -> str:
    """Show what cannot be shown."""
    context = Context.current()
    told = []
    for attempt in (
        lambda: context.progress("x", icon="no such icon"),
        lambda: context.widget("nothing"),
        lambda: context.image(b"nothing"),
        lambda: context.remove("msg_of_nobody"),
        lambda: context.widget(Card(children=[]), item_id="msg_of_nobody"),
        lambda: context.task("x", queries=["y"]),
    ):
        try:
            await attempt()
        except (ValueError, LookupError, TypeError) as error:
            told.append(type(error).__name__)
    return ", ".join(told)


async def on_action(context: Context, action: Action, item: Item | None) -> str | None:
    """Change the widget, take it away, or open the conversation again."""
    if action.type == "open":
        await context.set_status("active")
        return None
    assert item is not None
    if action.type == "remove":
        await context.remove(item.id)
        return "It is gone."
    await context.widget(growing("four", "five"), item_id=item.id)
    return f"You chose {action.payload}."


async def on_mention(context: Context, tag: Tag) -> str | None:
    """Look up what the user mentions."""
    return f"{tag.text} is order {tag.id} of {context.user.id}, {tag.data['state']}."


assistant = Assistant(
    agent=Agent[Any](name="Presenter", tools=[present, show_slowly, lock, mistake, *schedule_tools()]),
    on_action=on_action,
    on_mention=on_mention,
)
