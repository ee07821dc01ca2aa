"""What a dead attempt had shown and not stored: read back from DELTAS, and withdrawn, or kept for a Stop."""

import json

from actor_kit.bus import Bus
from chatkit_protocol import events
from chatkit_protocol.items import Json
from chatkit_protocol.reducer import Shown
from contracts.events import EPOCH_HEADER, EVENT_HEADER
from contracts.replies import RunClaimed

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
    kept = [item for item in unsaved if claimed.run.cancel_requested and is_kept(item)]
    for item in unsaved:
        if item not in kept:
            publisher.event(events.item_removed(item["id"]))
    translator.adopt(claimed.saved_items)
    for item in kept:
        translator.restore(ended(item))


def is_kept(item: Json) -> bool:
    """What the user has seen of an answer that they stopped: text, thoughts, images."""
    if item["type"] == "generated_image":
        return item["image"] is not None
    return item["type"] == "assistant_message" or item.get("workflow", {}).get("type") == "reasoning"


def ended(item: Json) -> Json:
    """The item with no thought that is still under way."""
    if item["type"] != "workflow":
        return item
    tasks = [{**task, "status_indicator": "complete"} for task in item["workflow"]["tasks"]]
    return {**item, "workflow": {**item["workflow"], "tasks": tasks}}


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
