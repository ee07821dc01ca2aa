"""What a function tool returned: the same kinds of outcome as of an MCP server's tool."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from agents import ToolOutputFileContent, ToolOutputImage, ToolOutputText
from mcp.types import CallToolResult, ImageContent, TextContent
from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from agent_runner import rules
from agent_runner.tool_results import Keep, Outcome, read_result

_PARTS = {"text": ToolOutputText, "image": ToolOutputImage, "file": ToolOutputFileContent}


async def outcome_of(value: Any, characters_max: int, keep: Keep) -> Outcome:
    """A text as it is; images and files of the SDK's output types; of anything else its JSON, or else its ``str()``.

    Raises FencedError.
    """
    parts = _parts(value)
    if parts is not None:
        return await read_result(CallToolResult(content=[_part(part) for part in parts]), characters_max, keep)
    if isinstance(value, str):
        return await read_result(CallToolResult(content=[TextContent(type="text", text=value)]), characters_max)
    plain = cast("JsonValue", rules.storable_json(to_jsonable_python(value, fallback=str)))
    if len(json.dumps(plain, ensure_ascii=False)) <= characters_max:
        return Outcome("success", plain)
    return Outcome("success", f"{json.dumps(plain, ensure_ascii=False)[:characters_max]}… (cut)")


def _parts(value: Any) -> list[BaseModel] | None:
    """The SDK's output parts that a value is, or is a list of; None where it is something else."""
    values: Sequence[Any] = cast("Sequence[Any]", value) if isinstance(value, (list, tuple)) else [value]
    parts = [_as_part(one) for one in values]
    return [part for part in parts if part is not None] if parts and None not in parts else None


def _as_part(value: Any) -> BaseModel | None:
    if isinstance(value, tuple(_PARTS.values())):
        return cast("BaseModel", value)
    if not isinstance(value, Mapping):
        return None
    fields = cast("Mapping[str, Any]", value)
    kind = _PARTS.get(str(fields.get("type")))
    needed = {"text": ("text",), "image": ("image_url", "file_id"), "file": ("file_data", "file_url", "file_id")}
    if kind is None or not any(isinstance(fields.get(key), str) for key in needed[str(fields["type"])]):
        return None
    return kind.model_validate(fields)


def _part(part: BaseModel) -> Any:
    if isinstance(part, ToolOutputText):
        return TextContent(type="text", text=part.text)
    if isinstance(part, ToolOutputImage):
        head, comma, data = (part.image_url or "").partition(";base64,")
        if comma and head.startswith("data:"):
            return ImageContent(type="image", mime_type=head.removeprefix("data:"), data=data)
        return TextContent(type="text", text=f"[image: {part.image_url or part.file_id}]")
    file = cast("ToolOutputFileContent", part)
    return TextContent(
        type="text", text=f"[file: {file.filename or file.file_url or file.file_id or 'without a name'}]"
    )
