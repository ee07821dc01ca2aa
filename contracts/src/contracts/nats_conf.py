"""The NATS server's configuration of users, in its own words, from the permissions; and deploy/nats.conf."""

import json
from typing import Any

from contracts.message import PAYLOAD_BYTES_MAX
from contracts.permissions import permissions_of
from contracts.services import Service

RESPONSE_EXPIRES = "30s"
"""How long a service may answer a request: longer than any caller waits, short enough to be no standing right."""

CONTROL_LINE_BYTES_MAX = 4_096
CONNECTIONS_MAX = 1_000
SUBSCRIPTIONS_MAX_PER_CONNECTION = 100_000


def permissions_object(service: Service) -> dict[str, Any]:
    """The ``permissions`` of a user: what is not allowed is denied."""
    rights = permissions_of(service)
    permissions: dict[str, Any] = {
        "publish": {"allow": list(rights.publish)},
        "subscribe": {"allow": list(rights.subscribe)},
    }
    if rights.allow_responses:
        permissions["allow_responses"] = {"max": 1, "expires": RESPONSE_EXPIRES}
    return permissions


def limits() -> dict[str, int]:
    """The server-wide limits: messages no larger than the contracts allow, connections and subscriptions bounded."""
    return {
        "max_payload": PAYLOAD_BYTES_MAX,
        "max_control_line": CONTROL_LINE_BYTES_MAX,
        "max_connections": CONNECTIONS_MAX,
        "max_subscriptions": SUBSCRIPTIONS_MAX_PER_CONNECTION,
    }


def render() -> str:
    """deploy/nats.conf: every user with the nkey or the password of its environment variable."""
    lines = [
        "# Generated from contracts/ by `make generate`: edit the registry, not this file.",
        "# Users enter by nkey: set NATS_NKEY_<USER> to the public key. deploy/nats-passwords.conf is the same with",
        "# passwords, for where nkeys are not wanted.",
    ]
    return "\n".join([*lines, *_body("nkey")])


def render_with_passwords() -> str:
    """deploy/nats-passwords.conf: the same with a password per user from NATS_PASSWORD_<USER>."""
    lines = ["# Generated from contracts/ by `make generate`: edit the registry, not this file."]
    return "\n".join([*lines, *_body("password")])


def render_users() -> str:
    """nats-users.conf: the limits and the users with passwords alone, to be included by a server that is configured
    otherwise (a server of a cluster, of Compose or of Kubernetes).
    """
    lines = ["# Generated from contracts/ by `make generate`: edit the registry, not this file."]
    return "\n".join([*lines, *_limits_and_users("password")])


def _body(credential: str) -> list[str]:
    lines = [
        "server_name: natter",
        "listen: 0.0.0.0:4222",
        # Whoever reaches the monitor reads every connection and subject, without a password: so nobody from elsewhere.
        "http: 127.0.0.1:8222",
        "jetstream { store_dir: $NATS_STORE_DIR }",
    ]
    return [*lines, *_limits_and_users(credential)]


def _limits_and_users(credential: str) -> list[str]:
    lines = [
        *(f"{name}: {value}" for name, value in limits().items()),
        "authorization {",
        "  users: [",
    ]
    for service in Service:
        variable = f"$NATS_{credential.upper()}_{service.upper()}"
        identity = f"nkey: {variable}" if credential == "nkey" else f"user: {service}, password: {variable}"
        permissions = json.dumps(permissions_object(service), indent=2).replace("\n", "\n      ")
        lines += ["    {", f"      {identity}", f"      permissions: {permissions}", "    }"]
    return [*lines, "  ]", "}", ""]
