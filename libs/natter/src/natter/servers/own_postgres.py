"""A Postgres of the operator's own (`--database-url`): who enters it as whom."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from contracts.postgres_roles import OWNER, STORE, WEB

DERIVED_BYTES = 32
_COST = {"n": 2**14, "r": 8, "p": 1}
"""Of scrypt: 16 MiB and some 50 ms, so that a store's password does not give away a weak one of the owner's."""


@dataclass(frozen=True)
class OwnPostgres:
    """The owner's URL, and those of the store and the web app where they are given too.

    Where one is not given, Natter makes the role, with a password that follows from the owner's: so two stacks on one
    server do not change it for each other, and nobody has to keep it. A URL without a password (`.pgpass`, `peer`) has
    `secret` in its place.
    """

    url: str
    direct_url: str | None = None
    store_url: str | None = None
    web_url: str | None = None
    secret: str = field(default="", repr=False)

    def environment_of(self, role: str) -> dict[str, str]:
        """DATABASE_URL, and DATABASE_DIRECT_URL where there is one, for a role."""
        given = {STORE: self.store_url, WEB: self.web_url}.get(role)
        if given is not None:
            return {"DATABASE_URL": given}
        urls = {"DATABASE_URL": self.url, "DATABASE_DIRECT_URL": self.direct_url}
        return {name: url if role == OWNER else self._entered_as(url, role) for name, url in urls.items() if url}

    @property
    def roles_environment(self) -> Mapping[str, str]:
        """What `python -m conversation_store roles` is told, as the owner."""
        return {
            **self.environment_of(OWNER),
            **self._role(STORE, "DATABASE_STORE", self.store_url),
            **self._role(WEB, "DATABASE_WEB", self.web_url),
        }

    def _role(self, role: str, prefix: str, given: str | None) -> dict[str, str]:
        if given is None:
            return {f"{prefix}_ROLE": role, f"{prefix}_PASSWORD": self._password(role)}
        return {f"{prefix}_ROLE": unquote(urlsplit(given).username or "")}

    def _password(self, role: str) -> str:
        key = unquote(urlsplit(self.url).password or self.secret).encode()
        derived = hashlib.scrypt(key, salt=f"natter {role}".encode(), dklen=DERIVED_BYTES, **_COST)
        return base64.urlsafe_b64encode(derived).decode().rstrip("=")

    def _entered_as(self, url: str, role: str) -> str:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        query = [(name, value) for name, value in parse_qsl(parts.query) if name not in {"user", "password"}]
        netloc = f"{role}:{quote(self._password(role), safe='')}@{host}"
        return urlunsplit((parts.scheme, netloc, parts.path, urlencode(query), ""))
