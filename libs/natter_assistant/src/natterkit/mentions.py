"""What a person mentions in a message: a thing of yours, which the page's `entities` option has found for them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from natterkit.context import Context


@dataclass(frozen=True)
class Tag:
    """``id``, ``text``, ``group`` and ``data`` come from the page: look the thing up, do not believe them."""

    id: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    group: str | None = None


OnMention = Callable[[Context, Tag], Awaitable[str | None]]
"""What the model is to know of a thing that the user mentions; None: nothing. It is called for each in a message."""
