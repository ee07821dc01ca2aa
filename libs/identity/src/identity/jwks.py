"""The issuer's public keys: fetched without blocking, cached, refreshed with a cooldown, kept if the issuer is away."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx
import structlog
from jwt import PyJWK

from identity.errors import InvalidToken, KeysUnavailable
from identity.keys import KeyIndex, read_key_set

FETCH_TIMEOUT_SECONDS: Final = 2.0
DOCUMENT_BYTES_MAX: Final = 256 * 1024
RETRY_SECONDS: Final = 2.0
"""After a failed fetch the next one is due sooner than the cooldown."""
STARTING_SECONDS: Final = 0.25
"""Between two attempts at an issuer that never answered. Who needs its keys waits for the next attempt: it may just
have started, and the first people to come are not to be told that their token is false."""

_log = structlog.stdlib.get_logger("identity.jwks")


@dataclass
class JwksSource:
    """One JWKS document at an http(s) or file URL, and what was last read from it."""

    url: str
    client: httpx.AsyncClient
    keys: KeyIndex = field(default_factory=KeyIndex)
    has_loaded: bool = False
    attempted_at: float = float("-inf")
    loaded_at: float = float("-inf")
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def refresh(self, now: float, cooldown_seconds: float) -> None:
        """Fetch again unless the last attempt is too recent. A failure keeps the keys that are there."""
        async with self._one_at_a_time:
            if self.attempted_at > now:
                return  # another caller has tried since this one asked
            wait_seconds = cooldown_seconds if self.loaded_at == self.attempted_at else RETRY_SECONDS
            if not self.has_loaded:
                await asyncio.sleep(self.attempted_at + STARTING_SECONDS - now)
            elif now - self.attempted_at < wait_seconds:
                return
            self.attempted_at = time.time()
            try:
                async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
                    document = await self._fetch()
                self.keys = read_key_set(document)
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
                _log.warning("jwks_fetch_failed", url=self.url, error=type(error).__name__, keys_kept=len(self.keys))
                return
            self.has_loaded, self.loaded_at = True, self.attempted_at

    async def _fetch(self) -> bytes:
        parts = urlsplit(self.url)
        if parts.scheme == "file":
            return await asyncio.to_thread(_read_bounded, Path(url2pathname(parts.path)))
        document = bytearray()
        async with self.client.stream("GET", self.url, headers={"accept": "application/json"}) as response:
            response.raise_for_status()
            if response.is_redirect:
                raise ValueError("a JWKS URL that redirects is not followed")
            async for chunk in response.aiter_bytes():
                document += chunk
                if len(document) > DOCUMENT_BYTES_MAX:
                    raise ValueError("the JWKS document is too large")
        return bytes(document)


@dataclass
class JwksKeys:
    """The keys of one or several sources; a key is taken from the first source that has it."""

    sources: Sequence[JwksSource]
    cooldown_seconds: float
    age_seconds_max: float
    _refreshing: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def find(self, key_id: str, algorithm: str) -> PyJWK:
        """The key with this kid that is bound to this algorithm.

        An unknown kid causes one fetch per source and cooldown. Raises InvalidToken
        (`token_key_unknown`), or KeysUnavailable when a source that may have it has never answered.
        """
        key = self._lookup(key_id, algorithm)
        if key is not None:
            self._refresh_when_old()
            return key
        await self.refresh()
        key = self._lookup(key_id, algorithm)
        if key is not None:
            return key
        if not self.all_are_loaded:
            raise KeysUnavailable("the issuer's keys cannot be fetched at the moment")
        raise InvalidToken("token_key_unknown", "no trusted key has this kid and algorithm")

    @property
    def are_loaded(self) -> bool:
        return any(source.has_loaded for source in self.sources)

    @property
    def all_are_loaded(self) -> bool:
        return all(source.has_loaded for source in self.sources)

    async def refresh(self) -> None:
        """Fetch every source whose cooldown has passed, together. Never raises for a source that is away."""
        now = time.time()
        await asyncio.gather(*(source.refresh(now, self.cooldown_seconds) for source in self.sources))

    async def load(self) -> None:
        """Fetch once; where a source does not answer, go on trying in the background, so that a service that started
        before its issuer becomes ready without a request, which nobody sends to a service that is not ready.
        """
        await self.refresh()
        if not self.all_are_loaded:
            self._in_background(self._load_until_done())

    async def _load_until_done(self) -> None:
        while not self.all_are_loaded:
            await asyncio.sleep(RETRY_SECONDS)
            await self.refresh()

    async def aclose(self) -> None:
        """End the refreshes that are under way."""
        for task in self._refreshing:
            task.cancel()
        await asyncio.gather(*self._refreshing, return_exceptions=True)

    def _lookup(self, key_id: str, algorithm: str) -> PyJWK | None:
        found = (source.keys.get((key_id, algorithm)) for source in self.sources)
        return next((key for key in found if key is not None), None)

    def _refresh_when_old(self) -> None:
        # In the background: a caller whose key is at hand does not wait for the issuer.
        now = time.time()
        oldest = min(source.loaded_at for source in self.sources)
        if not self._refreshing and now - oldest > self.age_seconds_max:
            self._in_background(self.refresh())

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)


def _read_bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        document = file.read(DOCUMENT_BYTES_MAX + 1)
    if len(document) > DOCUMENT_BYTES_MAX:
        raise ValueError("the JWKS document is too large")
    return document
