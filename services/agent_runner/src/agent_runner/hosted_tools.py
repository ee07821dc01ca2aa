"""Tools that a model's provider executes itself (Responses API): how their calls are shown, and where they can be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from agents import (
    Agent,
    CodeInterpreterTool,
    FileSearchTool,
    HostedMCPTool,
    ImageGenerationTool,
    Model,
    OpenAIResponsesModel,
    WebSearchTool,
)
from contracts.ids import new_id
from contracts.replies import ToolAttachment, ToolCallStatus, ToolCallView
from contracts.text import storable
from mcp.types import CallToolResult, ImageContent
from natterkit import ToolWords

from agent_runner import rules
from agent_runner.tool_images import RunImages
from agent_runner.tool_results import LINKS_MAX, TITLE_CHARACTERS_MAX, Outcome, link_of, parse_arguments, read_result
from agent_runner.transcript import Transcript
from agent_runner.transcript_items import ShownImage

HOSTED = (WebSearchTool, FileSearchTool, CodeInterpreterTool, HostedMCPTool, ImageGenerationTool)
_NAMES = {
    "web_search_call": "web_search",
    "file_search_call": "file_search",
    "code_interpreter_call": "code_interpreter",
    "image_generation_call": "image_generation",
}
_IMAGE_BEGINNINGS = {"iVBOR": "image/png", "/9j/": "image/jpeg", "UklGR": "image/webp", "R0lGOD": "image/gif"}
"""What a file of each type begins with, in base64."""
_FAILED = frozenset({"failed", "incomplete"})


def hosted_tools_of(tools: list[Any]) -> list[str]:
    """The names of those tools that only a provider can execute."""
    return [tool.name for tool in tools if isinstance(tool, HOSTED)]


def can_execute(model: Model) -> bool:
    """Whether a model's provider executes tools: over the Responses API."""
    return isinstance(model, OpenAIResponsesModel)


def refusal(agent: Agent[Any], tools: list[str], where: str) -> str:
    """Why an agent cannot be asked."""
    return f"agent “{agent.name}” has the hosted tool “{tools[0]}”, which only the Responses API executes, and {where}."


def _subject(arguments: Mapping[str, Any], _result: Any) -> str:
    told = arguments.get("query") or arguments.get("url") or arguments.get("queries") or ""
    return ", ".join(str(one) for one in cast("list[Any]", told)) if isinstance(told, list) else str(told)


WORDS: Mapping[str, ToolWords] = {
    "read_file": ToolWords("Reading a file", "Read a file"),
    "web_search": ToolWords("Searching the web", "Searched the web", _subject),
    "file_search": ToolWords("Searching files", "Searched files", _subject),
    "code_interpreter": ToolWords("Running code", "Ran code"),
    "image_generation": ToolWords("Drawing an image", "Drew an image"),
}
"""How their entries read, where the assistant does not say."""


@dataclass
class HostedCalls:
    """The calls of one attempt. They are in no ledger: a model call that is made again executes them again."""

    transcript: Transcript
    images: RunImages
    characters_max: int
    has_any: bool = False
    _running: dict[int, ToolCallView] = field(default_factory=dict[int, ToolCallView])
    """By their place in the response that is under way."""
    _previews: dict[int, ShownImage] = field(default_factory=dict[int, ShownImage])
    """The images of which a preview is shown, in the same way."""

    def begin_response(self) -> None:
        self._running.clear()
        self._previews.clear()

    def on_model_event(self, event: Any) -> None:
        """Show a call that begins or ends; other events are none of ours."""
        if event.type == "response.image_generation_call.partial_image":
            self._preview(event)
        if event.type not in ("response.output_item.added", "response.output_item.done"):
            return
        if event.item.type not in rules.HOSTED_CALLS:
            return
        item = cast("dict[str, Any]", rules.storable_json(event.item.model_dump(mode="json", exclude_none=True)))
        self._begin(event.output_index, item)
        if event.type == "response.output_item.done":
            self._end(event.output_index, item)

    def _begin(self, output_index: int, item: dict[str, Any]) -> None:
        if output_index in self._running:
            return
        self.has_any = True
        name = storable(str(item.get("name") or _NAMES.get(item["type"], "tool")))
        call = ToolCallView(call_id=new_id("call"), name=name, arguments=_arguments(item), status="running")
        self._running[output_index] = call
        self.transcript.tool_started(call)

    def _preview(self, event: Any) -> None:
        """Show an image while it is being drawn; a preview that is too large is left out."""
        data = str(event.partial_image_b64)
        if len(data) * 3 // 4 > self.images.image_bytes_max:
            return
        image = self._previews.get(event.output_index)
        if image is None:
            image = self._previews[event.output_index] = self.transcript.image_begun()
        image.preview(_data_url(data))

    def _end(self, output_index: int, item: dict[str, Any]) -> None:
        call = self._running.pop(output_index)
        outcome = self._outcome(item)
        images = [one for one in outcome.attachments if one.type == "image"]
        ended = {
            "arguments": _arguments(item),
            "status": outcome.status,
            "result": outcome.result,
            "links": tuple(one for one in outcome.attachments if one.type == "link"),
        }
        self.transcript.tool_finished(call.model_copy(update=ended))
        begun = self._previews.pop(output_index, None)
        for image in images:
            self.transcript.image_shown(image.url, begun)
            begun = None
        if begun is not None:  # it was not finished, or is too large
            self.transcript.image_dropped(begun)

    def _outcome(self, item: dict[str, Any]) -> Outcome:
        has_failed = item.get("status") in _FAILED or bool(item.get("error"))
        status: ToolCallStatus = "failure" if has_failed else "success"
        if item["type"] == "image_generation_call" and item.get("result"):
            data = str(item["result"])
            drawn = CallToolResult(content=[ImageContent(type="image", data=data, mime_type=_kind(data))])
            return read_result(drawn, self.characters_max, self.images)
        told = _told(item)
        cut = f"{told[: self.characters_max]}… (cut)" if len(told) > self.characters_max else told
        return Outcome(status, cut or None, _links(item))


def _kind(data: str) -> str:
    return next((kind for start, kind in _IMAGE_BEGINNINGS.items() if data.startswith(start)), "image")


def _data_url(data: str) -> str:
    return f"data:{_kind(data)};base64,{data}"


def _arguments(item: dict[str, Any]) -> Any:
    """What a call was asked, as far as its provider says."""
    match item["type"]:
        case "web_search_call":
            action = cast("dict[str, Any]", item.get("action") or {})
            return {key: value for key, value in action.items() if key in ("query", "url", "pattern")}
        case "file_search_call":
            return {"queries": item.get("queries") or []}
        case "code_interpreter_call":
            return {"code": item.get("code") or ""}
        case "image_generation_call":
            return {"prompt": item["revised_prompt"]} if item.get("revised_prompt") else {}
        case _:
            return parse_arguments(str(item.get("arguments") or ""))


def _told(item: dict[str, Any]) -> str:
    """What a call found, said or printed."""
    match item["type"]:
        case "file_search_call":
            results = cast("list[dict[str, Any]]", item.get("results") or [])
            return "\n\n".join(f"{one.get('filename', '')}\n{one.get('text', '')}".strip() for one in results)
        case "code_interpreter_call":
            outputs = cast("list[dict[str, Any]]", item.get("outputs") or [])
            return "\n".join(str(one["logs"]) for one in outputs if one.get("type") == "logs")
        case "mcp_call":
            error: Any = item.get("error")
            told = error.get("message") if hasattr(error, "get") else error
            return str(told or error or item.get("output") or "")
        case _:
            return ""


def _links(item: dict[str, Any]) -> tuple[ToolAttachment, ...]:
    """The pages that a search has read."""
    action = cast("dict[str, Any]", item.get("action") or {}) if item["type"] == "web_search_call" else {}
    sources = cast("list[dict[str, Any]]", action.get("sources") or [])
    urls = dict.fromkeys(str(url) for url in (action.get("url"), *(one.get("url") for one in sources)) if url)
    links = (link_of(url[:TITLE_CHARACTERS_MAX], url) for url in urls)
    return tuple(link for link in links if link is not None)[:LINKS_MAX]
