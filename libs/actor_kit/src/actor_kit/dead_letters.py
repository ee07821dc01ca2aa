"""Messages that could not be handled: read them, and have one handled again. The command line and the store do."""

import base64
from dataclasses import dataclass, field

from contracts.commands import RunRequested
from contracts.errors import Code, TerminalError
from contracts.events import DeadLetter
from contracts.ids import FIRST_ASSISTANT_ID
from contracts.streams import DEAD_LETTERS, SUBJECT_OF_ONE_ASSISTANT
from contracts.subjects import subject_filter
from pydantic import ValidationError

from actor_kit.bus import Bus
from actor_kit.bus.admin import StreamAdmin

BATCH_MAX = 256
LETTERS_READ_MAX = 1_000


@dataclass(frozen=True)
class StoredLetter:
    """A dead letter and its place in DEAD_LETTERS."""

    sequence: int
    letter: DeadLetter


@dataclass(frozen=True)
class Letters:
    """The oldest dead letters; ``unreadable``: the places of those that another version wrote."""

    stored: list[StoredLetter] = field(default_factory=list[StoredLetter])
    unreadable: list[int] = field(default_factory=list[int])

    def one(self, sequence: int) -> StoredLetter:
        """Raises TerminalError (not_found)."""
        found = next((stored for stored in self.stored if stored.sequence == sequence), None)
        if found is None:
            raise TerminalError(Code.NOT_FOUND, f"There is no dead letter {sequence}.")
        return found


async def read_letters(bus: Bus, *, letters_max: int = LETTERS_READ_MAX) -> Letters:
    """Read the oldest dead letters, at most ``letters_max``."""
    letters = Letters()
    sequence = 1
    while len(letters.stored) < letters_max:
        messages, pending = await bus.direct_get(
            DEAD_LETTERS.name, subject_filter(DeadLetter), from_sequence=sequence, batch_max=BATCH_MAX
        )
        for message in messages:
            sequence = message.sequence + 1
            try:
                letters.stored.append(StoredLetter(message.sequence, DeadLetter.decode(message.payload)))
            except ValidationError:
                letters.unreadable.append(message.sequence)
        if not messages or pending == 0:
            break
    return letters


async def replay(bus: Bus, stored: StoredLetter) -> None:
    """Publish the message on its subject again, then delete the letter. Sent twice, it is stored once (Nats-Msg-Id)."""
    letter = stored.letter
    headers = {name: value for name, value in letter.headers.items() if not name.startswith("Nats-")}
    payload = base64.b64decode(letter.payload_base64)
    await bus.publish_stored(_subject_now(letter), payload, headers, message_id=f"replay-{stored.sequence}")
    await discard(bus, stored)


async def discard(bus: Bus, stored: StoredLetter) -> None:
    """Delete the letter: nobody has to handle its message any more."""
    await StreamAdmin(bus.client).delete_message(DEAD_LETTERS.name, stored.sequence)


def _subject_now(letter: DeadLetter) -> str:
    """The letter's subject. Runs were requested without naming an assistant when there was one."""
    tokens = letter.subject.split(".")
    if letter.message == RunRequested.__name__ and len(tokens) == len(SUBJECT_OF_ONE_ASSISTANT.split(".")):
        tokens.insert(1, FIRST_ASSISTANT_ID)
    return ".".join(tokens)
