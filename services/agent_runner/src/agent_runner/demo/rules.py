"""What the built-in demo model does for any assistant: counts, calls a tool that is named, fills a form."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from natterkit import DemoCall

TEXT_CHARACTERS_MAX = 10_000
COUNT_MAX = 10_000
ABOUT = (
    "I am Natter's built-in demo model: a few rules, no real language model. I can count to a number{tools}. "
    "Set OPENAI_API_KEY to talk to a real model."
)
TOO_LONG = f"I am the demo model, and read messages of up to {TEXT_CHARACTERS_MAX:,} characters."
_COUNT = re.compile(r"\s*(?:please\s+)?count\s+to\s+(\d{1,9})[.!\s]*$", re.I)
_WORDS = re.compile(r"[^\W_]+")
_QUOTED = re.compile(r"[“\"']([^”\"']{1,200})[”\"']")
_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,6})?")
_NAMED = re.compile(r"[A-Za-z]*\d[\w-]{0,63}")
_JSON = re.compile(r"\{.{0,4000}\}", re.S)


def answer(
    items: str | Sequence[Any], tools: Sequence[Any], handoffs: Sequence[Any], output_schema: Any
) -> list[DemoCall] | str:
    """A tool to call, or words. A pure function of what a model is given."""
    text, outputs = _read(items)
    if output_schema is not None and not output_schema.is_plain_text():
        return json.dumps(_filled(output_schema.json_schema()))
    if len(text) > TEXT_CHARACTERS_MAX:
        return TOO_LONG
    if outputs:
        return "\n".join(outputs)
    if match := _COUNT.match(text):
        numbers = range(1, min(int(match[1]), COUNT_MAX) + 1)
        return " ".join(map(str, numbers)) or "There is nothing to count."
    offered = [(str(tool.name), cast("Any", getattr(tool, "params_json_schema", None))) for tool in tools]
    offered += [(str(handoff.tool_name), handoff.input_json_schema) for handoff in handoffs]
    named = _named_in(text, [name for name, _ in offered])
    if named is not None:
        return [DemoCall(named, _arguments(text, dict(offered)[named] or {}))]
    names = ", ".join(name.replace("_", " ") for name, _ in offered)
    return ABOUT.format(tools=f", and use a tool that you name ({names})" if names else "")


def _named_in(text: str, names: Sequence[str]) -> str | None:
    """The tool whose name, or all words of whose name, a message holds; of several the longest."""
    said = [word.casefold() for word in _WORDS.findall(text)]
    found = [name for name in names if name in text or _has_words(said, name)]
    return max(found, key=len, default=None)


def _has_words(said: Sequence[str], name: str) -> bool:
    words = [word.casefold() for word in _WORDS.findall(name.replace("_", " "))]
    return bool(words) and all(any(one == word or one.rstrip("s") == word for one in said) for word in words)


def _arguments(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """JSON that the message holds; else its quoted texts and numbers, in the order of the parameters."""
    if match := _JSON.search(text):
        try:
            return cast("dict[str, Any]", json.loads(match[0]))
        except ValueError:
            pass
    quoted, numbers = _QUOTED.findall(text), _NUMBER.findall(text)
    named = _NAMED.findall(_QUOTED.sub("", text))
    arguments: dict[str, Any] = {}
    for name, wanted in cast("dict[str, Any]", schema.get("properties") or {}).items():
        kind = wanted.get("type")
        if kind in ("integer", "number"):
            arguments[name] = (int if kind == "integer" else float)(numbers.pop(0)) if numbers else 0
        elif kind == "string":
            source = quoted or named
            arguments[name] = source.pop(0) if source else text
        else:
            arguments[name] = _filled(wanted, schema)
    return arguments


def _filled(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """The least value that a JSON schema allows: false, 0, "", nothing."""
    root = root or schema
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return _filled(root.get("$defs", {}).get(name, {}), root)
    for options in ("anyOf", "oneOf", "allOf"):
        if schema.get(options):
            return _filled(schema[options][0], root)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if schema.get("type") == "object":
        properties = cast("dict[str, Any]", schema.get("properties") or {})
        return {name: _filled(one, root) for name, one in properties.items()}
    least: dict[str, Any] = {"boolean": False, "integer": 0, "number": 0, "string": "demo", "array": []}
    return least.get(str(schema.get("type")))


def _read(items: str | Sequence[Any]) -> tuple[str, list[str]]:
    """The last user's words, and what tools have answered since."""
    if isinstance(items, str):
        return items, []
    text, outputs, names = "", list[str](), dict[str, str]()
    for item in items:
        kind = item.get("type", "message")
        if kind == "message" and item.get("role") == "user":
            text, outputs = _text_of(item.get("content")), []
        elif kind == "function_call":
            names[item["call_id"]] = item["name"]
        elif kind == "function_call_output":
            name = names.get(item["call_id"], "tool")
            if not name.startswith("transfer_to_"):
                outputs.append(f"{name.replace('_', ' ').capitalize()}: {_text_of(item['output'])[:2_000]}")
    return text, outputs


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = cast("list[dict[str, Any]]", content or [])
    return "\n".join(str(part["text"]) for part in parts if part.get("text"))
