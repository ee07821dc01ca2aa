"""OpenAI's own element by configuration. A stand-in takes its place, because a test does not go to a CDN."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest
from contracts.postgres_roles import WEB
from natter.data_directory import DataDirectory
from natter.servers.ports import free_port
from natter.settings import Settings
from natter_testing.servers import die_with_parent
from natter_testing.stack import Natter
from playwright.sync_api import Browser

from tests.e2e.browser.conftest import PAGE_TIMEOUT_MILLISECONDS, ROOT
from tests.e2e.browser.person import Person

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]

DOMAIN_KEY = "domain_pk_of_a_test"
CDN_SCRIPT = "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js"
WAIT_SECONDS_MAX = 30.0
STAND_IN = """
window.updates = 0;
customElements.define("openai-chatkit", class extends HTMLElement {
    setOptions(options) {
        window.options = options;
        window.attributes = this.getAttributeNames();
        queueMicrotask(() => this.dispatchEvent(new CustomEvent("chatkit.ready")));
    }
    async fetchUpdates() { window.updates += 1; }
});
"""


@pytest.fixture
def configured_for_openai(natter: Natter) -> Iterator[str]:
    """A second web app on the same stack, told to use OpenAI's element; its origin."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    secrets = DataDirectory.open(natter.data_dir).read_secrets()
    address = urlsplit(natter.state.database_url)
    web = f"{WEB}:{secrets.postgres_web_password}"  # the schema `auth` is its alone
    environment = {
        **Settings().inherited,
        "NODE_ENV": "production",
        "DATABASE_URL": address._replace(netloc=f"{web}@{address.hostname}:{address.port}").geturl(),
        "BETTER_AUTH_SECRET": secrets.better_auth_secret,
        "BETTER_AUTH_URL": origin,
        "AUTH_EDGE_URL": natter.edge_url,
        "STREAM_RELAY_URL": natter.relay_url,
        "NEXT_PUBLIC_CHATKIT": "openai",
        "NEXT_PUBLIC_CHATKIT_DOMAIN_KEY": DOMAIN_KEY,
    }
    command = [
        *die_with_parent(),
        "node",
        "node_modules/next/dist/bin/next",
        "start",
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    with subprocess.Popen(
        command,
        cwd=ROOT / "web",
        env=environment,
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until(lambda: is_ready(origin))
            yield origin
        finally:
            process.terminate()


def is_ready(origin: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{origin}/readyz").status_code == 200
    return False


def wait_until(holds: Callable[[], bool]) -> None:
    """Ask until it holds. Not by the page's own `wait_for_function`: our policy forbids it to evaluate text."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_openais_element_is_configured_by_the_book_and_learns_when_a_run_ends(
    configured_for_openai: str, browser: Browser
) -> None:
    with browser.new_context(base_url=configured_for_openai) as context:
        context.set_default_timeout(PAGE_TIMEOUT_MILLISECONDS)
        context.route(CDN_SCRIPT, lambda route: route.fulfill(body=STAND_IN, content_type="text/javascript"))
        person = Person(context, configured_for_openai)
        opened: list[str] = []
        context.on(
            "response", lambda response: opened.append(response.url) if response.url.endswith("/stream") else None
        )
        page = person.sign_up()
        wait_until(lambda: page.evaluate("window.options !== undefined"))
        api = page.evaluate("({url: options.api.url, key: options.api.domainKey, fetch: typeof options.api.fetch})")
        chatkit = f"{configured_for_openai}/api/{person.user_id}/chatkit"
        assert api == {"url": chatkit, "key": DOMAIN_KEY, "fetch": "function"}
        # The official element knows neither options nor attributes of ours.
        assert page.evaluate("attributes") == ["class"]
        known = {"api", "locale", "theme", "initialThread", "header", "history", "startScreen", "composer"}
        known |= {"thread", "threadItemActions", "disclaimer", "onClientTool", "frameTitle", "widgets", "entities"}
        assert set(page.evaluate("Object.keys(options)")) <= known
        assert page.evaluate("options.theme.color.accent.primary") == "#0FFF50"

        # `evaluate` is also what lets Playwright tell us of responses.
        wait_until(lambda: page.evaluate("true") and bool(opened))
        before = page.evaluate("window.updates")
        assert person.api(page, "POST", "/chat", {"message": "count to 3"})[0] == 202
        wait_until(lambda: page.evaluate("window.updates") > before)
