"""What one user may use in a day and a month: refused with the limit's name and when it ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from contracts.errors import Code, RetryableError
from contracts.replies import Usage
from conversation_store.settings import Settings
from conversation_store.testing import ALICE, BOB, Client, running_client, store_settings
from pydantic import ValidationError

PRICES = '{"gpt-a": {"input": 1000000, "output": 2000000}}'


async def use(client: Client, tokens: int, model: str = "gpt-a", principal: Any = ALICE) -> None:
    claimed = await client.claim((await client.begin(principal=principal)).run_id, principal=principal)
    usage = Usage(requests=1, input_tokens=tokens, output_tokens=tokens, total_tokens=2 * tokens)
    await client.finish(claimed, principal=principal, model=model, usage=usage)


async def refused(client: Client) -> RetryableError:
    with pytest.raises(RetryableError) as error:
        await client.begin("one more")
    assert error.value.code == Code.USAGE_EXCEEDED
    return error.value


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"user_runs_per_day_max": 2}, "runs_per_day"),
        ({"user_tokens_per_day_max": 40}, "tokens_per_day"),
        ({"user_tokens_per_month_max": 40, "user_tokens_per_day_max": 30}, "tokens_per_month"),
        ({"user_cost_per_day_max": 60.0, "model_prices": PRICES}, "cost_per_day"),
        ({"user_cost_per_month_max": 59.5, "model_prices": PRICES}, "cost_per_month"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_turn_beyond_a_limit_is_refused_until_it_ends(
    limits: dict[str, Any], field: str, nats_url: str, database_url: str
) -> None:
    async with running_client(store_settings(nats_url, database_url, **limits), database_url) as client:
        await use(client, 10)
        await use(client, 10)
        await use(client, 1_000, principal=BOB)
        error = await refused(client)
        assert error.field == field
        now = datetime.now(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        next_month = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        ends = midnight if field.endswith("day") else next_month
        assert error.retry_after_seconds == pytest.approx((ends - now).total_seconds(), abs=10)
        # Yesterday's and last month's do not count.
        before = "day - interval '32 days'" if field.endswith("month") else "day - interval '1 day'"
        await client.execute(f"update chat.usage_day set day = {before} where user_id = 'alice'")
        await client.begin("the next day")


async def test_runs_that_are_not_finished_count(nats_url: str, database_url: str) -> None:
    settings = store_settings(nats_url, database_url, user_runs_per_day_max=1)
    async with running_client(settings, database_url) as client:
        kept = await client.begin("1", idempotency_key="key", body_hash="0" * 64)
        await refused(client)
        again = await client.begin("1", idempotency_key="key", body_hash="0" * 64)  # what was accepted stays so
        assert (again.run_id, again.replayed) == (kept.run_id, True)


def test_prices_that_cannot_be_read_stop_the_start(nats_url: str) -> None:
    with pytest.raises(ValidationError, match="the prices cannot be read"):
        Settings.model_validate({"database_url": "postgresql://a@b/c", "model_prices": "{"})
