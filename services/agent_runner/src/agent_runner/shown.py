"""What earlier attempts of a run have shown, read back from the stream: viewers have seen it."""

import asyncio
import json

from actor_kit.bus import Bus
from chatkit_protocol.reducer import Shown
from contracts.errors import Code, RetryableError
from contracts.events import EPOCH_HEADER, EVENT_HEADER, KEY_HEADER

READ_BATCH_MAX = 256
FOLLOWER_PAUSES_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)


async def read_shown(bus: Bus, subject: str, *, up_to_sequence: int = 0) -> Shown:
    """What runners have shown on a run's subject: what carries an epoch. The user's own item does not.

    A direct get may be answered by a server of the cluster that is behind the leader: it is asked again until it has
    ``up_to_sequence``, which the stream has acknowledged. Raises RetryableError where that takes too long.
    """
    shown = Shown()
    from_sequence = 1
    pauses = iter(FOLLOWER_PAUSES_SECONDS)
    while True:
        messages, pending_count = await bus.direct_get(
            "DELTAS", subject, from_sequence=from_sequence, batch_max=READ_BATCH_MAX
        )
        for message in messages:
            if EPOCH_HEADER in message.headers and EVENT_HEADER not in message.headers:
                shown.apply(json.loads(message.payload))
                if KEY_HEADER in message.headers:
                    shown.keys.add(message.headers[KEY_HEADER])
        if messages:
            from_sequence = messages[-1].sequence + 1
        if messages and pending_count:
            continue
        if from_sequence > up_to_sequence:
            return shown
        pause_seconds = next(pauses, None)
        if pause_seconds is None:
            raise RetryableError(Code.BUS_UNAVAILABLE, "A server of the cluster is too far behind to be read.")
        await asyncio.sleep(pause_seconds)
