"""A key pair for each party on the bus (NATS nkeys, Ed25519): the server gets the public half, the service its seed."""

import secrets
from dataclasses import dataclass, field

import nkeys  # pyright: ignore[reportMissingTypeStubs]
from contracts.services import Service

SEED_BYTES = 32


@dataclass(frozen=True)
class KeyPair:
    """``public`` goes into the server's configuration, ``seed`` into the secret of the one service."""

    public: str
    seed: str = field(repr=False)


def new_key_pair() -> KeyPair:
    seed = bytes(nkeys.encode_seed(secrets.token_bytes(SEED_BYTES), nkeys.PREFIX_BYTE_USER))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    public = bytes(nkeys.from_seed(bytearray(seed)).public_key)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return KeyPair(public=public.decode(), seed=seed.decode())


def new_environment() -> dict[Service, KeyPair]:
    """A fresh pair for every party, for deploy/nats.conf."""
    return {service: new_key_pair() for service in Service}
