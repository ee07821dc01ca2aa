"""A stock server, a whole Natter and a browser for the tests of this folder; a fresh page and person for each.

A test that takes `server` runs against both, against Natter in `make test-thorough` only; one that takes `natter` is
about that one alone. One that takes `stock` is about the page alone, whatever server answers, or about what only a
stock server does.
"""

import fcntl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import RunningNatter, natter_up
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import chromium
from tests.e2e.element import script, servers
from tests.e2e.element.chat import Chat
from tests.e2e.element.servers import Person, Server

PACKAGE = Path(__file__).parents[3] / "web" / "chatkit-element"
BUILD_SECONDS_MAX = 120
# Bounds of waiting, not of speed: the machine may be busy with the other tests.
EXPECT_MS_MAX = 15_000
PAGE_MS_MAX = 30_000

expect.set_options(timeout=EXPECT_MS_MAX)


@pytest.fixture(scope="session")
def built() -> None:
    """The element and its test pages, built from the sources as they are; one worker builds, the others wait."""
    with (PACKAGE / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outputs = [PACKAGE / "dist" / "chatkit.js", PACKAGE / "dist-test" / "axe.min.js"]
        inputs = [
            path for folder in ("src", "scripts", "types", "tests/pages") for path in (PACKAGE / folder).rglob("*")
        ]
        newest = max(path.stat().st_mtime for path in [*inputs, PACKAGE / "package.json"])
        if all(path.exists() and path.stat().st_mtime >= newest for path in outputs):
            return
        for task in ("build", "build:pages"):
            subprocess.run(["npm", "run", "-s", task], cwd=PACKAGE, check=True, timeout=BUILD_SECONDS_MAX)
        for path in outputs:
            path.touch()


@pytest.fixture(scope="session")
def stock_process(built: None) -> Iterator[Server]:
    """A stock ChatKitServer in a process of its own."""
    process = servers.start_server("stock_server")
    try:
        yield servers.stock_server(servers.origin_of(process))
    finally:
        servers.stop_server(process)


@pytest.fixture(scope="session")
def natter_stack(built: None) -> Iterator[tuple[RunningNatter, str]]:
    """A whole Natter whose model is scripted, and the origin of its pages."""
    process = servers.start_server("natter_front")
    try:
        origin = servers.origin_of(process)
        environment = servers.natter_environment(origin)
        with temporary_directory() as directory, natter_up(directory / "data", environment=environment) as running:
            state = running.state
            addresses = {"edge_url": running.edge_url, "relay_url": running.relay_url}
            servers.control(origin, "attach", **addresses, database_url=state.database_url)
            yield running, origin
    finally:
        servers.stop_server(process)


@pytest.fixture
def stock(stock_process: Server) -> Server:
    """The stock server; no fault of an earlier test is left."""
    stock_process.control("calm")
    stock_process.control("delay", seconds=script.WORD_DELAY_SECONDS)
    return stock_process


@pytest.fixture
def natter(natter_stack: tuple[RunningNatter, str]) -> Person:
    """Natter, for a person whom no other test knows; no fault of an earlier test is left."""
    person = servers.natter_of_a_new_person(*natter_stack)
    person.control("calm")
    person.control("delay", seconds=script.WORD_DELAY_SECONDS)
    return person


@pytest.fixture(params=["stock", pytest.param("natter", marks=[pytest.mark.whole_path, pytest.mark.thorough])])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the two."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, once a file."""
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, that fails the test if a script of the page raised."""
    context = browser.new_context(viewport={"width": 900, "height": 700})
    context.set_default_timeout(PAGE_MS_MAX)
    new_page = context.new_page()
    failures: list[str] = []
    new_page.on("pageerror", lambda error: failures.append(str(error)))
    yield new_page
    context.close()
    assert failures == []


@pytest.fixture
def chat(page: Page) -> Chat:
    """The element on the page."""
    return Chat(page)


@pytest.fixture
def second(browser: Browser) -> Iterator[Chat]:
    """The same element in another browser profile: no storage is shared."""
    context = browser.new_context(viewport={"width": 900, "height": 700})
    context.set_default_timeout(PAGE_MS_MAX)
    yield Chat(context.new_page())
    context.close()
