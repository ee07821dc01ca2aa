"""Questions of MCP servers of both generations of the protocol: given to their call, which they end."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from agent_runner.elicitation import Answers, Hears
from agent_runner.elicited import form_of
from agent_runner.model_calls import ModelBounds
from agent_runner.sampling import Sample, Sampling
from agents import ModelSettings
from agents.testing import ScriptedModel, assistant_message
from mcp import Client, MCPError
from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve
from mcp.types import (
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    ErrorData,
    SamplingMessage,
    TextContent,
)
from natterkit import McpServer
from pydantic import BaseModel


class Name(BaseModel):
    name: str


def which_name() -> Elicit[Name]:
    return Elicit("Which name?", Name)


def a_server() -> MCPServer:
    server = MCPServer("asks")

    @server.tool()
    async def greet(name: Annotated[Name, Resolve(which_name)]) -> str:  # pyright: ignore[reportUnusedFunction]
        return f"Hello {name.name}"

    @server.tool()
    async def sign(context: Context[Any, Any]) -> str:  # pyright: ignore[reportUnusedFunction]
        answer = await context.elicit_url("Sign it", "https://sign.example/1", "sign-1")
        return f"signed: {answer.action}"

    @server.tool()
    async def grow(context: Context[Any, Any]) -> str:  # pyright: ignore[reportUnusedFunction]
        await context.session.send_tool_list_changed()
        return "grown"

    @server.tool()
    async def sum_up(context: Context[Any, Any]) -> str:  # pyright: ignore[reportUnusedFunction]
        said: list[str] = []
        for _ in range(3):
            try:
                answer = await context.session.create_message([SUM_UP], max_tokens=30)  # pyright: ignore[reportDeprecated]
            except MCPError as error:
                said.append(str(error))
            else:
                said.append(getattr(answer.content, "text", ""))
        return " | ".join(said)

    return server


SUM_UP = SamplingMessage(role="user", content=TextContent(type="text", text="Sum up."))
NOT_YET = "it was taken off the stack"


class NotYet(BaseException):
    """Nobody has answered."""


def accepts(params: Any) -> ElicitResult:
    is_form = isinstance(params, ElicitRequestFormParams)
    return ElicitResult(action="accept", content={"name": "Ada"} if is_form else None)


def waits(_params: Any) -> ElicitResult:
    raise NotYet


async def called(
    tool: str, mode: str, answer: Callable[[Any], ElicitResult], changed: list[str], sample: Sample | None = None
) -> str:
    hears = Hears(lambda: changed.append("tools"))
    listens: dict[str, Any] = {"elicitation_callback": hears.on_elicitation, "message_handler": hears.on_message}
    if sample is not None:
        listens["sampling_callback"] = hears.on_sampling
    async with Client(a_server(), mode=mode, **listens) as client:
        try:
            result: Any = await hears.during(client.call_tool(tool, {}), Answers(answer, sample))
        except NotYet:
            return NOT_YET
    return str(result.content[0].text)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_answer_reaches_the_server(mode: str) -> None:
    assert await called("greet", mode, accepts, []) == "Hello Ada"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_question_without_an_answer_ends_the_call(mode: str) -> None:
    async with asyncio.timeout(5):
        assert await called("greet", mode, waits, []) == NOT_YET


async def test_an_address_is_asked_about() -> None:
    assert await called("sign", "legacy", accepts, []) == "signed: accept"


OLD = pytest.mark.filterwarnings("ignore:The sampling capability is deprecated")
"""Servers of the protocol before 2026-07-28 sample in the middle of a call; they are out there."""


@OLD
async def test_a_server_that_may_sample_gets_no_more_than_its_bound() -> None:
    model = ScriptedModel([[assistant_message("One.")], [assistant_message("Two.")]])
    models: Any = SimpleNamespace(get=lambda _id, _demo: model, settings_of=lambda _id: ModelSettings())
    config = McpServer(name="asks", url="https://asks.example", sampling_tokens_max=50)
    sampling = Sampling(models, "scripted", None, ModelBounds(5, 5, 1, 1), lambda _usage: None)
    said = await called("sum_up", "legacy", accepts, [], sampling.of_call(config))
    assert said == "One. | Two. | This call has used up what it may sample."
    assert [call.model_settings.max_tokens for call in model.calls] == [30, 20]


@OLD
async def test_a_server_that_may_not_sample_is_told_so() -> None:
    assert await called("sum_up", "legacy", accepts, []) == " | ".join(["Sampling not supported"] * 3)


async def test_a_change_of_the_tools_is_heard() -> None:
    changed: list[str] = []
    await called("grow", "legacy", accepts, changed)
    assert changed == ["tools"]


async def test_a_question_that_may_be_of_several_calls_is_refused() -> None:
    hears = Hears(lambda: None)
    ends = asyncio.Event()

    async def call() -> Any:
        await ends.wait()

    calls = [asyncio.create_task(hears.during(call(), Answers(accepts)))]
    await asyncio.sleep(0)
    params = ElicitRequestURLParams(message="Pay", url="https://pay.example/1", elicitation_id="x")
    assert await hears.on_elicitation(None, params) == ElicitResult(action="accept")  # it can only be of this one
    calls.append(asyncio.create_task(hears.during(call(), Answers(accepts))))
    await asyncio.sleep(0)
    assert isinstance(await hears.on_elicitation(None, params), ErrorData)
    ends.set()
    await asyncio.gather(*calls)


def test_a_schema_becomes_a_form() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "title": "Your name", "description": "As in your passport"},
            "age": {"type": "integer"},
            "size": {"type": "string", "enum": ["S", "M"]},
            "days": {"type": "array", "items": {"anyOf": [{"const": "mo", "title": "Monday"}, {"const": "tu"}]}},
            "gift": {"type": "boolean"},
        },
        "required": ["name"],
    }
    asked = ElicitRequestFormParams.model_validate({"message": "Who are you?", "requestedSchema": schema})
    questions = form_of("Desk", asked).questions
    assert [(one.id, one.type, one.format, one.options, one.is_required) for one in questions] == [
        ("name", "text", None, (), True),
        ("age", "text", "integer", (), False),
        ("size", "choice", None, ("S", "M"), False),
        ("days", "several", None, ("mo", "tu"), False),
        ("gift", "confirm", None, (), False),
    ]
    assert (questions[0].question, questions[0].description) == (
        "Desk: Who are you?\n\nYour name",
        "As in your passport",
    )


def test_an_address_becomes_a_form() -> None:
    asked = ElicitRequestURLParams(message="Pay", url="https://pay.example/1", elicitation_id="x")
    [question] = form_of("Desk", asked).questions
    assert question.type == "confirm"
    assert "https://pay.example/1" in question.question
