"""Containers are stopped and restarted while people talk: nobody's request is cut off, nothing is lost or repeated."""

import os
import re
import time

import pytest

from tests.containers.compose import Containers
from tests.containers.people import busy, crowd

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(600)]

PEOPLE = 6
BEFORE_SECONDS, AFTER_SECONDS = 2, 2
OLD_PASSWORD = "Postgres keeps the password that its data (in Docker: its volume) was made with"


@pytest.mark.parametrize(
    "service", ["auth_edge", "stream_relay", "agent_runner", "task_tools", "conversation_store", "nats", "postgres"]
)
def test_a_restart_under_load_loses_and_repeats_nothing(containers: Containers, service: str) -> None:
    with crowd(PEOPLE, containers.url) as people:
        with busy(people, f"while {service} is restarted"):
            time.sleep(BEFORE_SECONDS)
            containers.compose("restart", service)
            containers.wait_until_healthy()
            time.sleep(AFTER_SECONDS)
        refused = sum(person.check() for person in people)
        assert [person.lost for person in people] == [[]] * PEOPLE
        turns, waited = sum(len(person.titles) for person in people), sum(person.waited for person in people)
        assert refused < turns / 2
        print(f"{service}: {turns} turns, {waited} times told to wait, {refused} todos told as not added")  # noqa: T201


def test_one_of_two_replicas_is_killed_under_load_and_the_other_serves_at_the_same_address(
    containers: Containers,
) -> None:
    scaled = ("auth_edge", "stream_relay", "conversation_store")
    options = [word for service in scaled for word in ("--scale", f"{service}=2")]
    containers.compose("up", "--wait", "--no-recreate", *options)
    with crowd(PEOPLE, containers.url) as people:
        with busy(people, "while replicas are killed"):
            for service in scaled:
                time.sleep(BEFORE_SECONDS)
                containers.kill(service)
            time.sleep(AFTER_SECONDS)
        refused = sum(person.check() for person in people)
        assert [person.lost for person in people] == [[]] * PEOPLE
        turns, waited = sum(len(person.titles) for person in people), sum(person.waited for person in people)
        assert refused < turns / 2
        print(f"one of two killed: {turns} turns, {waited} times told to wait, {refused} todos not added")  # noqa: T201
    containers.compose("up", "--wait", "--no-recreate", *(word.replace("=2", "=1") for word in options))


def test_a_stop_under_load_resets_nobodys_request(containers: Containers) -> None:
    """At the container's own address: Docker's proxy of a published port accepts for a moment what nobody reads."""
    with crowd(PEOPLE, containers.address_of_the_web_app(), containers.url) as people:
        with busy(people, "while all is stopped"):
            time.sleep(BEFORE_SECONDS)
            containers.compose("stop")
            containers.compose("up", "--wait")
            address = containers.address_of_the_web_app()
            for person in people:
                person.http.base_url = address
        for person in people:
            person.check()
        assert [person.lost for person in people] == [[]] * PEOPLE


def test_a_new_env_over_old_volumes_is_refused_in_words(containers: Containers) -> None:
    kept = containers.env_file.read_text()
    password = next(line for line in kept.splitlines() if line.startswith("POSTGRES_PASSWORD="))
    containers.compose("stop")
    try:
        containers.env_file.write_text(kept.replace(password, "POSTGRES_PASSWORD=another-one-that-is-long-enough"))
        done = containers.run("up", "--wait")
        assert done.returncode != 0
        assert OLD_PASSWORD in containers.compose("logs", "roles")
    finally:
        containers.env_file.write_text(kept)
        containers.compose("up", "--wait")


CHANGED = {"PRINCIPAL_SECRET": "PRINCIPAL_SECRETS_PREVIOUS", "RUN_TOKEN_SECRET": "RUN_TOKEN_SECRETS_PREVIOUS"}
"""Secrets of .env, and where the runbook says that the old one goes; others are simply replaced."""
REPLACED = (
    "POSTGRES_PASSWORD",
    "POSTGRES_PASSWORD_OWNER",
    "POSTGRES_PASSWORD_STORE",
    "POSTGRES_PASSWORD_WEB",
    "CHAT_TOKEN_SECRET",
    "NATS_PASSWORD_AUTH_EDGE",
    "NATS_PASSWORD_CONVERSATION_STORE",
    "NATS_PASSWORD_AGENT_RUNNER",
    "NATS_PASSWORD_TASK_TOOLS",
    "NATS_PASSWORD_STREAM_RELAY",
    "NATS_PASSWORD_OPERATOR",
)


def test_secrets_are_changed_under_load_as_the_runbook_says(containers: Containers) -> None:
    """All but BETTER_AUTH_SECRET, which ends everybody's session (tests/e2e/browser/test_changed_secret.py)."""
    with crowd(PEOPLE, containers.url) as people:
        with busy(people, "while secrets are changed"):
            time.sleep(BEFORE_SECONDS)
            new = change_secrets(containers)
            statement = f"alter role natter password '{new['POSTGRES_PASSWORD']}'"
            containers.compose("exec", "-T", "postgres", "psql", "-U", "natter", "-c", statement)
            containers.compose("up", "-d", "--wait")
            time.sleep(AFTER_SECONDS)
        for person in people:
            person.check()


def change_secrets(containers: Containers) -> dict[str, str]:
    """Write new ones into .env, and name the old ones where they are still wanted."""
    lines = dict(line.split("=", 1) for line in containers.env_file.read_text().splitlines() if re.match(r"\w+=", line))
    old = {name: lines[name] for name in (*CHANGED, *REPLACED)}
    new = {name: f"s{os.urandom(24).hex()}" for name in old}
    previous = {CHANGED[name]: old[name] for name in CHANGED}
    containers.env_file.write_text("\n".join(f"{name}={value}" for name, value in {**lines, **new, **previous}.items()))
    return new
