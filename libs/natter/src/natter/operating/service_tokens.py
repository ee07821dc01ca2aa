"""`natter service-tokens`: with one, another system begins turns for users (`POST /api/service/turns`)."""

from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from actor_kit.bus import Bus
from contracts.commands import CreateServiceToken, RevokeServiceToken
from contracts.message import Command, Query, Reply
from contracts.queries import ListServiceTokens
from contracts.replies import ServiceTokenView
from contracts.service_tokens import hash_of, new_token
from rich.table import Table

from natter.operating.asking import AsJson, DataDir, NatsUrl, console, print_json, run, short_time
from natter.operator_bus import operator_bus, operator_settings

service_tokens_app = typer.Typer(help="Tokens with which another system begins turns for users.", no_args_is_help=True)
ReplyT = TypeVar("ReplyT", bound=Reply)

DAY_SECONDS: Final = 24 * 3600


@service_tokens_app.command(epilog="Example: natter service-tokens create shop --user alice --assistant support")
def create(
    name: Annotated[str, typer.Argument(help="What uses it")],
    user: Annotated[list[str] | None, typer.Option(help="For this user, may be repeated; else for all")] = None,
    assistant: Annotated[list[str] | None, typer.Option(help="By this assistant, may be repeated; else by all")] = None,
    days: Annotated[float | None, typer.Option(min=0.001, help="How long it holds; else until it is revoked")] = None,
    data_dir: DataDir = None,
    nats_url: NatsUrl = None,
) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    token = new_token()
    command = CreateServiceToken(
        name=name,
        token_hash=hash_of(token),
        user_ids=tuple(user or ()),
        assistant_ids=tuple(assistant or ()),
        holds_seconds=None if days is None else max(1, round(days * DAY_SECONDS)),
    )
    made = run(_ask(data_dir, nats_url, command)).token
    console.print(f"{made.token_id}, {_scope(made)}; it is shown this once:", markup=False)
    typer.echo(token)


@service_tokens_app.command("list", epilog="Example: natter service-tokens list")
def show(as_json: AsJson = False, data_dir: DataDir = None, nats_url: NatsUrl = None) -> None:
    """The tokens, the newest first, without their secrets."""
    tokens = run(_ask(data_dir, nats_url, ListServiceTokens())).data
    if as_json:
        print_json([token.model_dump(mode="json") for token in tokens])
        return
    if not tokens:
        console.print("there are no service tokens")
        return
    table = Table("id", "name", "for", "made", "used", "holds until")
    for token in tokens:
        ends = "revoked" if token.revoked_at else short_time(token.expires_at)
        table.add_row(
            token.token_id,
            token.name,
            _scope(token),
            short_time(token.created_at),
            short_time(token.last_used_at),
            ends,
        )
    console.print(table)


@service_tokens_app.command(epilog="Example: natter service-tokens revoke st_0199a1b2c3d4")
def revoke(
    token_id: Annotated[str, typer.Argument(help="As `list` shows it")],
    data_dir: DataDir = None,
    nats_url: NatsUrl = None,
) -> None:
    """Let a token hold no more, from now on. Turns that it has begun go on."""
    run(_ask(data_dir, nats_url, RevokeServiceToken(token_id=token_id)))
    console.print(f"{token_id} is revoked", markup=False)


async def _ask(data_dir: Path | None, nats_url: str | None, message: Command[ReplyT] | Query[ReplyT]) -> ReplyT:
    bus: Bus
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        return await bus.request(message, timeout_seconds=5)


def _scope(token: ServiceTokenView) -> str:
    users = ", ".join(token.user_ids) or "every user"
    return f"{users} by {', '.join(token.assistant_ids) or 'every assistant'}"
