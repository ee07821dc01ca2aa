"""What is sealed is read by who has the secret, for the user and the server that it was sealed for."""

import pytest
from agent_runner.sealing import Seal
from agent_runner.settings import Settings
from pydantic import ValidationError

OLD, NEW = "o" * 32, "n" * 32
CONTENT = {"tokens": {"access_token": "very-secret"}}


def test_what_is_sealed_is_opened_and_says_nothing_meanwhile() -> None:
    sealed = Seal([OLD]).seal("alice", "calendar", CONTENT)
    assert "secret" not in sealed
    assert Seal([OLD]).open("alice", "calendar", sealed) == CONTENT


def test_a_row_that_was_moved_to_another_user_or_server_is_not_opened() -> None:
    seal = Seal([OLD])
    sealed = seal.seal("alice", "calendar", CONTENT)
    assert seal.open("mallory", "calendar", sealed) is None
    assert seal.open("alice", "wiki", sealed) is None
    assert seal.open("alice", "calendar", sealed[:-4] + "AAAA") is None


def test_a_secret_is_changed_by_putting_the_new_one_in_front() -> None:
    sealed = Seal([OLD]).seal("alice", "calendar", CONTENT)
    both = Seal([NEW, OLD])
    assert both.open("alice", "calendar", sealed) == CONTENT
    assert Seal([NEW]).open("alice", "calendar", sealed) is None
    assert Seal([NEW]).open("alice", "calendar", both.seal("alice", "calendar", CONTENT)) == CONTENT


OAUTH = '[{"name": "calendar", "url": "https://calendar.example.org/mcp", "oauth": {}}]'


@pytest.mark.parametrize("secrets", ["", "too-short", f"{OLD},short"])
def test_a_runner_with_oauth_does_not_start_without_a_secret(secrets: str) -> None:
    given = {"mcp_servers": OAUTH, "connection_secrets": secrets}
    with pytest.raises(ValidationError, match="AGENT_RUNNER_CONNECTION_SECRETS"):
        Settings.model_validate(given)
    assert Settings.model_validate({**given, "connection_secrets": f"{NEW}, {OLD}"}).connection_secret_list == (
        NEW,
        OLD,
    )
