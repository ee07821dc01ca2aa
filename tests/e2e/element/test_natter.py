"""The element against Natter itself: the real stack, its demo model and its tools, and processes that die."""

import json
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from natter.testing import temporary_directory
from natter.testing_stack import RunningNatter, natter_up
from playwright.sync_api import Browser, Page, expect

from tests.e2e.element.conftest import Chat, start_server

pytestmark = pytest.mark.whole_path
ENVIRONMENT = {"AGENT_RUNNER_DEMO_WORD_DELAY_MS": "25"}
RECOVERY_MS_MAX = 30_000


@pytest.fixture(scope="module")
def natter(built: None) -> Iterator[RunningNatter]:
    with temporary_directory() as directory, natter_up(directory / "data", environment=ENVIRONMENT) as running:
        yield running


@dataclass(frozen=True)
class Origin:
    """Where the page and Natter are, for one person."""

    natter: RunningNatter
    origin: str
    user: str

    def url(self, thread_id: str | None = None, on_busy: str = "enqueue") -> str:
        """The plain page with Natter's settings."""
        api = f"/api/{self.user}"
        attributes = {
            "data-resume": f"{api}/conversations/{{thread_id}}/stream",
            "data-stop-url": f"{api}/runs/{{run_id}}/cancel",
            "data-search-url": f"{api}/conversations?q={{query}}",
            "data-on-busy": on_busy,
        }
        options = {"thread": {"autoScroll": True}} | ({"initialThread": thread_id} if thread_id else {})
        query = {"url": f"{api}/chatkit", "attributes": json.dumps(attributes), "options": json.dumps(options)}
        return f"{self.origin}/plain.html?{urllib.parse.urlencode(query)}"

    def set_token(self, token: str) -> None:
        """What the page's requests carry from now on."""
        request = urllib.request.Request(f"{self.origin}/tokens/{self.user}", token.encode())
        urllib.request.urlopen(request, timeout=10).close()


@pytest.fixture(scope="module")
def proxy(natter: RunningNatter) -> Iterator[str]:
    process = start_server("natter_proxy", natter.edge_url, natter.relay_url)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture
def origin(natter: RunningNatter, proxy: str) -> Origin:
    """A person whom no other test knows."""
    person = Origin(natter, proxy, f"person-{uuid.uuid4().hex[:8]}")
    person.set_token(natter.token(person.user))
    return person


@pytest.fixture
def second(browser: Browser) -> Iterator[Chat]:
    """The same element in another tab."""
    context = browser.new_context(viewport={"width": 900, "height": 700})
    yield Chat(context.new_page())
    context.close()


def numbers(count: int) -> str:
    return " ".join(str(number) for number in range(1, count + 1))


def thread_of(chat: Chat) -> str:
    chat.page.wait_for_function("window.events.some(e => e.name === 'thread.change' && e.detail.threadId)")
    return chat.events("thread.change")[-1]["threadId"]


def test_a_tool_call_is_seen_and_the_history_has_it(origin: Origin, page: Page, chat: Chat) -> None:
    page.goto(origin.url())
    chat.send("add a task: buy milk")
    expect(chat.root.locator(".badge.success")).to_contain_text("Success", timeout=RECOVERY_MS_MAX)
    expect(chat.stop_button).to_have_count(0)
    answer = chat.answers.last.inner_text()
    expect(chat.bubbles).to_have_count(1)
    page.goto(origin.url(thread_of(chat)))
    expect(chat.root.locator(".badge.success")).to_have_count(1)
    assert chat.answers.last.inner_text() == answer
    chat.root.get_by_role("button", name="History", exact=True).click()
    chat.root.get_by_role("searchbox").fill("milk")
    expect(chat.root.locator(".thread-title")).to_have_count(1)
    assert chat.events("error") == []


def test_a_refresh_in_the_middle_of_an_answer(origin: Origin, page: Page, chat: Chat) -> None:
    page.goto(origin.url())
    chat.send("count to 120")
    expect(chat.answers.last).to_contain_text("8 9")
    page.goto(origin.url(thread_of(chat)))
    chat.answer_is(numbers(120), timeout=RECOVERY_MS_MAX)
    expect(chat.answers).to_have_count(1)
    expect(chat.stop_button).to_have_count(0)


def test_a_relay_that_dies_is_reconnected_to(origin: Origin, page: Page, chat: Chat) -> None:
    page.goto(origin.url())
    chat.send("count to 150")
    expect(chat.answers.last).to_contain_text("8 9")
    origin.natter.kill("stream_relay")
    chat.answer_is(numbers(150), timeout=RECOVERY_MS_MAX)
    expect(chat.answers).to_have_count(1)
    expect(chat.stop_button).to_have_count(0)


def test_a_runner_that_dies_is_replaced_and_nothing_is_said_twice(origin: Origin, page: Page, chat: Chat) -> None:
    page.goto(origin.url())
    chat.send("count to 150")
    expect(chat.answers.last).to_contain_text("8 9")
    origin.natter.kill("agent_runner")
    chat.answer_is(numbers(150), timeout=RECOVERY_MS_MAX)
    expect(chat.answers).to_have_count(1)
    expect(chat.stop_button).to_have_count(0, timeout=RECOVERY_MS_MAX)


def test_an_expired_token_is_waited_out(origin: Origin, page: Page, chat: Chat) -> None:
    page.goto(origin.url())
    chat.send("count to 120")
    expect(chat.answers.last).to_contain_text("8 9")
    origin.set_token("expired")
    origin.natter.kill("stream_relay")
    expect(chat.root.get_by_text("Reconnecting…")).to_be_visible()
    page.wait_for_timeout(1_000)
    origin.set_token(origin.natter.token(origin.user))
    chat.answer_is(numbers(120), timeout=RECOVERY_MS_MAX)


def test_two_tabs_are_equal_and_stop_is_confirmed(origin: Origin, page: Page, chat: Chat, second: Chat) -> None:
    page.goto(origin.url())
    chat.send("count to 400")
    expect(chat.answers.last).to_contain_text("8 9")
    second.page.goto(origin.url(thread_of(chat)))
    expect(second.answers.last).to_contain_text("8 9")
    second.stop_button.click()
    expect(second.stop_button).to_have_count(0)
    expect(chat.stop_button).to_have_count(0)
    expect(chat.root.locator(".message.assistant .actions")).to_be_visible()
    kept = chat.answers.last.inner_text()
    assert second.answers.last.inner_text() == kept
    page.goto(origin.url(thread_of(chat)))
    expect(chat.answers).to_have_count(1)
    assert chat.answers.last.inner_text() == kept
    second.send("count to 3")
    chat.answer_is("1 2 3", timeout=RECOVERY_MS_MAX)


def test_messages_during_an_answer_are_answered_in_turn(origin: Origin, page: Page, chat: Chat) -> None:
    page.goto(origin.url())
    chat.send("count to 60")
    expect(chat.answers.last).to_contain_text("8 9")
    chat.send("count to 4")
    expect(chat.bubbles).to_have_count(2)
    chat.answer_is("1 2 3 4", timeout=RECOVERY_MS_MAX)
    expect(chat.answers.first.locator(".markdown")).to_have_text(numbers(60))
    expect(chat.bubbles).to_have_text(["count to 60", "count to 4"])
    expect(chat.stop_button).to_have_count(0)


def test_a_message_may_interrupt_the_answer(origin: Origin, page: Page, chat: Chat) -> None:
    page.goto(origin.url(on_busy="interrupt"))
    chat.send("count to 400")
    expect(chat.answers.last).to_contain_text("8 9")
    chat.send("count to 5")
    chat.answer_is("1 2 3 4 5", timeout=RECOVERY_MS_MAX)
    expect(chat.bubbles).to_have_text(["count to 400", "count to 5"])
    kept = chat.answers.first.locator(".markdown").inner_text()
    assert kept
    assert numbers(400).startswith(kept)
    expect(chat.stop_button).to_have_count(0)
