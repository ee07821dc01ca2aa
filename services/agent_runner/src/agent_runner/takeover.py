"""What a dead attempt had shown: read back from DELTAS, so that it can be withdrawn."""

import json
from typing import Any

from actor_kit.bus import Bus
from contracts.events import EPOCH_HEADER, EVENT_HEADER

BATCH_MAX = 256


async def shown_but_not_saved(bus: Bus, subject: str, saved_ids: frozenset[str]) -> list[str]:
    """The ids of items that runners showed on a run's subject, and that no checkpoint holds, in order of appearance.

    Only what carries an epoch came from a runner; the user's own item did not. Raises RetryableError.
    """
    shown: dict[str, None] = {}
    from_sequence = 1
    while True:
        messages, pending_count = await bus.direct_get(
            "DELTAS", subject, from_sequence=from_sequence, batch_max=BATCH_MAX
        )
        for message in messages:
            if EPOCH_HEADER in message.headers and EVENT_HEADER not in message.headers:
                _note(json.loads(message.payload), shown)
        if not messages or not pending_count:
            return [item_id for item_id in shown if item_id not in saved_ids]
        from_sequence = messages[-1].sequence + 1


def _note(event: dict[str, Any], shown: dict[str, None]) -> None:
    if event["type"] in ("thread.item.added", "thread.item.done", "thread.item.replaced"):
        shown[event["item"]["id"]] = None
    elif event["type"] == "thread.item.removed":
        shown.pop(event["item_id"], None)
