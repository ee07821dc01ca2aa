"""Sources that an assistant's code names for the next message: kept for it also where another runner writes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chatkit_protocol import items
from chatkit_protocol.items import Json
from contracts.commands import ItemToSave
from contracts.ids import MessageId
from contracts.replies import ItemView

HIDDEN_TYPE = "sdk_hidden_context"
MARK = "natter.annotation"


@dataclass(frozen=True)
class Cited:
    """An annotation, and the words that it stands behind."""

    annotation: Json
    after: str | None = None

    def placed(self, texts: Mapping[int, str]) -> tuple[int, Json]:
        """The part that it belongs to, and the annotation with its place; ``texts`` by the number of the part.

        Without words, or where they are not in the message, it belongs to the last part as it is.
        """
        for content_index, text in texts.items():
            at = text.find(self.after) if self.after else -1
            if at >= 0:
                return content_index, {**self.annotation, "index": at + len(self.after or "")}
        return max(texts), self.annotation


@dataclass
class Citations:
    """Those that wait for a message."""

    _waiting: dict[MessageId, Cited] = field(default_factory=dict[MessageId, Cited])

    def add(self, item_id: MessageId, annotation: Json, after: str | None, conversation_id: str) -> ItemToSave:
        """Keep one, and say what is to be stored so that another attempt has it: an item that nobody is shown."""
        self._waiting[item_id] = Cited(annotation, after)
        content = json.dumps({MARK: annotation, "after": after}, ensure_ascii=False)
        item = items.hidden_context(item_id, conversation_id, datetime.now(UTC), content)
        return ItemToSave(message_id=item_id, type=HIDDEN_TYPE, item={**item, "type": HIDDEN_TYPE})

    def adopt(self, view: ItemView) -> None:
        """An item that an earlier attempt has stored, in its order: a message has taken what waited for it."""
        if view.type == "assistant_message":
            self._waiting.clear()
        elif view.type == HIDDEN_TYPE and str(view.item.get("content")).startswith(f'{{"{MARK}"'):
            kept = json.loads(str(view.item["content"]))
            self._waiting[view.message_id] = Cited(kept[MARK], kept["after"])

    def take(self) -> list[Cited]:
        """All that wait, for the message that is about to end."""
        waiting, self._waiting = list(self._waiting.values()), {}
        return waiting
