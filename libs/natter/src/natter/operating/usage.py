"""`natter usage`: how many runs and tokens, and what they cost by a table of prices."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from actor_kit.prices import SUMS, Prices, summed
from contracts.queries import GetReport
from rich.table import Table

from natter.operating.asking import ROWS_MAX, AsJson, DataDir, NatsUrl, ask, console, print_json, run
from natter.settings import Settings


class By(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    MODEL = "model"
    DAY = "day"


def usage(
    by: Annotated[list[By] | None, typer.Option(help="What a row is; may be repeated. Default: day")] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="From so many days ago on, today included (UTC)")] = 30,
    user: Annotated[str | None, typer.Option(help="Of this user alone")] = None,
    prices: Annotated[
        str | None,
        typer.Option(
            help='JSON, or a file of it: US dollars for a million tokens, {"gpt-5-mini": {"input": 0.25, "output": 2}}.'
            " Default: $MODEL_PRICES"
        ),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    nats_url: NatsUrl = None,
) -> None:
    """Runs, tokens and their estimated cost, by user, assistant, model or day."""
    keys = [str(one) for one in by or [By.DAY]]
    try:
        table_of_prices = Prices.read(
            Settings().given("MODEL_PRICES").get("MODEL_PRICES", "") if prices is None else prices
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--prices") from error
    since = datetime.now(UTC) - timedelta(days=days - 1)
    query = GetReport.model_validate({"kind": "usage", "user_id": user, "since": since, "by": keys, "limit": ROWS_MAX})
    rows = summed(run(ask(data_dir, nats_url, query)), keys, table_of_prices)
    if as_json:
        print_json(rows)
        return
    table = Table(*keys, "runs", "failed", "tokens in", "tokens out", "cost (USD)")
    for row in rows:
        cost = row["cost_usd"]
        figures = (f"{row[name]:,}" for name in SUMS)
        table.add_row(*(str(row[key] or "-") for key in keys), *figures, "-" if cost is None else f"{cost:,.4f}")
    console.print(table if rows else "nothing was used")
