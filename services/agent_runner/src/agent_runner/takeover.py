"""What a dead attempt had shown and not stored: read back from DELTAS, and withdrawn, or kept for a Stop."""

import json
from dataclasses import dataclass, field

from actor_kit.bus import Bus
from contracts.events import EPOCH_HEADER, EVENT_HEADER
from contracts.replies import RunClaimed

from agent_runner import chatkit_events as chatkit
from agent_runner.chatkit_events import Json
from agent_runner.publisher import DeltaPublisher
from agent_runner.translate import AnswerTranslator

BATCH_MAX = 256


async def settle(bus: Bus, publisher: DeltaPublisher, translator: AnswerTranslator, claimed: RunClaimed) -> None:
    """Make what viewers see what is stored, before this attempt adds to it. Raises RetryableError.

    What no checkpoint holds is withdrawn, for it will be written anew. A run that is to stop writes nothing more: its
    text and thoughts are kept as they were seen, and stored with its end. A tool call that no checkpoint holds was
    never begun, so it is withdrawn in either case.
    """
    shown = await read_shown(bus, publisher.subject)
    saved_ids = {item.message_id for item in claimed.saved_items}
    unsaved = [item for item in shown.whole_items() if item["id"] not in saved_ids]
    kept = [item for item in unsaved if claimed.run.cancel_requested and is_text(item)]
    for item in unsaved:
        if item not in kept:
            publisher.event(chatkit.item_removed(item["id"]))
    translator.adopt(claimed.saved_items)
    for item in kept:
        translator.restore(ended(item))


def is_text(item: Json) -> bool:
    return item["type"] == "assistant_message" or item.get("workflow", {}).get("type") == "reasoning"


def ended(item: Json) -> Json:
    """The item with no thought that is still under way."""
    if item["type"] != "workflow":
        return item
    tasks = [{**task, "status_indicator": "complete"} for task in item["workflow"]["tasks"]]
    return {**item, "workflow": {**item["workflow"], "tasks": tasks}}


@dataclass
class Shown:
    """The items of a run as its events built them, in order of appearance. Texts are joined once, at the end."""

    items: dict[str, Json] = field(default_factory=dict[str, Json])
    _deltas: dict[tuple[str, int], list[str]] = field(default_factory=dict[tuple[str, int], list[str]])

    def apply(self, event: Json) -> None:
        kind = event["type"]
        if kind in ("thread.item.added", "thread.item.done", "thread.item.replaced"):
            self._put(event["item"])
        elif kind == "thread.item.removed":
            self.items.pop(event["item_id"], None)
        elif kind == "thread.item.updated" and event["item_id"] in self.items:
            self._update(self.items[event["item_id"]], event["update"])

    def whole_items(self) -> list[Json]:
        """The items with the text that came as deltas."""
        for (item_id, at), deltas in self._deltas.items():
            if item_id in self.items:
                self.items[item_id]["content"][at]["text"] += "".join(deltas)
        self._deltas.clear()
        return list(self.items.values())

    def _put(self, item: Json) -> None:
        self.items[item["id"]] = item
        for at in range(len(item.get("content", ()))):  # it has its text
            self._deltas.pop((item["id"], at), None)

    def _update(self, item: Json, update: Json) -> None:
        match update["type"].removeprefix("assistant_message."):
            case "content_part.added" | "content_part.done":
                at = update["content_index"]
                item["content"][at : at + 1] = [update["content"]]
                self._deltas.pop((item["id"], at), None)
            case "content_part.text_delta":
                self._deltas.setdefault((item["id"], update["content_index"]), []).append(update["delta"])
            case "content_part.annotation_added":
                item["content"][update["content_index"]]["annotations"].append(update["annotation"])
            case "workflow.task.added" | "workflow.task.updated":
                at = update["task_index"]
                item["workflow"]["tasks"][at : at + 1] = [update["task"]]
            case _:
                pass  # nothing else is published


async def read_shown(bus: Bus, subject: str) -> Shown:
    """What runners have shown on a run's subject: what carries an epoch. The user's own item does not."""
    shown = Shown()
    from_sequence = 1
    while True:
        messages, pending_count = await bus.direct_get(
            "DELTAS", subject, from_sequence=from_sequence, batch_max=BATCH_MAX
        )
        for message in messages:
            if EPOCH_HEADER in message.headers and EVENT_HEADER not in message.headers:
                shown.apply(json.loads(message.payload))
        if not messages or not pending_count:
            return shown
        from_sequence = messages[-1].sequence + 1
