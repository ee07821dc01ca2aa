"""`natter runs`: what is being answered and what was, without what was said."""

from typing import Annotated

import typer
from contracts.queries import GetReport
from rich.table import Column, Table

from natter.operating.asking import (
    ROWS_MAX,
    AsJson,
    DataDir,
    NatsUrl,
    as_user,
    ask,
    console,
    path_of,
    print_json,
    run,
    short_time,
)

runs_app = typer.Typer(help="Runs: what is being answered, and what was.", no_args_is_help=True)
RUN_ID_WIDTH = 36
"""An id is to be copied: it is not broken where the terminal is narrow."""
RunArgument = Annotated[str, typer.Argument(metavar="RUN_ID", help="As `natter runs list` shows it")]


@runs_app.command("list", epilog="Example: natter runs list --status failed --limit 5")
def list_runs(
    user: Annotated[str | None, typer.Option(help="Of this user alone")] = None,
    conversation: Annotated[str | None, typer.Option(help="Of this conversation alone")] = None,
    status: Annotated[str | None, typer.Option(help="queued, running, waiting, completed, failed or cancelled")] = None,
    limit: Annotated[int, typer.Option(min=1, max=ROWS_MAX)] = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    nats_url: NatsUrl = None,
) -> None:
    """The newest runs of all users."""
    query = GetReport(kind="runs", user_id=user, conversation_id=conversation, status=status, limit=limit)
    rows = run(ask(data_dir, nats_url, query))
    if as_json:
        print_json(rows)
        return
    table = Table(
        Column("run", no_wrap=True, min_width=RUN_ID_WIDTH),
        "user",
        "assistant",
        "status",
        "attempt",
        "model",
        "tokens",
        "created",
        "why",
    )
    for row in rows:
        table.add_row(
            *(str(row[name] or "-") for name in ("run_id", "user_id", "assistant_id", "status", "epoch", "model")),
            str(row["total_tokens"] or "-"),
            short_time(row["created_at"]),
            str(row["error_code"] or ""),
        )
    console.print(table if rows else "there are no runs")


@runs_app.command(epilog="Example: natter runs show run_019b7e1f --json | jq .tool_calls")
def show(run_id: RunArgument, as_json: AsJson = False, data_dir: DataDir = None, nats_url: NatsUrl = None) -> None:
    """One run: its attempts, its lease, its figures and its tool calls."""
    (row,) = run(ask(data_dir, nats_url, GetReport(kind="run", run_id=run_id)))
    if as_json:
        print_json(row)
        return
    calls = row.pop("tool_calls")
    for name, value in row.items():
        console.print(f"{name:<18} {'-' if value is None else value}", markup=False)
    if isinstance(calls, list) and calls:
        table = Table("call", "tool", "status", "attempt", "begun", "finished")
        for call in calls:
            assert isinstance(call, dict)
            table.add_row(
                *(str(call[name]) for name in ("call_id", "name", "status", "epoch")),
                *(short_time(call[name]) for name in ("begun_at", "finished_at")),
            )
        console.print(table)


@runs_app.command(epilog="Example: natter runs cancel run_019b7e1f")
def cancel(run_id: RunArgument, data_dir: DataDir = None) -> None:
    """Stop a run, as its user would; what was written stays."""
    (row,) = run(ask(data_dir, None, GetReport(kind="run", run_id=run_id)))
    as_user(data_dir, str(row["user_id"]), "POST", path_of(str(row["user_id"]), "runs", run_id, "cancel"))
    console.print(f"{run_id} is told to stop")
