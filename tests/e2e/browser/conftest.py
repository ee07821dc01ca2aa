"""One whole Natter with its web app for all tests of a run; a fresh browser profile for each person."""

import fcntl
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from natter.settings import Settings
from natter.web_app import find_web_app
from natter_testing.servers import temporary_directory
from natter_testing.shared import Share
from natter_testing.stack import Natter, natter_up
from playwright.sync_api import Browser, ConsoleMessage, Request, expect

from tests.e2e.browser.cable import Cable, cable_to
from tests.e2e.browser.person import Person
from tests.e2e.browser.speech import speech_server
from tests.e2e.chromium import chromium

ROOT = Path(__file__).parents[3]
ARTIFACTS = ROOT / "test-results" / "browser"
WORD_DELAY_MILLISECONDS = 12
PAGE_TIMEOUT_MILLISECONDS = 15_000


# The whole stack and a browser on two cores: five seconds are not always enough.
expect.set_options(timeout=PAGE_TIMEOUT_MILLISECONDS)


@pytest.fixture(scope="session")
def built_web_app() -> None:
    """The production build; one worker builds, the others wait."""
    with (ROOT / "web" / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        find_web_app(Settings(), print)


@contextmanager
def started_natter() -> Generator[dict[str, str]]:
    """The stack as a person starts it, and a server for speech beside it."""
    ports = ("--edge-port", "0", "--relay-port", "0", "--web-port", "0")
    with speech_server() as speech_url, temporary_directory() as directory:
        environment = {
            "AGENT_RUNNER_DEMO_WORD_DELAY_MS": str(WORD_DELAY_MILLISECONDS),
            "AUTH_EDGE_TRANSCRIPTION_BASE_URL": speech_url,
            "AUTH_EDGE_TRANSCRIPTION_MODEL": "small-ears",
        }
        with natter_up(directory, *ports, environment=environment) as running:
            yield {"data_dir": str(running.data_dir), "url": running.url}


@pytest.fixture(scope="session")
def natter(built_web_app: None, share: Share) -> Natter:
    """That stack, the same for all workers: no test takes away what another one's people need."""
    told = share("natter", started_natter)
    return Natter(Path(told["data_dir"]), told["url"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, once a file."""
    with chromium() as running:
        yield running


NewPerson = Callable[..., Person]


@pytest.fixture
def new_person(browser: Browser, natter: Natter) -> Iterator[NewPerson]:
    """Makes people, and fails the test if a page of theirs asked another host for anything, or a script raised."""
    people: list[Person] = []

    def make(origin: str = natter.url, **profile: object) -> Person:
        context = browser.new_context(base_url=origin, **profile)  # pyright: ignore[reportArgumentType] - Playwright's own options
        context.set_default_timeout(PAGE_TIMEOUT_MILLISECONDS)
        person = Person(context, origin)
        context.on("request", lambda request: note_outside_request(person, request))
        context.on("weberror", lambda error: person.complaints.append(f"raised: {error.error}"))
        context.on("console", lambda message: note_refusal(person, message))
        people.append(person)
        return person

    yield make
    for person in people:
        person.context.close()
    assert [complaint for person in people for complaint in person.complaints] == []


def note_outside_request(person: Person, request: Request) -> None:
    """Everything comes from this machine, whatever the port."""
    address = urlsplit(request.url)
    if address.scheme not in {"data", "blob"} and address.hostname not in {"127.0.0.1", "localhost"}:
        person.complaints.append(f"outside request: {request.url}")


def note_refusal(person: Person, message: ConsoleMessage) -> None:
    """A policy that refuses our own pages' scripts is wrong, or the script is."""
    if "Content Security Policy" in message.text:
        person.complaints.append(message.text)


@pytest.fixture
def person(new_person: NewPerson) -> Person:
    """Somebody with a browser, not signed up yet."""
    return new_person()


@pytest.fixture
def cable(natter: Natter) -> Iterator[Cable]:
    """A cable to the web app; a session of the web app's own port is good on it, cookies know no ports."""
    port = urlsplit(natter.url).port
    assert port is not None
    with cable_to(port) as plugged:
        yield plugged


@pytest.fixture
def artifacts() -> Path:
    """Where screenshots are kept."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return ARTIFACTS
