"""`natter users reset-password` and `invite`: links that open the web app's door, for who cannot be sent an e-mail.

Each is a row of Better Auth's table of what is to be verified, as the web app itself would write it; the link's token
is in it. So these need the database of the accounts, and not that the web app runs.
"""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from contracts.events import AuditAction, AuditEvent
from contracts.services import Service

from natter.data_directory import DataDirectory
from natter.operating import roles
from natter.operating.asking import DataDir, NatsUrl, run
from natter.operator_bus import NoStackError, operator_bus, operator_settings
from natter.settings import Settings

RESET_LIFETIME = timedelta(hours=24)
INVITATION_LIFETIME = timedelta(days=7)
TOKEN_BYTES = 32
EMAIL_CHARACTERS_MAX = 254
INSERT = """
insert into auth.verification (id, identifier, value, "expiresAt", "createdAt", "updatedAt")
values ($1, $2, $3, $4, $5, $5)
"""

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The address of the account")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(envvar="NATTER_WEB_DATABASE_URL", help="The accounts' Postgres, where it is not the stack's own"),
]
WebUrl = Annotated[str | None, typer.Option(help="Where people reach the web app. Default: that of the stack")]


def reset_password(
    email: EmailArgument,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    nats_url: NatsUrl = None,
    web_url: WebUrl = None,
) -> None:
    """Print a link with which the owner of an account chooses a new password: good once, for a day."""
    typer.echo(run(_reset_link(email.lower(), data_dir, database_url, nats_url, web_url)))


def invite(
    email: EmailArgument,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    nats_url: NatsUrl = None,
    web_url: WebUrl = None,
) -> None:
    """Print a link with which somebody makes an account with this address: good once, for a week."""
    if "@" not in email or len(email) > EMAIL_CHARACTERS_MAX:
        raise typer.BadParameter("an e-mail address", param_hint="EMAIL")
    typer.echo(run(_invitation_link(email.lower(), data_dir, database_url, nats_url, web_url)))


async def _reset_link(
    email: str, data_dir: Path | None, database_url: str | None, nats_url: str | None, web_url: str | None
) -> str:
    origin = _origin(data_dir, web_url)
    connection = await roles.enter(roles.accounts_database(data_dir, database_url))
    try:
        user_id = await connection.fetchval('select id from auth."user" where email = $1', email)
        if user_id is None:
            raise NoStackError("there is no account with this address")
        await _note("reset_link_made", user_id, data_dir, nats_url)
        token = await write_link(connection, "reset-password", user_id, RESET_LIFETIME)
    finally:
        await connection.close()
    return f"{origin}/reset-password#{token}"


async def _invitation_link(
    email: str, data_dir: Path | None, database_url: str | None, nats_url: str | None, web_url: str | None
) -> str:
    origin = _origin(data_dir, web_url)
    connection = await roles.enter(roles.accounts_database(data_dir, database_url))
    try:
        await _note("invitation_made", None, data_dir, nats_url)
        token = await write_link(connection, "invitation", email, INVITATION_LIFETIME)
    finally:
        await connection.close()
    return f"{origin}/sign-up#invitation={token}&email={quote(email)}"


async def write_link(connection: Any, kind: str, value: str, lifetime: timedelta) -> str:
    """Keep what the link is for; return its token."""
    token, now = secrets.token_urlsafe(TOKEN_BYTES), datetime.now(UTC)
    await connection.execute(INSERT, secrets.token_hex(16), f"{kind}:{token}", value, now + lifetime, now)
    return token


async def _note(action: AuditAction, user_id: str | None, data_dir: Path | None, nats_url: str | None) -> None:
    """For AUDIT, before it is done. It is the operator's word."""
    event = AuditEvent(action=action, user_id=user_id)
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        await bus.publish_stored(event.subject(Service.OPERATOR), event.encode())


def _origin(data_dir: Path | None, web_url: str | None) -> str:
    if web_url is not None:
        return web_url.rstrip("/")
    state = DataDirectory.open(data_dir or Settings().data_dir).read_state()
    if state is None or not state.url:
        raise NoStackError("no stack has run here: give --data-dir, or --web-url, --database-url and --nats-url")
    return state.url
