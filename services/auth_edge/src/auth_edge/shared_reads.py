"""How often links are read: by whom is not known, so what is counted is the link, and the guesses at links."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from contracts.errors import Code, RetryableError

WINDOW_SECONDS: Final = 60.0
LINKS_KNOWN_MAX: Final = 10_000


@dataclass
class SharedReads:
    """Of one replica, in windows of a minute. Who guesses tokens does not hold up the readers of real links."""

    reads_of_link_max: int
    guesses_max: int
    clock: Callable[[], float]
    _reads: dict[str, int] = field(default_factory=dict[str, int])
    _known: OrderedDict[str, None] = field(default_factory=OrderedDict[str, None])
    """Links that were found, the last asked for last."""
    _guesses: int = 0
    _window_ends: float = 0.0

    def admit(self, token_hash: str) -> None:
        """Count a read that is about to be made. Raises RetryableError (rate_limited)."""
        now = self.clock()
        if now >= self._window_ends:
            self._reads.clear()
            self._guesses = 0
            self._window_ends = now + WINDOW_SECONDS
        is_known = token_hash in self._known
        count, count_max = (
            (self._reads.get(token_hash, 0), self.reads_of_link_max) if is_known else (self._guesses, self.guesses_max)
        )
        if count >= count_max:
            raise RetryableError(
                Code.RATE_LIMITED, "Read too often; try again.", retry_after_seconds=max(1.0, self._window_ends - now)
            )
        if is_known:
            self._reads[token_hash] = count + 1
            self._known.move_to_end(token_hash)
        else:
            self._guesses += 1

    def found(self, token_hash: str) -> None:
        """It was no guess."""
        if token_hash not in self._known:
            self._guesses = max(0, self._guesses - 1)
            self._reads[token_hash] = self._reads.get(token_hash, 0) + 1
        self._known[token_hash] = None
        if len(self._known) > LINKS_KNOWN_MAX:
            self._known.popitem(last=False)

    def lost(self, token_hash: str) -> None:
        """It was revoked: from now on it is a guess."""
        self._known.pop(token_hash, None)
