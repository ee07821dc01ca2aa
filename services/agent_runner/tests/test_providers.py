"""A list of providers is read strictly; its faults name the file and the entry, and nothing that is secret."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from agent_runner.model_errors import ModelError
from agent_runner.models import Models
from agent_runner.providers import SEALED_THOUGHTS, ProviderConfig, read_providers
from agent_runner.settings import DEMO_MODEL, Settings
from pydantic import ValidationError

ACME: dict[str, Any] = {
    "name": "acme",
    "key_variable": "ACME_KEY",
    "settings": {"store": False, "temperature": 0.2},
    "models": [
        {
            "name": "large@2026",
            "id": "large",
            "label": "Large",
            "settings": {"temperature": 1, "reasoning": {"effort": "low"}, "service_tier": "flex"},
        },
        "small",
    ],
}
LOCAL: dict[str, Any] = {
    "name": "local",
    "base_url": "http://127.0.0.1:9/v1",
    "api": "chat_completions",
    "models": ["llama"],
    "takes_any_model": True,
}
KEYS = {"ACME_KEY": "hush"}


def models(monkeypatch: pytest.MonkeyPatch, **values: str) -> Models:
    monkeypatch.setenv("ACME_KEY", "hush")
    given = {"AGENT_RUNNER_MODEL_PROVIDERS": json.dumps([ACME, LOCAL]), **values}
    return Models(Settings.model_validate(given))


def test_a_list_is_json_or_a_file_of_it_and_keys_come_from_variables(tmp_path: Path) -> None:
    file = tmp_path / "providers.json"
    file.write_text(json.dumps([ACME, LOCAL]))
    for given in (json.dumps([ACME, LOCAL]), str(file)):
        acme, local = read_providers(given, KEYS)
        assert [(model.id, model.name) for model in acme.models] == [("large", "large@2026"), ("small", "small")]
        assert acme.key is not None
        assert acme.key.get_secret_value() == "hush"
        assert "hush" not in repr(acme)
        assert (local.key, local.api) == (None, "chat_completions")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([ACME, {**LOCAL, "api": "soap"}], "entry 2 “local”: api: Input should be"),
        ([{**ACME, "colour": "red"}], "entry 1 “acme”: colour: Extra inputs"),
        ([{**ACME, "settings": {"temperature": 9}}], "entry 1 “acme”: settings.temperature"),
        ([{**ACME, "models": [{"name": "a b"}]}], "entry 1 “acme”: models.0.id: String should match"),
        ([{**LOCAL, "base_url": "localhost:80"}], "entry 1 “local”: base_url begins with http:// or https://"),
        (
            [{**LOCAL, "api": "litellm", "settings": {"store": False}}],
            "entry 1 “local”: settings.store: litellm",
        ),
        (
            [{**LOCAL, "models": [{"name": "m", "settings": {"reasoning": {"summary": "auto"}}}]}],
            "entry 1 “local”: models.0.settings.reasoning.summary: chat_completions has no such setting",
        ),
        ([{**ACME, "continues": "last_message"}], "entry 1 “acme”: continues: responses has no such setting"),
        (
            [{**LOCAL, "api": "litellm", "continues": "continue_final_message"}],
            "entry 1 “local”: continues: litellm takes last_message",
        ),
        ([{**ACME, "models": []}], "entry 1 “acme”: models: Tuple should have at least 1 item"),
        ([{**ACME, "key": "hush"}], "entry 1 “acme”: a key is not written here"),
        ([{**ACME, "key_variable": "OTHER_KEY"}], "entry 1 “acme”: the variable OTHER_KEY is not set"),
        ([LOCAL, {**ACME, "name": "local"}], "two providers are called “local”"),
        ([ACME, {**LOCAL, "models": ["small"]}], "“acme” and “local” have a model “small”: give one an id"),
        ([{**ACME, "takes_any_model": True}, LOCAL], "“acme” and “local” both have takes_any_model: one may"),
        (["acme"], "entry 1: Input should be"),
        ({"acme": {}}, "it is not a list of providers"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_and_the_entry(tmp_path: Path, entries: Any, said: str) -> None:
    file = tmp_path / "providers.json"
    file.write_text(json.dumps(entries))
    with pytest.raises(ValueError, match="AGENT_RUNNER_MODEL_PROVIDERS: ") as refused:
        read_providers(str(file), KEYS)
    assert f"{file}: {said}" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_file_that_is_not_there_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.json cannot be read: No such file"):
        read_providers(str(tmp_path / "none.json"), {})
    (tmp_path / "half.json").write_text('[\n{"name": ]')
    with pytest.raises(ValueError, match=r"half\.json: line 2, column 10: Expecting value"):
        read_providers(str(tmp_path / "half.json"), {})


def test_a_models_settings_come_before_its_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    known = models(monkeypatch)
    large, small = known.settings_of("large"), known.settings_of("small")
    assert (large.temperature, large.store, large.extra_args) == (1, False, {"service_tier": "flex"})
    assert large.reasoning is not None
    assert large.reasoning.effort == "low"
    assert large.response_include == [SEALED_THOUGHTS], "what the provider does not keep comes back sealed"
    assert (small.temperature, small.store, small.extra_args, small.response_include) == (0.2, False, None, None)
    llama = known.settings_of("llama")
    assert (llama.temperature, llama.store, llama.include_usage) == (None, None, True)


def test_an_assistant_without_models_has_those_of_the_list_and_may_be_asked_for_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = models(monkeypatch)
    assert known.offered() == ["large", "small", "llama"]
    assert known.choose({}, None) == "large"
    assert known.choose({}, None, ["llama", "small"]) == "llama"
    assert known.choose({"model": "small"}, None, ["llama", "small"]) == "small"
    for asked, of_assistant in (("gpt-5", []), ("small", ["llama"])):
        with pytest.raises(ModelError):
            known.choose({"model": asked}, None, of_assistant)
    narrow = models(monkeypatch, AGENT_RUNNER_MODEL="llama", AGENT_RUNNER_MODELS_ALLOWED="small")
    assert narrow.offered() == ["llama", "small"]
    any_other, large = known.known("mixtral"), known.known("large")
    assert any_other is not None
    assert large is not None
    assert (any_other.provider.name, large.name) == ("local", "large@2026")


def test_titles_are_written_by_the_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    known = models(monkeypatch, AGENT_RUNNER_HELPER_MODEL="small")
    assert known.helper(None, "large") == "small"
    assert known.helper("llama", "large") == "llama"
    assert models(monkeypatch).helper(None, "large") == "large"
    assert known.helper(None, None) == "small"
    assert Models(Settings.model_validate({})).helper("small", "large") is None, "the demo model writes none"


@pytest.mark.parametrize("variable", ["AGENT_RUNNER_MODEL", "AGENT_RUNNER_HELPER_MODEL", "AGENT_RUNNER_MODELS_ALLOWED"])
def test_a_model_that_is_not_on_the_list_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with pytest.raises(ValidationError, match=f"{variable}: AGENT_RUNNER_MODEL_PROVIDERS lists no model “gpt-9”"):
        models(monkeypatch, **{variable: "gpt-9"})


def test_without_a_list_the_old_variables_are_the_one_provider() -> None:
    settings = Settings.model_validate(
        {
            "OPENAI_API_KEY": "sk-1",
            "AGENT_RUNNER_MODEL": "m",
            "AGENT_RUNNER_MODELS_ALLOWED": "b@2,a",
            "AGENT_RUNNER_MODEL_REASONING": {"a": {"effort": "high"}, "c": {"effort": "low"}},
        }
    )
    known = Models(settings)
    assert known.offered() == ["m", "a", "b@2"]
    assert [known.settings_of(name).reasoning is not None for name in ("m", "a", "c")] == [False, True, True]
    assert known.known("whatever") is not None, "an agent may name any model of this provider"
    assert known.known(DEMO_MODEL) is None


def test_litellm_is_asked_to_try_once() -> None:
    provider = ProviderConfig.model_validate({"name": "l", "api": "litellm", "models": ["anthropic/claude"]})
    assert provider.asked_with(None).extra_args == {"max_retries": 0}


def test_that_litellm_is_not_installed_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "litellm", None)  # as where nobody has installed it
    with pytest.raises(ValueError, match=r"“l” has the api litellm: install agent-runner\[litellm\]"):
        read_providers(json.dumps([{"name": "l", "api": "litellm", "models": ["m"]}]), {})
