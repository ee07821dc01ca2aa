"""A table of prices is read from JSON or a file, and finds the price of a model."""

from pathlib import Path

import pytest
from actor_kit.prices import Prices

TABLE = '{"gpt-5": {"input": 1, "output": 10}, "gpt-5-mini": {"input": 0.25, "output": 2}}'


def test_a_dated_model_has_the_price_of_the_longest_name_that_it_begins_with() -> None:
    prices = Prices.read(TABLE)
    assert prices.cost("gpt-5-mini-2026-08-07", 1_000_000, 500_000) == 0.25 + 1
    assert prices.cost("gpt-5-2026", 1_000_000, 0) == 1
    assert prices.cost("gpt-50", 1, 1) is None
    assert Prices.read('{"*": {"input": 3, "output": 0}}').cost("anything", 1_000_000, 9) == 3


def test_it_may_be_a_file_and_may_be_absent(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text(TABLE)
    assert Prices.read(str(tmp_path / "prices.json")).cost("gpt-5", 0, 1_000_000) == 10
    assert Prices.read("").cost("gpt-5", 1, 1) is None


@pytest.mark.parametrize("text", ["{", '{"a": 1}', '{"a": {"input": -1, "output": 0}}', "/no/such/file.json"])
def test_what_is_no_table_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="the prices cannot be read"):
        Prices.read(text)
