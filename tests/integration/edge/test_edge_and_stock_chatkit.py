"""Differential: the same ChatKit requests to the stock server and to Natter get answers and events of one shape."""

from collections.abc import AsyncIterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from auth_edge.testing import RunningEdge, running_edge
from chatkit.types import ThreadItem, ThreadStreamEvent
from chatkit_protocol.reducer import Shown
from contracts.commands import UpdateConversation
from contracts.identity import Principal
from contracts.replies import TurnBegun
from pydantic import TypeAdapter

from tests.integration.edge.stock_chatkit import MemoryStore, StockServer
from tests.runner_stack import RunnerStack, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "count to 5"
EVENT: TypeAdapter[Any] = TypeAdapter(ThreadStreamEvent)
ITEM: TypeAdapter[Any] = TypeAdapter(ThreadItem)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[RunnerStack]:
    directory: Path = tmp_path_factory.mktemp("stack")
    async with runner_stack(directory, module_nats_url, module_database_url) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(stack: RunnerStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningEdge]:
    async with running_edge(stack.nats_url, tmp_path_factory.mktemp("edge")) as running:
        yield running


def sent(text: str) -> dict[str, Any]:
    return {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}


def shape(value: Any) -> Any:
    """What a client relies on: names, nesting and kinds of values; an id stands for every id."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in sorted(value.items())}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return type(value).__name__


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """The events in order, many deltas in a row as one; a new title is our addition and left out."""
    names = [
        "/".join(filter(None, (event["type"], event.get("item", event.get("update", {})).get("type"))))
        for event in events
        if event["type"] != "thread.updated"
    ]
    return [name for name, _ in groupby(names)]


async def our_stream(
    edge: RunningEdge, stack: RunnerStack, operation: str, params: dict[str, Any]
) -> tuple[str, list[dict[str, Any]]]:
    redirect = await edge.chatkit(operation, params)
    assert redirect.status_code == 303, redirect.text
    thread_id = redirect.headers["natter-conversation"]
    begun = TurnBegun(
        conversation_id=thread_id, message_id="msg_unknown", run_id=redirect.headers["natter-run"], status="queued"
    )
    return thread_id, (await stack.watch("alice", begun)).events


async def test_events_come_in_the_stock_server_s_order(edge: RunningEdge, stack: RunnerStack) -> None:
    stock = StockServer(MemoryStore())
    theirs = await stock.stream("threads.create", {"input": sent(QUESTION)})
    thread_id, ours = await our_stream(edge, stack, "threads.create", {"input": sent(QUESTION)})
    assert kinds(ours) == kinds(theirs)
    assert ours[0]["thread"]["id"] == thread_id

    stock_thread_id = theirs[0]["thread"]["id"]
    theirs = await stock.stream("threads.add_user_message", {"thread_id": stock_thread_id, "input": sent(QUESTION)})
    _, ours = await our_stream(
        edge, stack, "threads.add_user_message", {"thread_id": thread_id, "input": sent(QUESTION)}
    )
    assert kinds(ours) == kinds(theirs)
    for name in ("thread.item.done", "thread.item.added"):
        mine = [event for event in ours if event["type"] == name]
        stocks = [event for event in theirs if event["type"] == name]
        assert shape(mine) == shape(stocks)

    user_item = [event["item"]["id"] for event in theirs if event.get("item", {}).get("type") == "user_message"]
    theirs = await stock.stream("threads.retry_after_item", {"thread_id": stock_thread_id, "item_id": user_item[0]})
    mine = [event["item"]["id"] for event in ours if event.get("item", {}).get("type") == "user_message"]
    _, ours = await our_stream(edge, stack, "threads.retry_after_item", {"thread_id": thread_id, "item_id": mine[0]})
    # Ours also says which items went away, so that a second tab sees it; the stock server removes them silently.
    assert kinds([event for event in ours if event["type"] != "thread.item.removed"]) == kinds(theirs)


async def test_answers_have_the_stock_server_s_shape(edge: RunningEdge, stack: RunnerStack) -> None:
    stock = StockServer(MemoryStore())
    stock_events = await stock.stream("threads.create", {"input": sent(QUESTION)})
    stock_id = stock_events[0]["thread"]["id"]
    thread_id, _ = await our_stream(edge, stack, "threads.create", {"input": sent(QUESTION)})
    renamed = await stock.ask("threads.update", {"thread_id": stock_id, "title": "Counting"})
    ours = (await edge.chatkit("threads.update", {"thread_id": thread_id, "title": "Counting"})).json()
    assert ours["metadata"].pop("assistant_id") == "todo"  # what a stock thread has none of
    assert shape(ours) == shape(renamed)

    newest = (await edge.chatkit("items.list", {"thread_id": thread_id})).json()["data"][0]["id"]
    operations: tuple[tuple[str, dict[str, Any]], ...] = (
        ("threads.get_by_id", {}),
        ("items.list", {}),
        ("items.list", {"limit": 1, "order": "asc"}),
        ("items.feedback", {"item_ids": [newest], "kind": "positive"}),
    )
    for operation, params in operations:
        answer = await edge.chatkit(operation, {**params, "thread_id": thread_id})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        told.get("metadata", {}).pop("assistant_id", None)
        assert shape(told) == shape(await stock.ask(operation, {**params, "thread_id": stock_id})), operation

    listed = (await edge.chatkit("threads.list", {"limit": 1})).json()
    theirs = await stock.ask("threads.list", {"limit": 1})
    listed["data"][0]["metadata"].pop("assistant_id")
    assert shape(listed["data"]) == shape(theirs["data"])
    deleted = await edge.chatkit("threads.delete", {"thread_id": thread_id})
    assert deleted.json() == await stock.ask("threads.delete", {"thread_id": stock_id}) == {}


async def test_the_edge_the_store_and_the_runner_tell_one_thread(edge: RunningEdge, stack: RunnerStack) -> None:
    thread_id, told = await our_stream(edge, stack, "threads.create", {"input": sent(QUESTION)})
    for event in told:
        EVENT.validate_python(event)
    (created,) = [event["thread"] for event in told if event["type"] == "thread.created"]  # the store's
    (titled,) = [event["thread"] for event in told if event["type"] == "thread.updated"]  # the runner's
    read = (await edge.chatkit("threads.get_by_id", {"thread_id": thread_id})).json()
    assert created == {name: part for name, part in titled.items() if name != "title"}
    assert titled == {**read, "items": titled["items"]}

    metadata: dict[str, Any] = {"project": {"name": "home"}}
    await stack.bus.request(
        UpdateConversation(principal=Principal(user_id="alice"), conversation_id=thread_id, metadata=metadata)
    )
    listed = (await edge.chatkit("threads.list", {"limit": 1})).json()["data"][0]
    renamed = (await edge.chatkit("threads.update", {"thread_id": thread_id, "title": "Counting"})).json()
    assert listed == {**titled, "metadata": {**metadata, "assistant_id": "todo"}}
    assert renamed == {**listed, "title": "Counting"}


async def test_what_was_shown_is_what_the_edge_reads_item_by_item(edge: RunningEdge, stack: RunnerStack) -> None:
    thread_id, told = await our_stream(edge, stack, "threads.create", {"input": sent(QUESTION)})
    shown = Shown()
    for event in told:
        shown.apply(event)
    stored = (await edge.chatkit("items.list", {"thread_id": thread_id, "order": "asc"})).json()["data"]
    assert shown.whole_items() == stored
    for item in stored:
        ITEM.validate_python(item)
