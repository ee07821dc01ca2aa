"""Pytest plugin: a real NATS server and a real Postgres, one of each per test session, on free ports.

Every test gets a NATS account of its own (streams and all) and an empty database of its own, so tests never meet.
`NATTER_TEST_SERVERS=containers` takes both servers from containers instead, where a Docker engine answers.
"""

import contextlib
import gc
from collections.abc import Generator, Iterator
from importlib import import_module
from types import ModuleType

import pytest

from natter_testing.servers import Databases, NatsAccounts, migrate, start_nats, start_postgres, temporary_directory
from natter_testing.settings import Settings


def pytest_configure(config: pytest.Config) -> None:
    """Give the services their secrets. Where containers are wanted, end at once when no Docker engine answers."""
    Settings.provide_secrets()
    if not _in_containers():
        return
    reason = _containers().why_no_engine()
    if reason is not None:
        raise pytest.UsageError(f"NATTER_TEST_SERVERS=containers needs a Docker engine, or unset it: {reason}")
    # The docker library leaves its sockets to the garbage collector.
    config.addinivalue_line("filterwarnings", "ignore:unclosed:ResourceWarning")
    config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage in what is imported, then or later: that took a third of the time to collect the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def nats_accounts() -> Iterator[NatsAccounts]:
    """The NATS server of this test session, JetStream on: `new_url()` gives an account that nobody used before."""
    with _containers().nats_container() if _in_containers() else _nats_of_the_wheel() as accounts:
        yield accounts


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The Postgres of this test session: `create()` returns the URL of a new database."""
    with _containers().postgres_container() if _in_containers() else _postgres_of_the_wheel() as made:
        yield made


@pytest.fixture
def nats_url(nats_accounts: NatsAccounts) -> str:
    """A NATS address with an account of this test's own."""
    return nats_accounts.new_url()


@pytest.fixture(scope="module")
def module_nats_url(nats_accounts: NatsAccounts) -> str:
    """A NATS address with an account that the tests of one module share."""
    return nats_accounts.new_url()


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def migrated_template(databases: Databases) -> str:
    """The name of a database with every migration applied, to be copied, not connected to."""
    url = databases.create()
    migrate(url)
    return url.rpartition("/")[2]


@pytest.fixture
def database_url(databases: Databases, migrated_template: str) -> Iterator[str]:
    """The URL of a database of this test's own, migrated and empty."""
    url = databases.borrow(migrated_template)
    yield url
    databases.give_back(url, migrated_template)


@pytest.fixture(scope="module")
def module_database_url(databases: Databases, migrated_template: str) -> Iterator[str]:
    """The URL of a migrated database that the tests of one module share."""
    url = databases.borrow(migrated_template)
    yield url
    databases.give_back(url, migrated_template)


def _in_containers() -> bool:
    return Settings().servers == "containers"


def _containers() -> ModuleType:
    return import_module("natter_testing.containers")  # only then: testcontainers takes half a second to import


@contextlib.contextmanager
def _nats_of_the_wheel() -> Generator[NatsAccounts]:
    with temporary_directory() as directory:
        running, accounts = start_nats(directory)
        try:
            yield accounts
        finally:
            running.kill()  # nobody wants its files: a clean end would write all streams of all tests


@contextlib.contextmanager
def _postgres_of_the_wheel() -> Generator[Databases]:
    with temporary_directory() as directory:
        running, made = start_postgres(directory)
        try:
            yield made
        finally:
            running.kill()
