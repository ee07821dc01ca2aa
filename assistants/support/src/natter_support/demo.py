"""How the desk answers with no key for a model: it finds an order's number, and what is wanted of it."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from natterkit import DemoCall

_ORDER = re.compile(r"\b(\d{3,6})\b")
_THING = re.compile(r"\b(teapot|cup|tray)\b", re.I)
_WANTS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"\b(?:refund|money back|pay back|return)\b", re.I), "refund_order", "order_id"),
    (re.compile(r"\b(?:send|ship)\b.*\bagain\b", re.I), "send_again", "order_id"),
    (re.compile(r"\bpick up\b", re.I), "pick_up", "order_id"),
    (re.compile(r"\b(?:keep|hold)\b", re.I), "hold", "thing"),
    (re.compile(r"\bdescribe\b", re.I), "describe", "thing"),
    (re.compile(r"\bspent\b", re.I), "spending", ""),
    (_ORDER, "order_status", "order_id"),
)
"""What is wanted, the tool for it, and what that has to know."""
ABOUT = (
    "I am the demo model of a support desk: a few rules, no language model. Ask me where order 1002 is, to send order "
    "1003 again, to refund order 1001, to pick up order 1002, to keep a teapot for you, or what you have spent."
)


def answer(items: str | Sequence[Any], tools: frozenset[str]) -> str | list[DemoCall] | None:
    """Hand over, look up or pay back; then say what came of it. None for what it knows nothing of."""
    text, outputs = _read(items)
    if outputs:
        return outputs[-1]
    name, needs = next(((name, needs) for pattern, name, needs in _WANTS if pattern.search(text)), ("", ""))
    known = {"order_id": _ORDER.search(text), "thing": _THING.search(text)}
    found = known.get(needs)
    if not name or (needs and found is None):
        return ABOUT if "order" in text.casefold() or "refund" in text.casefold() else None
    if name in tools:
        return [DemoCall(name, {needs: found[1].casefold()} if found else {})]
    handoff = "transfer_to_refunds" if name == "refund_order" else "transfer_to_orders"
    return [DemoCall(handoff, {})] if handoff in tools else None


def _read(items: str | Sequence[Any]) -> tuple[str, list[str]]:
    """The customer's last words with what is told beside them, and what the tools have said since."""
    if isinstance(items, str):
        return items, []
    text, outputs = "", list[str]()
    for item in items:
        kind = item.get("type", "message")
        if kind == "message" and item.get("role") == "user":
            text, outputs = _words(item), []
        elif kind == "message" and item.get("role") in ("developer", "system"):  # such as what is mentioned
            text = f"{text} {_words(item)}"
        elif kind == "function_call_output" and not _is_handoff(item["output"]):
            outputs.append(_said(item["output"]))
    return text, outputs


def _words(message: Any) -> str:
    content: Any = message.get("content")
    parts = cast("list[Any]", content) if isinstance(content, list) else [{"text": content}]
    return " ".join(str(part.get("text", "")) for part in parts)


def _said(output: Any) -> str:
    """The words of a tool's output; an MCP server's are the result in its JSON."""
    try:
        return str(cast("dict[str, Any]", json.loads(output))["result"])
    except (TypeError, ValueError, KeyError):
        return str(output)


def _is_handoff(output: Any) -> bool:
    try:
        return "assistant" in cast("dict[str, Any]", json.loads(output))
    except (TypeError, ValueError):
        return False
