"""From which sequence of DELTAS a viewer has to go on who has just read a conversation, to miss nothing."""

from actor_kit.bus import Bus
from contracts.events import ChatKitDelta
from contracts.replies import ConversationView
from contracts.streams import DELTAS
from contracts.subjects import subject_filter, subject_of

ALL_DELTAS = subject_filter(ChatKitDelta)


async def resume_from(bus: Bus, user_id: str, conversation: ConversationView) -> int:
    """The sequence to connect with as Last-Event-ID, read before the items are.

    With an active run: just before its first delta, so that all of it is shown (its items are not stored yet). Else
    the conversation's last delta; else the last of all; else 0.
    """
    conversation_id = conversation.conversation_id
    if conversation.active_run_id is not None:
        run_subject = subject_of(
            ChatKitDelta, user_id=user_id, conversation_id=conversation_id, run_id=conversation.active_run_id
        )
        first, _ = await bus.direct_get(DELTAS.name, run_subject, batch_max=1)
        if first:
            return first[0].sequence - 1
    last = await bus.direct_get_last(
        DELTAS.name, subject_filter(ChatKitDelta, user_id=user_id, conversation_id=conversation_id)
    )
    last = last or await bus.direct_get_last(DELTAS.name, ALL_DELTAS)
    return last.sequence if last else 0
