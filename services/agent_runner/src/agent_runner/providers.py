"""The providers of models as the operator lists them, and what each of their models is asked with."""

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from agents import ModelSettings
from contracts.assistants import Choice
from openai.types.shared import Reasoning
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

Api = Literal["responses", "chat_completions", "litellm"]
Continues = Literal["last_message", "continue_final_message"]
PROVIDERS_VARIABLE = "AGENT_RUNNER_MODEL_PROVIDERS"
SEALED_THOUGHTS = "reasoning.encrypted_content"


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ReasoningConfig(_Config):
    """How a model is asked to think; each value goes to the provider as it is, and an absent one does not."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    """Responses API only: have the model's thoughts told in short. Some providers refuse it to unknown customers."""

    def as_asked(self) -> Reasoning:
        return Reasoning(effort=self.effort, summary=self.summary)


class ModelOptions(_Config):
    """What a model is asked with, as far as the agent's author says nothing else; what is None is not sent."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    reasoning: ReasoningConfig | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    store: bool | None = None
    """Whether the provider keeps what was said."""
    parallel_tool_calls: bool | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority"] | None = None

    def as_asked(self, api: Api) -> ModelSettings:
        """The same in the SDK's words."""
        forgets_thoughts = api == "responses" and self.store is False and self.reasoning is not None
        more: dict[str, Any] = {"service_tier": self.service_tier} if self.service_tier else {}
        if api == "litellm":
            more["max_retries"] = 0  # a run retries, within its bounds
        return ModelSettings(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            reasoning=self.reasoning.as_asked() if self.reasoning else None,
            verbosity=self.verbosity,
            store=self.store,
            parallel_tool_calls=self.parallel_tool_calls,
            # What a provider does not keep it must be given again: thoughts come sealed, and go back with tool outputs.
            response_include=[SEALED_THOUGHTS] if forgets_thoughts else None,
            extra_args=more or None,
        )


class ModelConfig(_Config):
    """A model of a provider. ``name``: what the provider calls it; ``id``: what assistants and people call it by."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    id: Choice
    label: str | None = Field(default=None, min_length=1, max_length=100)
    description: str | None = Field(default=None, max_length=200)
    settings: ModelOptions = ModelOptions()
    takes: tuple[Literal["images", "pdf"], ...] | None = None
    """What it takes of files as it is, beside their text; by default what its API has words for."""


def _named(value: Any) -> Any:
    """A model may be no more than a name, and is called by it where it has no id."""
    entry = {"name": value} if isinstance(value, str) else value
    if not isinstance(entry, dict) or "id" in entry:
        return cast("Any", entry)
    return {**cast("dict[str, Any]", entry), "id": cast("dict[str, Any]", entry).get("name")}


class ProviderConfig(_Config):
    """Where models are: an API, its address, and the variable that holds the key."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    base_url: str | None = None
    key_variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    api: Api = "responses"
    models: tuple[Annotated[ModelConfig, BeforeValidator(_named)], ...] = Field(min_length=1, max_length=200)
    takes_any_model: bool = False
    """It is asked for models that no provider lists as well: those that an assistant or an agent names itself."""
    settings: ModelOptions = ModelOptions()
    """Of all its models; a model's own come first."""
    continues: Continues | None = None
    """Its models go on with an answer whose beginning is the last message of what they are asked, and do not say it
    again. OpenAI's do not. ``continue_final_message``: where the request says so too (vLLM)."""
    key: SecretStr | None = Field(default=None, exclude=True)
    """What the variable holds: never written in the file."""

    def asked_with(self, model: ModelConfig | None) -> ModelSettings:
        own = model.settings.model_dump(exclude_none=True) if model else {}
        merged = ModelOptions.model_validate(self.settings.model_dump(exclude_none=True) | own)
        return merged.as_asked(self.api)


def read_providers(text: str, environment: Mapping[str, str]) -> tuple[ProviderConfig, ...]:
    """The providers of a JSON list, or of the file that ``text`` names; none where it is empty.

    Raises ValueError, which says the file and the entry, and none of its values.
    """
    text = text.strip()
    place = PROVIDERS_VARIABLE
    if text and text[0] not in "[{":
        place = f"{PROVIDERS_VARIABLE}: {text}"
        try:
            text = Path(text).expanduser().read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{place} cannot be read: {error.strerror}") from error
    try:
        entries = json.loads(text or "[]")
    except json.JSONDecodeError as error:
        raise ValueError(f"{place}: line {error.lineno}, column {error.colno}: {error.msg}") from error
    if not isinstance(entries, list):
        raise ValueError(f"{place}: it is not a list of providers")  # noqa: TRY004 - of what pydantic tells
    providers = tuple(_read_entry(place, at, entry, environment) for at, entry in enumerate(cast("list[Any]", entries)))
    _check(place, providers)
    return providers


def _read_entry(place: str, at: int, entry: Any, environment: Mapping[str, str]) -> ProviderConfig:
    where = f"{place}: entry {at + 1}{_name_of(entry)}"
    if isinstance(entry, dict) and "key" in entry:
        raise ValueError(f"{where}: a key is not written here: name its variable, as key_variable")
    try:
        provider = ProviderConfig.model_validate(entry)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        inside = ".".join(str(part) for part in problem["loc"])
        raise ValueError(f"{where}: {inside}: {problem['msg']}" if inside else f"{where}: {problem['msg']}") from error
    if provider.base_url is not None and not provider.base_url.startswith(("http://", "https://")):
        raise ValueError(f"{where}: base_url begins with http:// or https://")
    if provider.continues and provider.api == "responses":
        raise ValueError(f"{where}: continues: responses has no such setting")
    if provider.continues == "continue_final_message" and provider.api == "litellm":
        raise ValueError(f"{where}: continues: litellm takes last_message")
    _check_settings(where, provider)
    if provider.key_variable is None:
        return provider
    key = environment.get(provider.key_variable)
    if not key:
        raise ValueError(f"{where}: the variable {provider.key_variable} is not set")
    return provider.model_copy(update={"key": SecretStr(key)})


def _check_settings(where: str, provider: ProviderConfig) -> None:
    """What an API has no word for would be left out without a word."""
    places = {f"models.{at}.settings": model.settings for at, model in enumerate(provider.models)}
    places["settings"] = provider.settings
    for place, options in places.items():
        unknown = [name for name in _NOT_OVER[provider.api] if getattr(options, name) is not None]
        if provider.api != "responses" and options.reasoning and options.reasoning.summary:
            unknown.append("reasoning.summary")
        if unknown:
            raise ValueError(f"{where}: {place}.{unknown[0]}: {provider.api} has no such setting")


_NOT_OVER: dict[Api, tuple[str, ...]] = {"responses": (), "chat_completions": (), "litellm": ("store", "verbosity")}


def _name_of(entry: Any) -> str:
    name = cast("dict[str, Any]", entry).get("name") if isinstance(entry, dict) else None
    return f" “{name}”" if isinstance(name, str) else ""


def _check(place: str, providers: Sequence[ProviderConfig]) -> None:
    """What no entry knows alone: a name means one provider, an id one model."""
    names: set[str] = set()
    owners: dict[str, str] = {}
    for provider in providers:
        if provider.name in names:
            raise ValueError(f"{place}: two providers are called “{provider.name}”")
        names.add(provider.name)
        if provider.api == "litellm" and find_spec("litellm") is None:
            raise ValueError(f"{place}: “{provider.name}” has the api litellm: install agent-runner[litellm]")
        for model in provider.models:
            if model.id in owners:
                both = f"“{owners[model.id]}” and “{provider.name}”"
                raise ValueError(f"{place}: {both} have a model “{model.id}”: give one an id")
            owners[model.id] = provider.name
    open_ones = [provider.name for provider in providers if provider.takes_any_model]
    if len(open_ones) > 1:
        raise ValueError(f"{place}: “{open_ones[0]}” and “{open_ones[1]}” both have takes_any_model: one may")
