"""How often a secret is used (a link's token, a service's): by whom is not known, so it is counted, and the guesses."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from contracts.errors import Code, RetryableError

WINDOW_SECONDS: Final = 60.0
SECRETS_KNOWN_MAX: Final = 10_000


@dataclass
class SecretUses:
    """Of one replica, in windows of a minute. Who guesses does not hold up the users of real ones."""

    uses_max: int
    guesses_max: int
    clock: Callable[[], float]
    _uses: dict[str, int] = field(default_factory=dict[str, int])
    _known: OrderedDict[str, None] = field(default_factory=OrderedDict[str, None])
    """Those that were found, the last asked for last."""
    _guesses: int = 0
    _window_ends: float = 0.0

    def admit(self, token_hash: str) -> None:
        """Count a use that is about to be made. Raises RetryableError (rate_limited)."""
        now = self.clock()
        if now >= self._window_ends:
            self._uses.clear()
            self._guesses = 0
            self._window_ends = now + WINDOW_SECONDS
        is_known = token_hash in self._known
        count, count_max = (
            (self._uses.get(token_hash, 0), self.uses_max) if is_known else (self._guesses, self.guesses_max)
        )
        if count >= count_max:
            raise RetryableError(
                Code.RATE_LIMITED, "Used too often; try again.", retry_after_seconds=max(1.0, self._window_ends - now)
            )
        if is_known:
            self._uses[token_hash] = count + 1
            self._known.move_to_end(token_hash)
        else:
            self._guesses += 1

    def found(self, token_hash: str) -> None:
        """It was no guess."""
        if token_hash not in self._known:
            self._guesses = max(0, self._guesses - 1)
            self._uses[token_hash] = self._uses.get(token_hash, 0) + 1
        self._known[token_hash] = None
        if len(self._known) > SECRETS_KNOWN_MAX:
            self._known.popitem(last=False)

    def lost(self, token_hash: str) -> None:
        """It was revoked: from now on it is a guess."""
        self._known.pop(token_hash, None)
