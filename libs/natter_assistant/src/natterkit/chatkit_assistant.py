"""An existing ``ChatKitServer`` (openai-chatkit) as an assistant."""

from dataclasses import dataclass
from typing import Any

from agents import Agent

from natterkit.assistant import Assistant
from natterkit.context import Context


def _no_agent(_context: Context) -> Agent[Any]:
    raise TypeError("A ChatKitServer answers by its respond(), not with an agent of ours.")


@dataclass(frozen=True, kw_only=True)
class ChatKitAssistant(Assistant):
    """A ``ChatKitServer``: its ``respond()`` writes the answers.

    Its store is replaced by one that conversation_store backs. ``make_context`` makes its request context; without it
    that is the `Context`. Its events are shown and stored like those of any assistant. What its code does is not in the
    ledger: when its runner dies, what was shown of the answer is withdrawn, and ``respond()`` is called again.
    """

    server: Any
    agent: Any = _no_agent
