"""What the environment says of MCP servers and models is read strictly, and its faults are told without secrets."""

import json
from pathlib import Path
from typing import Any

import pytest
from agent_runner.settings import DEMO_MODEL, Settings
from pydantic import ValidationError

SEARCH: dict[str, Any] = {"name": "search", "url": "http://127.0.0.1:9/mcp", "tools_allowed": ["search"]}
FILES: dict[str, Any] = {"name": "files", "command": "mcp-files", "args": ["/srv"], "env": {"TOKEN": "hush"}}


def settings(**values: str) -> Settings:
    return Settings.model_validate(values)


def test_servers_come_from_json_or_from_a_file_of_it(tmp_path: Path) -> None:
    text = json.dumps([SEARCH, FILES])
    (tmp_path / "servers.json").write_text(text)
    for given in (text, str(tmp_path / "servers.json")):
        search, files = settings(AGENT_RUNNER_MCP_SERVERS=given).mcp_server_configs()
        assert (search.url, search.tools_allowed, search.sends_run_token) == (SEARCH["url"], {"search"}, False)
        assert (files.command, files.args) == ("mcp-files", ("/srv",))
        assert "hush" not in repr(files)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("[{", "AGENT_RUNNER_MCP_SERVERS"),
        ("/no/such/file.json", "cannot be read"),
        (json.dumps([{"name": "both", "url": "u", "command": "c"}]), "either a url or a command"),
        (json.dumps([{**FILES, "name": "a b"}]), "name"),
        (json.dumps([{**FILES, "colour": "red"}]), "colour"),
        (json.dumps([FILES, {**SEARCH, "name": "files"}]), "the same name"),
        ("[1]", "AGENT_RUNNER_MCP_SERVERS"),
    ],
)
def test_what_is_wrong_with_the_servers_is_said_at_the_start(given: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(AGENT_RUNNER_MCP_SERVERS=given)
    (problem,) = refused.value.errors(include_input=False)
    assert reason in problem["msg"]
    assert "hush" not in problem["msg"]


def test_without_a_provider_the_demo_model_answers_whatever_is_asked_for() -> None:
    assert settings(AGENT_RUNNER_MODEL="gpt-5").model_name == DEMO_MODEL
    with_key = settings(OPENAI_API_KEY="sk-1", AGENT_RUNNER_MODEL="m", AGENT_RUNNER_MODELS_ALLOWED="a, b,")
    assert with_key.model_names_allowed == ("m", "a", "b")


def test_a_lease_that_would_run_out_between_two_renewals_is_refused() -> None:
    assert settings(AGENT_RUNNER_LEASE_SECONDS="40").lease_seconds == 40
    with pytest.raises(ValidationError, match="more than half"):
        settings(AGENT_RUNNER_LEASE_SECONDS="3")
