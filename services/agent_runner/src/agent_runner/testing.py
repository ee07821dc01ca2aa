"""For tests and the benchmark: a viewer that applies ChatKit events as the element does."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


class BrokenStreamError(AssertionError):
    """The events contradict each other: a viewer could not show them."""


@dataclass
class Viewer:
    """What one viewer sees: items in order of appearance, and the text of deltas by item."""

    items: dict[str, Json] = field(default_factory=dict[str, Json])
    delta_texts: dict[str, str] = field(default_factory=dict[str, str])
    titles: list[str] = field(default_factory=list[str])

    def apply(self, event: Json) -> None:
        """Apply one event. Raises BrokenStreamError where it speaks of what is not there, or comes twice."""
        kind = event["type"]
        if kind == "thread.item.added":
            if event["item"]["id"] in self.items:
                raise BrokenStreamError(f"added twice: {event['item']['id']}")
            self.items[event["item"]["id"]] = event["item"]
        elif kind in ("thread.item.done", "thread.item.replaced"):
            self.items[event["item"]["id"]] = event["item"]
        elif kind == "thread.item.removed":
            self.items.pop(event["item_id"], None)
            self.delta_texts.pop(event["item_id"], None)
        elif kind == "thread.item.updated":
            self._update(event["item_id"], event["update"])
        elif kind == "thread.updated":
            self.titles.append(event["thread"]["title"])

    def _update(self, item_id: str, update: Json) -> None:
        item = self.items.get(item_id)
        if item is None:
            raise BrokenStreamError(f"updated before it was added: {item_id}")
        kind = update["type"]
        if kind == "assistant_message.content_part.text_delta":
            self.delta_texts[item_id] = self.delta_texts.get(item_id, "") + update["delta"]
        elif kind == "workflow.task.added":
            tasks = item["workflow"]["tasks"]
            if update["task_index"] != len(tasks):
                raise BrokenStreamError(f"task {update['task_index']} added to {len(tasks)} tasks")
            tasks.append(update["task"])
        elif kind == "workflow.task.updated":
            item["workflow"]["tasks"][update["task_index"]] = update["task"]

    def texts(self) -> list[str]:
        """The assistant's messages as the deltas built them."""
        return [self.delta_texts.get(item_id, "") for item_id in self._of_type("assistant_message")]

    def stored_texts(self) -> list[str]:
        """The assistant's messages as their last item says."""
        return [
            "".join(part["text"] for part in self.items[item_id]["content"])
            for item_id in self._of_type("assistant_message")
        ]

    def tasks(self) -> list[Json]:
        """The tasks of all workflows."""
        return [task for item_id in self._of_type("workflow") for task in self.items[item_id]["workflow"]["tasks"]]

    def _of_type(self, kind: str) -> list[str]:
        return [item_id for item_id, item in self.items.items() if item["type"] == kind]
