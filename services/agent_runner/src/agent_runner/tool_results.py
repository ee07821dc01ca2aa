"""What a tool returned: a value for the ledger, images and links beside it. Bounded, and never more than data."""

import base64
import binascii
import json
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlsplit

from agents import ToolOutputImage, ToolOutputText
from contracts.replies import ToolAttachment, ToolCallStatus
from contracts.text import storable
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)
from pydantic import JsonValue

from agent_runner import rules
from agent_runner.tool_images import RunImages

IMAGE_BEGINNINGS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
"""The types that are shown, and what a file of each begins with. SVG is a document that can do things: not shown."""
UNKNOWN = "It may or may not have happened."
LINKS_MAX = 20
TITLE_CHARACTERS_MAX = 200
URL_CHARACTERS_MAX = 2_000
Output = str | list[dict[str, str]]
"""A call's output as the model reads it: text, or content parts of the Responses API."""


class Outcome(NamedTuple):
    """How a call ended, as the ledger keeps it."""

    status: ToolCallStatus
    result: JsonValue
    attachments: tuple[ToolAttachment, ...] = ()


def read_result(answer: CallToolResult, characters_max: int, images: RunImages) -> Outcome:
    """Status, value (the structured content, else the text) and attachments; what is left out is said in words."""
    reader = _Reader(images)
    for part in answer.content:
        reader.read(part)
    status: ToolCallStatus = "failure" if answer.is_error else "success"
    attachments = tuple(reader.attachments)
    text = storable("\n".join([*reader.texts, *reader.notes]))
    if not answer.is_error and answer.structured_content is not None:
        encoded = json.dumps(answer.structured_content, ensure_ascii=False)
        if len(encoded) <= characters_max and not reader.notes:
            value = cast("JsonValue", rules.storable_json(answer.structured_content))
            return Outcome(status, value, attachments)
        text = storable("\n".join([*reader.notes, encoded]))
    if len(text) > characters_max:
        text = f"{text[:characters_max]}… (cut)"
    return Outcome(status, text, attachments)


class _Reader:
    """Takes the parts of a result one by one."""

    def __init__(self, images: RunImages) -> None:
        self.texts: list[str] = []
        self.notes: list[str] = []
        """What stands for a part that is no text."""
        self.attachments: list[ToolAttachment] = []
        self._images = images

    def read(self, part: Any) -> None:
        match part:
            case TextContent():
                self.texts.append(part.text)
            case ImageContent():
                self._read_image("", part.mime_type, part.data)
            case AudioContent():
                self._note("", part.mime_type, part.data, "sound cannot be played here")
            case ResourceLink():
                self._read_link(part)
            case EmbeddedResource():
                self._read_resource(part.resource)
            case _:
                self.notes.append(f"[{part.type}]")

    def _read_resource(self, resource: Any) -> None:
        if not isinstance(resource, BlobResourceContents):
            self.texts.append(f"{resource.uri}\n{resource.text}")
        elif (resource.mime_type or "").startswith("image/"):
            self._read_image(resource.uri, resource.mime_type or "", resource.blob)
        else:
            self._note(resource.uri, resource.mime_type or "file", resource.blob, "it cannot be shown here")

    def _read_link(self, link: ResourceLink) -> None:
        title = storable(link.title or link.name)[:TITLE_CHARACTERS_MAX]
        shown = link_of(title, link.uri)
        if shown is not None and len(self.attachments) < LINKS_MAX:
            self.attachments.append(shown)
        self.notes.append(f"[{title}: {_quoted(link.uri)[:URL_CHARACTERS_MAX]}]")

    def _read_image(self, name: str, mime_type: str, data: str) -> None:
        """An image of a type that is shown, within the bounds; else words in its place."""
        size = _size(data)
        if mime_type not in IMAGE_BEGINNINGS:
            self._note(name, mime_type, data, "images of this type are not shown")
        elif size > self._images.image_bytes_max:
            self._note(
                name, mime_type, data, f"an image of more than {_words(self._images.image_bytes_max)} is not shown"
            )
        elif not _begins_with(data, IMAGE_BEGINNINGS[mime_type]):
            self._note(name, mime_type, data, "it is no such image")
        elif not self._images.take(size):
            self._note(name, mime_type, data, "this answer has as many images as it may have")
        else:
            url = f"data:{mime_type};base64,{data}"
            self.attachments.append(ToolAttachment(type="image", title=name[:TITLE_CHARACTERS_MAX], url=url))
            self._note(name, mime_type, data, "shown to the user")

    def _note(self, name: str, mime_type: str, data: str, what: str) -> None:
        title = storable(f"{name} {mime_type}".strip())[:TITLE_CHARACTERS_MAX]
        self.notes.append(f"[{title}, {_words(_size(data))}: {what}]")


def link_of(title: str, url: str) -> ToolAttachment | None:
    """A link as it is shown: to the web, and of a length that it can be."""
    url = _quoted(url)
    is_web = urlsplit(url).scheme in ("http", "https") and len(url) <= URL_CHARACTERS_MAX
    return ToolAttachment(type="link", title=title, url=url) if is_web else None


def _quoted(url: str) -> str:
    return quote(storable(url), safe="%/:=&?~#+!$,;'@*[]")


def _size(data: str) -> int:
    """The bytes of what is written in base64."""
    return len(data) * 3 // 4


def _words(size: int) -> str:
    return f"{size / 1_048_576:.1f} MiB" if size >= 1_048_576 else f"{max(1, size // 1_024)} KiB"


def _begins_with(data: str, beginning: bytes) -> bool:
    """Whether it is base64, of something that begins so."""
    try:
        return base64.b64decode(data, validate=True).startswith(beginning)
    except (binascii.Error, ValueError):
        return False


def output_of(status: str, result: JsonValue, image_references: list[str]) -> Output:
    """What the model reads: JSON; a failure as ``{"error": …}``, or as what nobody knows; then the images."""
    text = _output_text(status, result)
    if not image_references:
        return text
    images = [{"type": "input_image", "image_url": reference} for reference in image_references]
    return [{"type": "input_text", "text": text}, *images]


def for_the_sdk(output: Output) -> Any:
    """The output as openai-agents wants a tool to return it."""
    if isinstance(output, str):
        return output
    return [
        ToolOutputText(text=part["text"]) if "text" in part else ToolOutputImage(image_url=part["image_url"])
        for part in output
    ]


def _output_text(status: str, result: JsonValue) -> str:
    if status == "success":
        return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    if status == "interrupted":
        return json.dumps({"error": "The call was interrupted by the user."})
    if status == "unknown":
        return json.dumps({"outcome": "unknown", "detail": result}, ensure_ascii=False)
    return json.dumps({"error": result}, ensure_ascii=False)


def parse_arguments(text: str) -> JsonValue:
    """A call's arguments as JSON; text that is none stays text."""
    try:
        decoded: Any = json.loads(text or "{}")
    except ValueError:
        return storable(text)
    return cast("JsonValue", rules.storable_json(decoded))
