"""`natter users`: what one user has; all of it as a document; none of it any more; who is an operator."""

import json
from pathlib import Path
from typing import Annotated

import typer
from contracts.queries import GetReport

from natter.failing import fail
from natter.operating import roles
from natter.operating.accounts import DatabaseUrl, EmailArgument, invite, reset_password
from natter.operating.asking import AsJson, DataDir, NatsUrl, as_user, ask, console, path_of, print_json, run

users_app = typer.Typer(
    help="One user: what they have, their data, its erasure; links for who cannot get in.", no_args_is_help=True
)
users_app.command("reset-password", epilog="Example: natter users reset-password alice@example.org")(reset_password)
users_app.command(epilog="Example: natter users invite alice@example.org")(invite)
UserArgument = Annotated[str, typer.Argument(metavar="USER_ID", help="The token's subject")]


@users_app.command(epilog="Example: natter users show alice")
def show(user: UserArgument, as_json: AsJson = False, data_dir: DataDir = None, nats_url: NatsUrl = None) -> None:
    """How much a user has stored, and used today and this month (UTC)."""
    (row,) = run(ask(data_dir, nats_url, GetReport(kind="user", user_id=user)))
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        console.print(f"{name:<18} {'-' if value is None else value}", markup=False)


@users_app.command(epilog="Example: natter users export alice --output alice.json")
def export(
    user: UserArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file; without it, standard output")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Everything of a user as one JSON document: what `GET /api/USER_ID/export` gives them."""
    document = json.dumps(as_user(data_dir, user, "GET", path_of(user, "export")), indent=2)
    if output is None:
        typer.echo(document)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(document)
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}")
    console.print(f"{output} has everything of {user}", markup=False)


@users_app.command(epilog="Example: natter users erase alice --yes")
def erase(
    user: UserArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    data_dir: DataDir = None,
) -> None:
    """Erase a user: rows, deltas, what waits. There is no way back, but from a backup."""
    if not yes:
        typer.confirm(f"Erase everything of {user}?", abort=True)
    as_user(data_dir, user, "DELETE", path_of(user))
    console.print(f"{user} is erased", markup=False)


@users_app.command("make-operator", epilog="Example: natter users make-operator olga@example.org")
def make_operator(email: EmailArgument, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Let somebody who has an account see the operator's page: figures, runs and failures of all users."""
    _set_role(email, roles.OPERATOR_ROLE, data_dir, database_url)
    console.print(f"{email} is an operator: /operator in the web app", markup=False)


@users_app.command("unmake-operator", epilog="Example: natter users unmake-operator olga@example.org")
def unmake_operator(email: EmailArgument, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Let an operator be a user as others are."""
    _set_role(email, None, data_dir, database_url)
    console.print(f"{email} is no operator", markup=False)


def _set_role(email: str, role: str | None, data_dir: Path | None, database_url: str | None) -> None:
    """The tokens that they have end where this stack's edge can be asked, so that the next one says their role."""
    user_id = run(roles.set_role(roles.accounts_database(data_dir, database_url), email, role))
    if user_id is None:
        fail(f"nobody signs in as {email}: they sign up first")
    if database_url is None:
        as_user(data_dir, user_id, "DELETE", path_of(user_id, "tokens"))
    else:
        console.print("the web app knows within a second; a token that is elsewhere holds for up to 15 minutes")
