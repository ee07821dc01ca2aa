"""One stock server and one browser for all tests of this folder; a fresh page for each."""

import fcntl
import json
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from natter.testing import die_with_parent
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "web" / "chatkit-element"
BUILD_SECONDS_MAX = 120
# Bounds of waiting, not of speed: the machine may be busy with the other tests.
EXPECT_MS_MAX = 15_000
PAGE_MS_MAX = 30_000
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DURABLE_ATTRIBUTES = {
    "data-resume": "/durable/conversations/{thread_id}/stream",
    "data-stop-url": "/durable/runs/{run_id}/cancel",
    "data-search-url": "/durable/conversations?q={query}",
    "data-on-busy": "enqueue",
}


@dataclass(frozen=True)
class Server:
    """The running server."""

    origin: str

    def control(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Cause a fault or ask what happened."""
        body = json.dumps({"do": do, **arguments}).encode()
        request = urllib.request.Request(f"{self.origin}/control", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def url(
        self, *, options: dict[str, Any] | None = None, attributes: dict[str, str] | None = None, **query: str
    ) -> str:
        """The address of the plain page with these options."""
        query |= {"options": json.dumps(options or {}), "attributes": json.dumps(attributes or {})}
        return f"{self.origin}/plain.html?{urllib.parse.urlencode(query)}"

    def durable_url(self, options: dict[str, Any] | None = None) -> str:
        """The plain page against the durable variant."""
        return self.url(options=options, attributes=DURABLE_ATTRIBUTES, url="/durable/chatkit")


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
def server(built: None) -> Iterator[Server]:
    """A stock ChatKitServer in a process of its own."""
    process = start_server("stock_server")
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the stock server did not start"
        yield Server(origin=f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout:
            process.stdout.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, once a file: its driver keeps an event loop running, which tests of other files must not meet."""
    with sync_playwright() as playwright:
        executable = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None
        chromium = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


def start_server(module: str, *arguments: str) -> subprocess.Popen[str]:
    """One of this folder's servers; it prints its port when it listens, and ends with the tests however they end."""
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.e2e.element.{module}", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - it calls prctl and getppid alone
    )


expect.set_options(timeout=EXPECT_MS_MAX)


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> None:
    """No fault of an earlier test is left."""
    if "server" not in request.fixturenames:
        return
    server: Server = request.getfixturevalue("server")
    server.control("break")
    server.control("stream_statuses", values=[])
    server.control("post_statuses", values=[])
    server.control("fail_next", values=[])
    server.control("delay", seconds=0.02)


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


class Chat:
    """The element on a page, as a person uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator("openai-chatkit")
        self.composer = self.root.get_by_role("textbox", name="Message")
        self.answers = self.root.locator(".message.assistant .answer")
        self.bubbles = self.root.locator(".message.user .bubble")
        self.stop_button = self.root.get_by_role("button", name="Stop", exact=True)

    def send(self, text: str) -> None:
        """Type and press Enter."""
        self.composer.fill(text)
        self.composer.press("Enter")

    def ask(self, text: str) -> None:
        """Send, and wait until the answer is complete."""
        before = self.count("response.end")
        self.send(text)
        self.page.wait_for_function(
            "before => window.events.filter(e => e.name === 'response.end').length > before", arg=before
        )

    def count(self, name: str) -> int:
        """How many events of a name the element has emitted."""
        return int(self.page.evaluate("name => window.events.filter(e => e.name === name).length", name))

    def events(self, name: str) -> list[Any]:
        """The details of the events of a name."""
        return self.page.evaluate("name => window.events.filter(e => e.name === name).map(e => e.detail)", name)

    def answer_is(self, text: str, **arguments: Any) -> None:
        """The newest answer says exactly this, as soon as it is drawn."""
        expect(self.answers.last.locator(".markdown")).to_have_text(text, **arguments)


@pytest.fixture
def chat(page: Page) -> Chat:
    """The element on the page."""
    return Chat(page)
