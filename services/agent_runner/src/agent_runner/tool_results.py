"""What a tool returned: a value for the ledger, pictures and links beside it. Bounded, and never more than data."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlsplit

from agents import ToolOutputFileContent, ToolOutputText
from chatkit_protocol.history import attachment_reference
from chatkit_protocol.items import PICTURE_TYPES
from contracts.ids import AttachmentId
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
from agent_runner.pictures import PictureRefusedError, data_of, size_words

UNKNOWN = "It may or may not have happened."
LINKS_MAX = 20
TITLE_CHARACTERS_MAX = 200
URL_CHARACTERS_MAX = 2_000
Output = str | list[dict[str, Any]]
"""A call's output as the model reads it: text, or content parts of the Responses API."""
Keep = Callable[[str, bytes], Awaitable[ToolAttachment]]
"""Keeps a picture, with a title or "". Raises PictureRefusedError, FencedError."""


class Outcome(NamedTuple):
    """How a call ended, as the ledger keeps it."""

    status: ToolCallStatus
    result: JsonValue
    attachments: tuple[ToolAttachment, ...] = ()


async def read_result(answer: CallToolResult, characters_max: int, keep: Keep | None = None) -> Outcome:
    """Status, value (the structured content, else the text) and attachments; what is left out is said in words.

    Without ``keep`` there is nobody to show pictures to. Raises FencedError.
    """
    reader = _Reader(keep)
    for part in answer.content:
        await reader.read(part)
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

    def __init__(self, keep: Keep | None) -> None:
        self.texts: list[str] = []
        self.notes: list[str] = []
        """What stands for a part that is no text."""
        self.attachments: list[ToolAttachment] = []
        self._keep = keep

    async def read(self, part: Any) -> None:
        match part:
            case TextContent():
                self.texts.append(part.text)
            case ImageContent():
                await self._read_image("", part.mime_type, part.data)
            case AudioContent():
                self._note("", part.mime_type, part.data, "sound cannot be played here")
            case ResourceLink():
                self._read_link(part)
            case EmbeddedResource():
                await self._read_resource(part.resource)
            case _:
                self.notes.append(f"[{part.type}]")

    async def _read_resource(self, resource: Any) -> None:
        if not isinstance(resource, BlobResourceContents):
            self.texts.append(f"{resource.uri}\n{resource.text}")
        elif (resource.mime_type or "").startswith("image/"):
            await self._read_image(resource.uri, resource.mime_type or "", resource.blob)
        else:
            self._note(resource.uri, resource.mime_type or "file", resource.blob, "it cannot be shown here")

    def _read_link(self, link: ResourceLink) -> None:
        title = storable(link.title or link.name)[:TITLE_CHARACTERS_MAX]
        shown = link_of(title, link.uri)
        if shown is not None and len(self.attachments) < LINKS_MAX:
            self.attachments.append(shown)
        self.notes.append(f"[{title}: {_quoted(link.uri)[:URL_CHARACTERS_MAX]}]")

    async def _read_image(self, name: str, mime_type: str, encoded: str) -> None:
        """A picture is kept, and words stand in its place: that it is shown, or why not."""
        if mime_type not in PICTURE_TYPES:
            told = "images of this type are not shown"
        elif (data := data_of(encoded)) is None:
            told = "it is no such image"
        elif self._keep is None:
            told = "images are not shown here"
        else:
            try:
                self.attachments.append(await self._keep(name.rpartition("/")[2].rpartition(".")[0], data))
                told = "shown to the user"
            except PictureRefusedError as error:
                told = str(error)
        self._note(name, mime_type, encoded, told)

    def _note(self, name: str, mime_type: str, data: str, what: str) -> None:
        title = storable(f"{name} {mime_type}".strip())[:TITLE_CHARACTERS_MAX]
        self.notes.append(f"[{title}, {size_words(_size(data))}: {what}]")


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


def output_of(status: str, result: JsonValue, pictures: list[AttachmentId]) -> Output:
    """What the model reads: JSON; a failure as ``{"error": …}``, or as what nobody knows; then references to pictures,
    in whose place it is given what it takes of them.
    """
    text = _output_text(status, result)
    if not pictures:
        return text
    return [{"type": "input_text", "text": text}, *(attachment_reference(picture) for picture in pictures)]


def for_the_sdk(output: Output) -> Any:
    """The output as openai-agents wants a tool to return it."""
    if isinstance(output, str):
        return output
    return [
        ToolOutputText(text=part["text"]) if "text" in part else ToolOutputFileContent(file_id=part["file_id"])
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
