"""Accounts in a Postgres of one's own: the commands about them need no stack, only their tables."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import pytest
from actor_kit.provision import provision
from contracts.events import AuditEvent
from contracts.services import Service
from natter.__main__ import main
from natter.operator_bus import operator_bus, operator_settings
from typer.testing import CliRunner

WEB = Path(__file__).parents[2] / "web"
ORIGIN = "https://natter.example"
NEW_USER = """
insert into auth."user" (id, name, email, "emailVerified", "createdAt", "updatedAt")
values ('u1', 'Ada', 'ada@natter.test', true, now(), now())
"""


@pytest.fixture
def database(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the web app's own tables; as the environment names it, with a word of libpq's that asyncpg does not know."""
    command = [str(WEB / "node_modules" / ".bin" / "tsx"), "scripts/migrate.ts"]
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "DATABASE_URL": empty_database_url}
    secret = {"BETTER_AUTH_SECRET": "s" * 32}
    subprocess.run(command, cwd=WEB, env=environment | secret, check=True, capture_output=True, timeout=60)
    monkeypatch.setenv("NATTER_WEB_DATABASE_URL", f"{empty_database_url}?channel_binding=prefer")
    return empty_database_url


def test_links_and_roles_are_written_where_the_accounts_are(database: str, nats_url: str, tmp_path: Path) -> None:
    async def sql(statement: str) -> list[Any]:
        connection: Any = await asyncpg.connect(database)  # pyright: ignore[reportUnknownMemberType]
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    def natter(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["users", *arguments, "--data-dir", str(tmp_path / "none")])

    def link(*arguments: str) -> str:
        done = natter(*arguments, "--web-url", ORIGIN, "--nats-url", nats_url)
        assert done.exit_code == 0, done.output
        return done.output.strip()

    asyncio.run(with_streams(nats_url))
    asyncio.run(sql(NEW_USER))
    reset, invitation = link("reset-password", "Ada@natter.test"), link("invite", "bob@natter.test")
    token = reset.removeprefix(f"{ORIGIN}/reset-password#")
    invited = invitation.removeprefix(f"{ORIGIN}/sign-up#invitation=").removesuffix("&email=bob%40natter.test")
    assert set(asyncio.run(sql("select identifier, value from auth.verification"))) == {
        (f"reset-password:{token}", "u1"),
        (f"invitation:{invited}", "bob@natter.test"),
    }
    assert asyncio.run(audited(nats_url)) == ["reset_link_made", "invitation_made"]
    for command, role in (("make-operator", "operator"), ("unmake-operator", None)):
        assert natter(command, "ada@natter.test").exit_code == 0
        assert asyncio.run(sql('select role from auth."user"')) == [(role,)]


@pytest.mark.parametrize("command", ["reset-password", "make-operator"])
def test_what_cannot_be_done_is_said(command: str, nats_url: str, tmp_path: Path) -> None:
    arguments = ["users", command, "ada@natter.test", "--data-dir", str(tmp_path / "none")]
    if command == "reset-password":
        arguments += ["--web-url", ORIGIN, "--nats-url", nats_url]
    nowhere = CliRunner().invoke(main, arguments)
    assert (nowhere.exit_code, "give --database-url" in nowhere.output) == (1, True)
    away = CliRunner().invoke(main, [*arguments, "--database-url", "postgresql://x@127.0.0.1:1/x"])
    assert (away.exit_code, "Postgres cannot be entered" in away.output) == (1, True)


async def with_streams(nats_url: str) -> None:
    async with operator_bus(operator_settings(None, nats_url)) as bus:
        await provision(bus)


async def audited(nats_url: str) -> list[str]:
    async with operator_bus(operator_settings(None, nats_url)) as bus:
        messages, _ = await bus.direct_get("AUDIT", f"audit.{Service.OPERATOR}.>")
        return [AuditEvent.decode(message.payload).action for message in messages]
