"""What a person does in a widget, or the page on its own: an action, for an assistant's ``on_action``."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from natterkit.context import Context


@dataclass(frozen=True)
class Action:
    """``type`` and ``payload`` are as the widget (``ActionConfig``) or the page (``sendCustomAction``) has them.

    Both come from a browser: check them as you would check a form.
    """

    type: str
    payload: Any = None


@dataclass(frozen=True)
class Item:
    """An item of the conversation; ``content`` is the whole ChatKit item, of a widget with its ``widget``."""

    id: str
    type: str
    content: Mapping[str, Any]


OnAction = Callable[[Context, Action, Item | None], Awaitable[str | None]]
"""Does what an action asks for. The item is the widget that it came from, None for an action of the page itself. What
it returns is said by the assistant; None: nothing is.

It is called again when its runner died in it: ``context.run_id`` is the same then, and is its idempotency key.
"""
