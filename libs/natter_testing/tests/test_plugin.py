"""The servers of the tests are real, and tests do not meet on them."""

import re
import subprocess
from pathlib import Path

import asyncpg
import nats
import pytest
from natter.servers.nats import Nats
from natter_testing.containers import nats_configuration
from natter_testing.hangs import FileByFile
from natter_testing.servers import NATS_ACCOUNTS, Databases, NatsAccounts

ROOT = Path(__file__).parents[3]


async def test_every_test_has_a_nats_account_of_its_own(nats_accounts: NatsAccounts) -> None:
    for url in (nats_accounts.new_url(), nats_accounts.new_url()):
        connection = await nats.connect(url)
        jetstream = connection.jetstream()
        assert await jetstream.streams_info() == []
        await jetstream.add_stream(name="DELTAS", subjects=["delta.>"])
        assert (await jetstream.publish("delta.a", b"x")).seq == 1
        await connection.close()


async def test_every_test_has_a_database_of_its_own(databases: Databases) -> None:
    for url in (databases.create(), databases.create()):
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("select count(*) from pg_class where relname = 'x'") == 0
        await connection.execute("create table x ()")
        assert not await connection.fetchval("select rolsuper from pg_roles where rolname = current_user")
        await connection.close()
        databases.drop(url)


def test_the_server_in_a_container_may_keep_as_much_as_the_wheels() -> None:
    in_container = nats_configuration()
    of_the_wheel = Nats(Path("/data"), 1, 2, accounts=NATS_ACCOUNTS).configuration()
    assert in_container["jetstream"] == of_the_wheel["jetstream"]
    assert in_container["accounts"] == of_the_wheel["accounts"]


def test_the_files_that_share_a_stack_stay_on_one_worker(pytestconfig: pytest.Config) -> None:
    scheduler = FileByFile.__new__(FileByFile)
    scheduler.config = pytestconfig
    files = [f"tests/e2e/element/test_{name}.py" for name in ("natter", "branches", "safety")]
    assert {scheduler._split_scope(f"{file}::test_it") for file in files} == {files[0]}
    assert scheduler._split_scope("tests/e2e/test_whole_path.py::test_it[a]") == "tests/e2e/test_whole_path.py"


def test_make_test_browser_looks_wherever_a_test_is_marked_so() -> None:
    (folders,) = re.findall(r"^IN_BROWSER := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    marked = subprocess.run(
        ["git", "grep", "-l", r"mark\.browser", "--", "*.py", ":!*/test_plugin.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert marked
    assert [file for file in marked if not file.startswith(tuple(folders.split()))] == []


async def test_a_database_that_was_given_back_is_empty_or_gone(databases: Databases, migrated_template: str) -> None:
    first = databases.borrow(migrated_template)
    connection = await asyncpg.connect(first)
    await connection.execute("select set_config('app.system', 'on', false)")
    await connection.execute("insert into chat.\"user\" (user_id) values ('alice')")
    databases.give_back(first, migrated_template)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
        await connection.fetchval("select 1")
    second = databases.borrow(migrated_template)
    assert second == first
    connection = await asyncpg.connect(second)
    await connection.execute("select set_config('app.system', 'on', false)")
    assert await connection.fetchval('select count(*) from chat."user"') == 0
    assert await connection.fetchval("select count(*) from chat.alembic_version") == 1
    await connection.execute('alter table chat."user" disable row level security')
    await connection.close()
    databases.give_back(second, migrated_template)
    assert databases.borrow(migrated_template) != second
