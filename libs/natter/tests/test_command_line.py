"""The command line refuses what cannot work, with the reason, and mints tokens that a verifier accepts."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from identity.local_issuer import LocalIssuer
from natter.__main__ import main
from natter.data_directory import DataDirectory, StackState
from natter.tokens import read_duration_seconds
from typer.main import get_command
from typer.testing import CliRunner


def run(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize("scale", ["agent_runner", "auth_edge=0", "agent_runner=x", "nats=2", "agent_runner=999"])
def test_a_wrong_scale_is_refused(tmp_path: Path, scale: str) -> None:
    done = run("up", "--data-dir", str(tmp_path), "--no-web", "--scale", scale)
    assert done.exit_code == 2
    assert "SERVICE=N" in done.stderr


def test_a_port_used_twice_is_refused(tmp_path: Path) -> None:
    done = run("up", "--data-dir", str(tmp_path), "--no-web", "--edge-port", "45123", "--relay-port", "45123")
    assert done.exit_code == 1
    assert "different ports" in done.stderr


def test_a_data_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("token", "--user", "alice", "--data-dir", str(tmp_path / "file" / "data"))
    assert done.exit_code == 1
    assert str(tmp_path / "file" / "data") in done.stderr


def test_without_the_web_app_a_token_is_signed_with_the_shared_secret(tmp_path: Path) -> None:
    token = run("token", "--user", "alice", "--data-dir", str(tmp_path), "--ttl", "2h").stdout.strip()
    secret = DataDirectory.open(tmp_path).read_secrets().better_auth_secret
    claims = jwt.decode(token, secret, algorithms=["HS256"], audience="natter", issuer="natter")
    assert claims["sub"] == "alice"
    assert claims["exp"] - claims["iat"] == 7200
    assert abs(claims["iat"] - time.time()) < 10


def test_with_the_web_app_a_token_is_signed_by_the_local_issuer(tmp_path: Path) -> None:
    directory = DataDirectory.open(tmp_path)
    directory.write_state(StackState(pid=1, jwt_verifier="jwks"))
    token = run("token", "--user", "bob", "--data-dir", str(tmp_path)).stdout.strip()
    key = LocalIssuer.open(directory.issuer).key.public_key()
    assert jwt.decode(token, key, algorithms=["EdDSA"], audience="natter", issuer="natter")["sub"] == "bob"


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400)])
def test_durations_are_read(text: str, seconds: int) -> None:
    assert read_duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1w", "m", "1.5h", "9999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|between"):
        read_duration_seconds(text)
    assert run("token", "--user", "alice", f"--ttl={text}").exit_code == 2


OPERATING = [
    *(
        ["status"],
        ["scale", "agent_runner=2"],
        ["runs", "list"],
        ["runs", "show", "run_1"],
        ["runs", "cancel", "run_1"],
    ),
    *(["tail"], ["users", "show", "a"], ["users", "export", "a"], ["users", "erase", "a", "--yes"], ["usage"]),
    *(["dead-letters", "list"], ["dead-letters", "show", "1"], ["dead-letters", "discard", "1"]),
]


@pytest.mark.parametrize("command", OPERATING, ids=" ".join)
def test_without_a_stack_a_command_ends_with_1_and_says_why(command: list[str], tmp_path: Path) -> None:
    done = run(*command, "--data-dir", str(tmp_path))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no stack" in done.stderr


@pytest.mark.parametrize(
    "command",
    [["scale"], ["scale", "nats=2"], ["runs", "list", "--limit", "0"], ["usage", "--by", "week"]],
    ids=" ".join,
)
def test_a_command_that_is_written_wrongly_ends_with_2(command: list[str], tmp_path: Path) -> None:
    assert run(*command, "--data-dir", str(tmp_path)).exit_code == 2


def test_prices_that_cannot_be_read_are_a_command_that_is_written_wrongly(tmp_path: Path) -> None:
    done = run("usage", "--prices", "{", "--data-dir", str(tmp_path))
    assert done.exit_code == 2
    assert "the prices cannot be read" in " ".join(done.stderr.split())


def leaves(command: Any, *names: str) -> list[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by the words that call it."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(names, command)]
    return [leaf for name, one in inner.items() for leaf in leaves(one, *names, name)]


def test_every_command_of_an_operator_has_an_example_that_calls_it() -> None:
    found = {" ".join(names): command.epilog or "" for names, command in leaves(get_command(main))}
    for name in {" ".join(word for word in command if word.isalpha() or "-" in word[1:]) for command in OPERATING}:
        command = next(one for one in found if name.startswith(one))
        assert found[command].startswith(f"Example: natter {command}"), command


def test_the_shell_is_told_how_to_complete_commands_options_and_values() -> None:
    words = {
        "natter us": "users",
        "natter runs c": "cancel",
        "natter usage --by m": "model",
    }
    for typed, completed in words.items():
        environment = {
            **os.environ,
            "_NATTER_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(typed.count(" ")),
        }
        done = subprocess.run(
            [Path(sys.executable).parent / "natter"], env=environment, capture_output=True, text=True, check=False
        )
        assert completed in done.stdout.split(), done
