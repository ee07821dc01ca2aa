"""How the desk answers with no key for a model: it finds an order's number, and what is wanted of it."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from natterkit import DemoCall

_ORDER = re.compile(r"\b(\d{3,6})\b")
_REFUND = re.compile(r"\b(?:refund|money back|pay back|return)\b", re.I)
_SEND = re.compile(r"\b(?:send|ship)\b.*\bagain\b", re.I)
ABOUT = (
    "I am the demo model of a support desk: a few rules, no language model. Ask me where order 1002 is, to send order "
    "1003 again, or to refund order 1001."
)


def answer(items: str | Sequence[Any], tools: frozenset[str]) -> str | list[DemoCall] | None:
    """Hand over, look up or pay back; then say what came of it. None for what it knows nothing of."""
    text, outputs = _read(items)
    found = _ORDER.search(text)
    if outputs:
        return outputs[-1]
    if found is None:
        return ABOUT if "order" in text.casefold() or "refund" in text.casefold() else None
    wants_refund = _REFUND.search(text) is not None
    again = "send_again" if _SEND.search(text) else "order_status"
    name = "refund_order" if wants_refund else again
    if name in tools:
        return [DemoCall(name, {"order_id": found[1]})]
    handoff = "transfer_to_refunds" if wants_refund else "transfer_to_orders"
    return [DemoCall(handoff, {})] if handoff in tools else None


def _read(items: str | Sequence[Any]) -> tuple[str, list[str]]:
    """The customer's last words, and what the tools have said since."""
    if isinstance(items, str):
        return items, []
    text, outputs = "", list[str]()
    for item in items:
        kind = item.get("type", "message")
        if kind == "message" and item.get("role") == "user":
            content: Any = item.get("content")
            parts = cast("list[Any]", content) if isinstance(content, list) else [{"text": content}]
            text, outputs = " ".join(str(part.get("text", "")) for part in parts), []
        elif kind == "function_call_output" and not _is_handoff(item["output"]):
            outputs.append(str(item["output"]))
    return text, outputs


def _is_handoff(output: Any) -> bool:
    try:
        return "assistant" in cast("dict[str, Any]", json.loads(output))
    except (TypeError, ValueError):
        return False
