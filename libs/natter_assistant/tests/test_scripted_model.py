"""The scripted model, asked by the Agents SDK and OpenAI's own client: they take it for a provider."""

import time
from collections.abc import Iterator

import openai
import pytest
from agents import Agent, ModelSettings, OpenAIResponsesModel, RunConfig, Runner, function_tool
from natterkit.testing import ScriptedModel


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    scripted = ScriptedModel()
    scripted.start()
    yield scripted
    scripted.stop()


@function_tool
def weather(city: str) -> str:
    """Say how the weather is."""
    return f"it rains in {city}"


def agent(model: ScriptedModel) -> Agent:
    client = openai.AsyncOpenAI(api_key="scripted", base_url=model.base_url, max_retries=0)
    asked = OpenAIResponsesModel(model="scripted", openai_client=client)
    return Agent(name="Test", model=asked, tools=[weather], model_settings=ModelSettings(include_usage=True))


async def run(model: ScriptedModel, said: str = "hello") -> list[str]:
    """The words in the order in which they came."""
    result = Runner.run_streamed(agent(model), said, run_config=RunConfig(tracing_disabled=True))
    return [
        event.data.delta
        async for event in result.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]


async def test_it_answers_word_by_word(model: ScriptedModel) -> None:
    model.says("It is a fine day.", seconds_between_words=0.05)
    started = time.monotonic()
    assert await run(model) == ["It ", "is ", "a ", "fine ", "day."]
    assert time.monotonic() - started >= 0.2
    assert model.is_used_up
    assert model.tools_offered == ["weather"]


async def test_it_calls_tools_and_is_told_what_they_returned(model: ScriptedModel) -> None:
    model.calls_together(("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"})).says("It rains.")
    assert "".join(await run(model)) == "It rains."
    assert sorted(model.tool_outputs) == ["it rains in Oslo", "it rains in Rome"]


async def test_it_refuses_as_a_provider_does(model: ScriptedModel) -> None:
    model.fails(429, "rate_limit_exceeded")
    with pytest.raises(openai.RateLimitError, match="rate_limit_exceeded"):
        await run(model)


async def test_a_script_that_is_used_up_says_so(model: ScriptedModel) -> None:
    with pytest.raises(openai.BadRequestError, match="once more than it has answers"):
        await run(model)
    model.says("left over").clear()
    assert model.is_used_up
    assert model.asked == []
