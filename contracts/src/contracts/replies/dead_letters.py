"""What could not be done, for its operator."""

from contracts.message import Body, Reply


class DeadLetterView(Body):
    """A message that could not be handled: ``sequence`` is its place in DEAD_LETTERS."""

    sequence: int
    service: str
    message: str
    code: str
    detail: str
    deliveries_count: int


class DeadLetterList(Reply):
    """The oldest dead letters."""

    data: tuple[DeadLetterView, ...]


class DeadLetterReplayed(Reply):
    """``is_replayed``: it was there. One that was replayed before is there no more."""

    is_replayed: bool
