"""What tokens cost: a table of prices by model, which operators keep. The store's quotas and the command line read it.

    {"gpt-5-mini": {"input": 0.25, "output": 2.0}, "*": {"input": 1, "output": 4}}

In US dollars for a million tokens. A model that is not named takes the price of the longest name that it begins with
(`gpt-5-mini-2026-08-07`), else that of `*`, else none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.message import Json
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

TOKENS_PER_PRICE = 1_000_000
SUMS = ("runs", "failed", "input_tokens", "output_tokens")
"""What a row of the usage report counts."""


class Price(BaseModel):
    """US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)


_TABLE: TypeAdapter[dict[str, Price]] = TypeAdapter(dict[str, Price])


@dataclass(frozen=True)
class Prices:
    """Prices by model."""

    table: Mapping[str, Price] = field(default_factory=dict[str, Price])

    @classmethod
    def read(cls, text: str) -> "Prices":
        """From JSON, or a file of that name; none where the text is empty. Raises ValueError with what is wrong."""
        if not text.strip():
            return cls()
        try:
            written = text if text.lstrip().startswith("{") else Path(text).expanduser().read_text(encoding="utf-8")
            return cls(_TABLE.validate_json(written))
        except OSError as error:
            raise ValueError(f"the prices cannot be read: {error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"the prices cannot be read: {place or 'the table'}: {first['msg']}") from error

    def price_of(self, model: str) -> Price | None:
        """The price of a model, None where there is none."""
        found = self.table.get(model)
        if found is None:
            names = [name for name in self.table if model.startswith(f"{name}-")]
            found = self.table.get(max(names, key=len)) if names else self.table.get("*")
        return found

    def cost(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        """In US dollars; None where the model has no price."""
        price = self.price_of(model)
        if price is None:
            return None
        return (input_tokens * price.input + output_tokens * price.output) / TOKENS_PER_PRICE


def summed(rows: tuple[Json, ...], keys: list[str], prices: Prices) -> list[dict[str, Any]]:
    """One row for each value of the keys. A cost is None where a model that was used has no price."""
    found: dict[tuple[object, ...], dict[str, Any]] = {}
    for raw in rows:
        row: dict[str, Any] = dict(raw)
        key = tuple(row[name] for name in keys)
        into = found.setdefault(key, {**dict(zip(keys, key, strict=True)), **dict.fromkeys(SUMS, 0), "cost_usd": 0.0})
        for name in SUMS:
            into[name] += row[name]
        tokens = row["input_tokens"], row["output_tokens"]
        cost = prices.cost(row["model"], *tokens) if any(tokens) else 0.0
        into["cost_usd"] = None if cost is None or into["cost_usd"] is None else into["cost_usd"] + cost
    return list(found.values())
