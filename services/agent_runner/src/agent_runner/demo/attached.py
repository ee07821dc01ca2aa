"""What the demo model says of files: what it is told of them, and no more than that."""

import re
from collections.abc import Sequence
from typing import Any, cast

from agents import FunctionTool
from natterkit import DemoCall

NO_RULE = "I am Natter's built-in demo model"
"""How an answer begins that says what the demo model can do."""
LINES_MAX = 3
LINE_CHARACTERS_MAX = 200
_TOLD = re.compile(
    r"\[The user attached “(?P<name>[^”]*)” \((?P<known>[^)]*)\), id (?P<id>[A-Za-z0-9_-]+)\.(?P<more>.*)", re.S
)


def without_files(items: str | Sequence[Any]) -> tuple[Any, list[re.Match[str]]]:
    """What is asked without its files, and what is told of those of the last message."""
    if isinstance(items, str):
        return items, []
    asked: list[Any] = []
    files: list[re.Match[str]] = []
    for item in items:
        content = item.get("content")
        if item.get("role") != "user" or not isinstance(content, list):
            asked.append(item)
            continue
        parts = cast("list[dict[str, Any]]", content)
        told = [_TOLD.match(str(part.get("text", ""))) for part in parts]
        files = [match for match in told if match]
        asked.append({**item, "content": [part for part, match in zip(parts, told, strict=True) if not match]})
    return asked, files


def said_of(files: Sequence[re.Match[str]]) -> str:
    """Each file in a line or two."""
    told = "\n".join(_said(file) for file in files)
    return f"I am the demo model: I cannot look at files, and tell you what I know of them.\n{told}"


def _said(file: re.Match[str]) -> str:
    _, begins, text = file["more"].partition(":]\n")
    lines = [line.strip()[:LINE_CHARACTERS_MAX] for line in text.splitlines() if line.strip()][:LINES_MAX]
    first = "".join(f"\n> {line}" for line in lines) if begins else ""
    return f"“{file['name']}”: {file['known']}{'. It begins:' if first else '.'}{first}"


def with_files(act: Sequence[DemoCall] | str, files: Sequence[re.Match[str]], tools: Sequence[FunctionTool]) -> Any:
    """The same act, where the message has files: tools that take them get them, and what no rule is for is answered
    with what is known of them.
    """
    if isinstance(act, str):
        return said_of(files) if not act or act.startswith(NO_RULE) else act
    ids = [file["id"] for file in files]
    taking = {tool.name for tool in tools if "attachment_ids" in tool.params_json_schema.get("properties", {})}
    return [
        DemoCall(call.name, {**call.arguments, "attachment_ids": ids}) if call.name in taking else call for call in act
    ]
