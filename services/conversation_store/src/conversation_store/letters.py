"""Dead letters for an operator's page: they are on the bus, where the edge, which asks, may not read them."""

from actor_kit.bus import Bus
from actor_kit.dead_letters import read_letters, replay
from contracts.commands import ReplayDeadLetter
from contracts.errors import TerminalError
from contracts.replies import DeadLetterList, DeadLetterReplayed, DeadLetterView

LISTED_MAX = 200


async def list_dead_letters(bus: Bus) -> DeadLetterList:
    """The oldest ones, without their messages: those are what users wrote, or hold it."""
    shown = set(DeadLetterView.model_fields) - {"sequence"}
    found = (await read_letters(bus, letters_max=LISTED_MAX)).stored[:LISTED_MAX]
    return DeadLetterList(
        data=tuple(
            DeadLetterView(sequence=stored.sequence, **stored.letter.model_dump(include=shown)) for stored in found
        )
    )


async def replay_dead_letter(bus: Bus, command: ReplayDeadLetter) -> DeadLetterReplayed:
    """Have it handled again, where it is there."""
    try:
        letter = (await read_letters(bus)).one(command.sequence)
    except TerminalError:
        return DeadLetterReplayed(is_replayed=False)
    await replay(bus, letter)
    return DeadLetterReplayed(is_replayed=True)
