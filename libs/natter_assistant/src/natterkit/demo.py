"""How an assistant answers offline, where there is no key for a model: rules instead of a language model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DemoCall:
    """A tool to call next."""

    name: str
    arguments: dict[str, Any]


Demo = Callable[[str | Sequence[Any], frozenset[str]], "str | Sequence[DemoCall] | None"]
"""From the model's input (Responses API items) and the names of the tools: an answer in words, tools to call (their
outputs are in the next input), or None: the built-in demo model answers. A pure function."""
