"""What one user may use in a day and a month: runs, tokens, and what they cost. Looked at before a turn begins."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from actor_kit.prices import Prices
from contracts.errors import Code, RetryableError

from conversation_store.database import Row, Transaction
from conversation_store.statements import Statements
from conversation_store.turns.rules import UsageLimits

sql = Statements.beside(__file__)


async def check_usage(transaction: Transaction, user_id: str, limits: UsageLimits, prices: Prices) -> None:
    """Raises RetryableError (usage_exceeded) with the limit's name, until the day or the month (UTC) is over."""
    if limits.are_set:
        rows = await transaction.rows(sql.used, user_id=user_id)
        refuse_beyond(limits, used(rows, prices), rows[0])


def used(rows: list[Row], prices: Prices) -> dict[str, float]:
    """What was used today and this month, by the limits' names. What has no price costs nothing."""
    found: dict[str, float] = {field.name: 0.0 for field in fields(UsageLimits)}
    for row in rows:
        cost = prices.cost(row["model"], row["input_tokens"], row["output_tokens"]) or 0.0
        figures = {"runs": row["runs"], "tokens": row["input_tokens"] + row["output_tokens"], "cost": cost}
        for kind, figure in figures.items():
            found[f"{kind}_per_month"] += figure
            found[f"{kind}_per_day"] += figure if row["is_today"] else 0
    return found


def refuse_beyond(limits: UsageLimits, found: Mapping[str, float], times: Mapping[str, Any]) -> None:
    """The limit that lasts longest is told. Raises RetryableError (usage_exceeded)."""
    for period in ("month", "day"):
        for kind in ("runs", "tokens", "cost"):
            name = f"{kind}_per_{period}"
            limit = getattr(limits, name)
            if limit is not None and found[name] >= limit:
                unit = {"runs": "runs", "tokens": "tokens", "cost": "US dollars"}[kind]
                raise RetryableError(
                    Code.USAGE_EXCEEDED,
                    f"At most {limit:g} {unit} a {period} (UTC) are yours.",
                    field=name,
                    retry_after_seconds=max(1.0, float(round(times[f"{period}_ends_seconds"]))),
                )
