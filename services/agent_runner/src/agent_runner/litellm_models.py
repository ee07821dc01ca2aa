"""Models over LiteLLM, which speaks to providers that have no API like OpenAI's. Needs agent-runner[litellm]."""

from typing import Any

from agents.extensions.models import litellm_model

from agent_runner.models import as_one_message_each, watched


class LitellmModel(litellm_model.LitellmModel):
    """The SDK's, with the differences that `agent_runner.models.ChatCompletionsModel` has."""

    async def _fetch_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: A002
        items: Any = as_one_message_each(input)
        # LiteLLM is an extra, so that its types are not known here.
        fetch: Any = super()._fetch_response  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return watched(await fetch(system_instructions, items, *args, **kwargs))
