"""What a thread's events build up, item by item: for a runner that takes over, and for viewers in tests."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

from chatkit_protocol.items import Json


@dataclass
class Shown:
    """The items that a thread's events show, in order of appearance. What is said of an unknown item is ignored."""

    items: dict[str, Json] = field(default_factory=dict[str, Json])
    earlier: set[str] = field(default_factory=set[str])
    """Items that were changed or removed and not added: they are of what the events go on with."""
    keys: set[str] = field(default_factory=set[str])
    """What was told that is no item, as far as whoever reads the events knows its key."""
    _deltas: dict[tuple[str, int], list[str]] = field(default_factory=dict[tuple[str, int], list[str]])
    """Text by item and part that is not in the item yet: it is joined once, when it is asked for."""

    def apply(self, event: Json) -> None:
        """Apply one event of `chatkit.types.ThreadStreamEvent`; the event itself stays as it is."""
        match event["type"]:
            case "thread.item.added" | "thread.item.done" | "thread.item.replaced":
                item = event["item"]
                if event["type"] == "thread.item.replaced":
                    self._note_earlier(item["id"])
                self._forget_deltas(item["id"])  # it has its text
                self.items[item["id"]] = deepcopy(item)
            case "thread.item.removed":
                self._note_earlier(event["item_id"])
                self._forget_deltas(event["item_id"])
                self.items.pop(event["item_id"], None)
            case "thread.item.updated" if event["item_id"] in self.items:
                self._update(self.items[event["item_id"]], event["update"])
            case "thread.item.updated":
                self.earlier.add(event["item_id"])
            case _:
                pass  # of the thread, or for the viewer alone

    def _note_earlier(self, item_id: str) -> None:
        if item_id not in self.items:
            self.earlier.add(item_id)

    def whole_items(self) -> list[Json]:
        """The items with the text that came as deltas."""
        for (item_id, at), deltas in self._deltas.items():
            self.items[item_id]["content"][at]["text"] += "".join(deltas)
        self._deltas.clear()
        return list(self.items.values())

    def _update(self, item: Json, update: Json) -> None:
        match update["type"].removeprefix("assistant_message."):
            case "content_part.added" | "content_part.done":
                at = update["content_index"]
                item["content"][at : at + 1] = [deepcopy(update["content"])]
                self._deltas.pop((item["id"], at), None)
            case "content_part.text_delta":
                self._deltas.setdefault((item["id"], update["content_index"]), []).append(update["delta"])
            case "content_part.annotation_added":
                item["content"][update["content_index"]]["annotations"].append(update["annotation"])
            case "workflow.task.added" | "workflow.task.updated":
                at = update["task_index"]
                item["workflow"]["tasks"][at : at + 1] = [update["task"]]
            case "widget.root.updated":
                item["widget"] = deepcopy(update["widget"])
            case "widget.component.updated":
                _change(item["widget"], update["component_id"], update["component"])
            case "widget.streaming_text.value_delta":
                grown = {"value": update["delta"], "streaming": not update["done"]}
                _change(item["widget"], update["component_id"], grown, appends=True)
            case "generated_image.updated":
                item["image"] = update["image"]
            case _:
                pass  # nothing else is published

    def _forget_deltas(self, item_id: str) -> None:
        for key in [key for key in self._deltas if key[0] == item_id]:
            del self._deltas[key]


def _change(component: Json, component_id: str, change: Json, *, appends: bool = False) -> None:
    """Change a component of a widget, wherever it is in it."""
    if component.get("id") == component_id:
        if appends:
            change = {**component, **change, "value": f"{component.get('value', '')}{change['value']}"}
        component.clear()
        component.update(deepcopy(change))
        return
    children: Any = component.get("children") or []
    for child in cast("list[Json]", children if isinstance(children, list) else [children]):
        _change(child, component_id, change, appends=appends)


class BrokenStreamError(AssertionError):
    """The events contradict each other: a viewer could not show them."""


@dataclass
class Viewer(Shown):
    """A viewer that notices contradictions, for tests: it keeps apart what deltas and what whole items said."""

    delta_texts: dict[str, str] = field(default_factory=dict[str, str])
    last_said: dict[str, Json] = field(default_factory=dict[str, Json])
    titles: list[str] = field(default_factory=list[str])

    def apply(self, event: Json) -> None:
        """Apply one event. Raises BrokenStreamError where it speaks of what is not there, or comes twice."""
        kind = event["type"]
        if kind == "thread.item.added" and event["item"]["id"] in self.items:
            raise BrokenStreamError(f"added twice: {event['item']['id']}")
        if "item" in event:
            self.last_said[event["item"]["id"]] = event["item"]
        elif kind == "thread.item.removed":
            self.delta_texts.pop(event["item_id"], None)
        elif kind == "thread.item.updated":
            self._check_update(event["item_id"], event["update"])
        elif kind == "thread.updated" and "title" in event["thread"]:
            self.titles.append(event["thread"]["title"])
        super().apply(event)

    def _check_update(self, item_id: str, update: Json) -> None:
        item = self.items.get(item_id)
        if item is None:
            raise BrokenStreamError(f"updated before it was added: {item_id}")
        if update["type"] == "assistant_message.content_part.text_delta":
            if update["content_index"] >= len(item["content"]):
                raise BrokenStreamError(f"text for part {update['content_index']} of {len(item['content'])}: {item_id}")
            self.delta_texts[item_id] = self.delta_texts.get(item_id, "") + update["delta"]
        elif update["type"] == "workflow.task.added" and update["task_index"] != len(item["workflow"]["tasks"]):
            raise BrokenStreamError(f"task {update['task_index']} added to {len(item['workflow']['tasks'])} tasks")

    def texts(self) -> list[str]:
        """The assistant's messages as the deltas built them."""
        return [self.delta_texts.get(item_id, "") for item_id in self._of_type("assistant_message")]

    def stored_texts(self) -> list[str]:
        """The assistant's messages as the last event that had the whole item said."""
        return [
            "".join(part["text"] for part in self.last_said[item_id]["content"])
            for item_id in self._of_type("assistant_message")
        ]

    def tasks(self) -> list[Json]:
        """The tasks of all workflows."""
        return [task for item_id in self._of_type("workflow") for task in self.items[item_id]["workflow"]["tasks"]]

    def _of_type(self, kind: str) -> list[str]:
        return [item_id for item_id, item in self.items.items() if item["type"] == kind]
