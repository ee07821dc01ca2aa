"""Proof of the principal: a header of every request that says, signed, for whom it is; a name in a body proves nothing.

Two kinds, both compact JWTs (HS256) that are short-lived and never leave the services:

    user   auth_edge and stream_relay sign it with PRINCIPAL_SECRET for the principal of a token that they verified
    run    conversation_store hands it to the runner that claims a run, signed with RUN_TOKEN_SECRET, which nobody else
           has; the runner sends it with all that it asks for this run, and task tools forward it

The receiver checks it in one place, `Proofs.check`, before the handler is called. No JWT library: it would cost five
times as much, and there is one header, one algorithm and one reader for each kind.
"""

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.message import Message
from contracts.registry import REGISTRY, Rule
from contracts.services import Service
from pydantic_core import from_json, to_json

PROOF_HEADER: Final = "Natter-Proof"
PROOF_BYTES_MAX: Final = 4096
USER_PROOF_SECONDS: Final = 30
"""Longer than any request waits, and than clocks differ."""
CLOCKS_DIFFER_SECONDS: Final = 5
RUN_PROOF_SECONDS: Final = 24 * 60 * 60
"""Only an upper bound: a run's proof ends with the run, and with the attempt that it was given to."""


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


@dataclass(frozen=True)
class RunProof:
    """The attempt of a run that a proof was given to."""

    run_id: str
    conversation_id: str
    epoch: int


@dataclass(frozen=True)
class Proof:
    """What a valid proof says. ``issued_at``: when the user's own token was issued, in seconds; of a run, its claim."""

    user_id: str
    scope: str
    conversation_id: str | None
    issued_at: int
    run: RunProof | None = None


@dataclass(frozen=True)
class _Kind:
    """One kind of token: its constant header, as it stands before the first point."""

    prefix: bytes

    @classmethod
    def of(cls, token_type: str) -> "_Kind":
        return cls(_encoded(to_json({"alg": "HS256", "typ": token_type})) + b".")

    def sign(self, secret: bytes, claims: Mapping[str, Any]) -> str:
        signed = self.prefix + _encoded(to_json(claims))
        return (signed + b"." + _encoded(hmac.digest(secret, signed, "sha256"))).decode()

    def open(self, secrets: Sequence[bytes], token: bytes) -> dict[str, Any]:
        """The claims. Raises ValueError for whatever this kind's signer has not made, or has made too long ago."""
        signed, _, signature = token.rpartition(b".")
        if not signed.startswith(self.prefix) or not any(
            hmac.compare_digest(signature, _encoded(hmac.digest(secret, signed, "sha256"))) for secret in secrets
        ):
            raise ValueError("not signed by its signer")
        payload = signed[len(self.prefix) :]
        claims: dict[str, Any] = from_json(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
        if claims["exp"] + CLOCKS_DIFFER_SECONDS < time.time():
            raise ValueError("expired")
        return claims


_USER, _RUN = _Kind.of("natter-user+jwt"), _Kind.of("natter-run+jwt")


def prove_user(secret: bytes, principal: Principal, *, issued_at: datetime | None = None) -> str:
    """Prove, for half a minute, that a token of this principal, of this age, was verified here."""
    now = time.time()
    issued_at = issued_at or getattr(principal, "issued_at", None)  # a verified one knows it
    claims: dict[str, Any] = {
        "sub": principal.user_id,
        "scope": principal.scope,
        "auth_time": int(now if issued_at is None else issued_at.timestamp()),
        "exp": int(now) + USER_PROOF_SECONDS,
    }
    if principal.conversation_id is not None:
        claims["conversation_id"] = principal.conversation_id
    return _USER.sign(secret, claims)


def prove_run(secret: bytes, user_id: str, run: RunProof, *, ttl_seconds: int = RUN_PROOF_SECONDS) -> str:
    """The run token: whoever holds it may do for this run, as long as it and this attempt last, what a runner may."""
    now = int(time.time())
    return _RUN.sign(secret, {"sub": user_id, **vars(run), "auth_time": now, "exp": now + ttl_seconds})


def claims_of_run_token(token: str) -> Proof:
    """What a run token says, unproven: for who will have it checked by the store. Raises ValueError."""
    payload = token.encode()[: PROOF_BYTES_MAX + 1].split(b".")
    if len(payload) != 3 or payload[0] + b"." != _RUN.prefix:
        raise ValueError("not a run token")
    try:
        claims = from_json(urlsafe_b64decode(payload[1] + b"=" * (-len(payload[1]) % 4)))
        return _proof_of_run(claims)
    except (KeyError, TypeError) as error:
        raise ValueError("not a run token") from error


def _proof_of_run(claims: dict[str, Any]) -> Proof:
    run = RunProof(claims["run_id"], claims["conversation_id"], claims["epoch"])
    return Proof(claims["sub"], "full", None, claims["auth_time"], run)


@dataclass(frozen=True)
class Proofs:
    """Checks the proofs of the requests of one service. The secrets of before are good while they are changed."""

    principal_secret: bytes
    run_token_secret: bytes
    principal_secrets_previous: tuple[bytes, ...] = ()
    run_token_secrets_previous: tuple[bytes, ...] = ()

    def check(self, request: Message, headers: Mapping[str, str]) -> Proof | None:
        """The proof of a request, None where it needs none. Raises TerminalError (proof_refused, forbidden, …)."""
        accepted = _ACCEPTED.get(type(request))
        if accepted is None:
            return None
        token = headers.get(PROOF_HEADER, "").encode()
        proof = self._open(accepted, token)
        principal: Any = vars(request)["principal"]
        if principal.user_id != proof.user_id:
            raise TerminalError(Code.FORBIDDEN, "The proof is for another user.")
        if (principal.scope, principal.conversation_id) != (proof.scope, proof.conversation_id):
            raise TerminalError(Code.FORBIDDEN, "The proof is for another session.")
        if proof.run is not None:
            _check_run(request, proof.run)
        return proof

    def _open(self, accepted: frozenset[_Kind], token: bytes) -> Proof:
        if len(token) <= PROOF_BYTES_MAX:
            with suppress(ValueError, KeyError, TypeError):
                if _RUN in accepted and token.startswith(_RUN.prefix):
                    secrets = (self.run_token_secret, *self.run_token_secrets_previous)
                    return _proof_of_run(_RUN.open(secrets, token))
                if _USER in accepted and token.startswith(_USER.prefix):
                    claims = _USER.open((self.principal_secret, *self.principal_secrets_previous), token)
                    return Proof(claims["sub"], claims["scope"], claims.get("conversation_id"), claims["auth_time"])
        raise TerminalError(Code.PROOF_REFUSED, "The request does not prove for whom it is.")


def _check_run(request: Message, run: RunProof) -> None:
    """A run's proof is good for that run, its conversation and its attempt."""
    fields = vars(request)
    effect_key = fields.get("effect_key")
    named = {
        "run_id": fields.get("run_id") or (effect_key and effect_key.run_id),
        "conversation_id": fields.get("conversation_id"),
    }
    for name, value in named.items():
        if value is not None and value != getattr(run, name):
            raise TerminalError(Code.FORBIDDEN, "The proof is for another run.", field=name)
    if fields.get("epoch", run.epoch) != run.epoch:
        raise TerminalError(Code.RUN_STALE_EPOCH, "The proof is for another attempt of the run.")


def _accepted_of(senders: frozenset[Service]) -> frozenset[_Kind]:
    kinds: set[_Kind] = set()
    if senders & {Service.AUTH_EDGE, Service.STREAM_RELAY}:
        kinds.add(_USER)
    if senders & {Service.AGENT_RUNNER, Service.TASK_TOOLS}:
        kinds.add(_RUN)
    return frozenset(kinds)


_ACCEPTED: Final[Mapping[type[Message], frozenset[_Kind]]] = {
    entry.message: _accepted_of(entry.senders)
    for entry in REGISTRY
    if entry.rule not in (Rule.SERVICE, Rule.CLAIM) and "principal" in entry.message.model_fields
}
"""Which kinds of proof a request takes: by who may send it."""
