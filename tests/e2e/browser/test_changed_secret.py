"""BETTER_AUTH_SECRET is changed over a database that has accounts: people sign in again, and chat."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from contracts.postgres_roles import WEB
from natter.data_directory import DataDirectory
from natter_testing.servers import temporary_directory
from natter_testing.stack import RunningNatter, natter_up

pytestmark = [pytest.mark.whole_path, pytest.mark.thorough, pytest.mark.timeout(240, func_only=True)]

PORTS = ("--edge-port", "0", "--relay-port", "0", "--web-port", "0")
ACCOUNT = {"email": "alice@example.com", "password": "a long password", "name": "Alice"}


@pytest.fixture(scope="module")
def data_dir(built_web_app: None) -> Iterator[Path]:
    """A data directory in which Alice has an account and a conversation."""
    with temporary_directory() as directory:
        with natter_up(directory, *PORTS) as natter:
            signed_up = httpx.post(
                f"{natter.url}/api/auth/sign-up/email", json=ACCOUNT, headers={"Origin": natter.url}, timeout=20
            )
            assert signed_up.status_code == 200, signed_up.text
            assert chats(natter) == 200
        yield directory


def chats(natter: RunningNatter) -> int:
    """Sign in, send a message, read the whole answer. Returns the stream's status."""
    with httpx.Client(base_url=natter.url, headers={"Origin": natter.url}, timeout=20, trust_env=False) as alice:
        entered = alice.post("/api/auth/sign-in/email", json=ACCOUNT)
        assert entered.status_code == 200, entered.text
        user_id = entered.json()["user"]["id"]
        begun = alice.post(f"/api/{user_id}/chat", json={"message": "count to 3"})
        assert begun.status_code == 202, begun.text
        stream = alice.get(begun.json()["stream_url"])
        assert "run.completed" in stream.text or stream.status_code == 204
        return 200


def query(natter: RunningNatter, statement: str) -> list[asyncpg.Record]:
    """The rows of a statement of the web app's own role."""
    return asyncio.run(rows(natter.state.database_url, natter.data_dir, statement))


async def rows(url: str, data_dir: Path, statement: str) -> list[asyncpg.Record]:
    password = DataDirectory.open(data_dir).read_secrets().postgres_web_password
    connection = await asyncpg.connect(url, user=WEB, password=password)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


def keys(natter: RunningNatter) -> list[str]:
    """The ids of the keys that sign access tokens."""
    return [row["id"] for row in query(natter, 'select "id" from auth.jwks')]


def test_with_the_old_secret_the_key_is_kept_and_once_renewed_it_needs_the_old_one_no_more(data_dir: Path) -> None:
    with natter_up(data_dir, *PORTS, environment={"BETTER_AUTH_SECRET": os.urandom(24).hex()}) as natter:
        assert chats(natter) == 200
        kept = keys(natter)
        assert len(kept) == 1
    directory = DataDirectory.open(data_dir)
    secrets = directory.read_secrets()
    assert len(secrets.better_auth_secrets_previous) == 1
    directory.write_secrets(secrets.model_copy(update={"better_auth_secrets_previous": []}))
    with natter_up(data_dir, *PORTS) as natter:
        assert chats(natter) == 200
        assert keys(natter) == kept


def test_a_key_that_no_secret_opens_is_replaced_at_the_start_and_while_it_runs(data_dir: Path) -> None:
    directory = DataDirectory.open(data_dir)
    lost = {"better_auth_secret": os.urandom(24).hex(), "better_auth_secrets_previous": []}
    directory.write_secrets(directory.read_secrets().model_copy(update=lost))
    with natter_up(data_dir, *PORTS) as natter:
        assert chats(natter) == 200
        replaced = keys(natter)
        # What a replica does that still has another secret: it makes a key that this one cannot read.
        foreign = """insert into auth.jwks ("id", "publicKey", "privateKey", "createdAt", "alg", "crv")
            select 'foreign', "publicKey", '"00ff"', now() + interval '1 hour', "alg", "crv" from auth.jwks"""
        query(natter, foreign)
        deadline = 20
        while keys(natter) != replaced and deadline:  # readiness looks every ten seconds
            assert httpx.get(f"{natter.url}/readyz", trust_env=False).status_code == 200
            asyncio.run(asyncio.sleep(1))
            deadline -= 1
        assert keys(natter) == replaced
        assert chats(natter) == 200
