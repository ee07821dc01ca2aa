"""Tools that a model's provider executes itself (Responses API): how their calls are shown, and where they can be."""

from collections.abc import Awaitable, Mapping
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
from chatkit_protocol.history import attachment_reference
from contracts.ids import new_id
from contracts.message import Json
from contracts.replies import ToolAttachment, ToolCallStatus, ToolCallView
from contracts.text import storable
from natterkit import ToolWords

from agent_runner import rules
from agent_runner.pictures import PictureRefusedError, RunPictures, data_of, preview_url
from agent_runner.tool_results import LINKS_MAX, TITLE_CHARACTERS_MAX, Outcome, link_of, parse_arguments
from agent_runner.transcript import Transcript
from agent_runner.transcript_items import ShownImage

HOSTED = (WebSearchTool, FileSearchTool, CodeInterpreterTool, HostedMCPTool, ImageGenerationTool)
_NAMES = {
    "web_search_call": "web_search",
    "file_search_call": "file_search",
    "code_interpreter_call": "code_interpreter",
    "image_generation_call": "image_generation",
}
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
    pictures: RunPictures
    characters_max: int
    has_any: bool = False
    _running: dict[int, ToolCallView] = field(default_factory=dict[int, ToolCallView])
    """By their place in the response that is under way."""
    _previews: dict[int, ShownImage] = field(default_factory=dict[int, ShownImage])
    """The images of which a preview is shown, in the same way."""
    _drawn: list[Json] = field(default_factory=list[Json])
    _place: int = 0
    """Where the response stands in the run: the same in every attempt that asks for it."""

    def begin_response(self, place: int) -> None:
        """``place``: how many items of the run are before it."""
        self._running.clear()
        self._previews.clear()
        self._drawn.clear()
        self._place = place

    def take_drawn(self) -> list[Json]:
        """What the history is to have of the pictures that the response has drawn: the calls are in none."""
        drawn, self._drawn = self._drawn, []
        return drawn

    def on_model_event(self, event: Any) -> Awaitable[None] | None:
        """Show a call that begins or ends; other events are none of ours. What is to be awaited keeps a picture."""
        if event.type == "response.image_generation_call.partial_image":
            self._preview(event)
        if event.type not in ("response.output_item.added", "response.output_item.done"):
            return None
        if event.item.type not in rules.HOSTED_CALLS:
            return None
        item = cast("dict[str, Any]", rules.storable_json(event.item.model_dump(mode="json", exclude_none=True)))
        self._begin(event.output_index, item)
        if event.type == "response.output_item.done":
            if item["type"] == "image_generation_call" and item.get("result"):
                return self._keep(event.output_index, item)
            self._end(event.output_index, item, self._outcome(item))
        return None

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
        url = preview_url(data_of(str(event.partial_image_b64)) or b"")
        if url is None:
            return
        image = self._previews.get(event.output_index)
        if image is None:
            image = self._previews[event.output_index] = self.transcript.image_begun()
        image.preview(url)

    async def _keep(self, output_index: int, item: Json) -> None:
        """Keep a picture that was drawn, and show it. Raises FencedError."""
        title = str(item.get("revised_prompt") or "")
        key, data = f"{self._place} {output_index}", data_of(str(item["result"])) or b""
        try:
            picture = await self.pictures.keep(key, data, title=title, source="model")
        except PictureRefusedError as error:
            self._end(output_index, item, Outcome("failure", f"[{title}: {error}]" if title else f"[{error}]"))
            return
        reference = attachment_reference(str(picture.attachment_id))
        self._drawn.append({"type": "message", "role": "user", "content": [reference]})
        self._end(output_index, item, Outcome("success", "[shown to the user]", (picture,)))

    def _end(self, output_index: int, item: Json, outcome: Outcome) -> None:
        call = self._running.pop(output_index)
        ended = {
            "arguments": _arguments(item),
            "status": outcome.status,
            "result": outcome.result,
            "links": tuple(one for one in outcome.attachments if one.type == "link"),
        }
        self.transcript.tool_finished(call.model_copy(update=ended))
        begun = self._previews.pop(output_index, None)
        for picture in outcome.attachments:
            if picture.type == "image":
                self.transcript.image_shown(picture, begun)
                begun = None
        if begun is not None:  # it was not finished, or is not kept
            self.transcript.image_dropped(begun)

    def _outcome(self, item: Json) -> Outcome:
        has_failed = item.get("status") in _FAILED or bool(item.get("error"))
        told = _told(item)
        cut = f"{told[: self.characters_max]}… (cut)" if len(told) > self.characters_max else told
        status: ToolCallStatus = "failure" if has_failed else "success"
        return Outcome(status, cut or None, _links(item))


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
