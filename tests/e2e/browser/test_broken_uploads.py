"""Uploads that break: the cable is pulled, auth_edge is killed, a tab is closed; the file is there once, and whole."""

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import Natter, natter_up
from playwright.sync_api import FilePayload, Page, expect

from tests.e2e.browser.cable import Cable
from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import Chat, Person

pytestmark = [pytest.mark.whole_path, pytest.mark.thorough, pytest.mark.timeout(240, func_only=True)]

SIZE = 6 * 1024 * 1024
SLOW_BYTES_PER_SECOND = 1024 * 1024


@pytest.fixture(scope="module")
def natter(built_web_app: None) -> Iterator[Natter]:
    """Of its own: part of it is killed."""
    ports = ("--edge-port", "0", "--relay-port", "0", "--web-port", "0")
    with temporary_directory() as directory, natter_up(directory, *ports) as running:
        yield running


def text_file(name: str) -> FilePayload:
    line = f"{name}, a line of it\n".encode()
    return {"name": name, "mimeType": "text/plain", "buffer": (line * (SIZE // len(line) + 1))[:SIZE]}


def attach(chat: Chat, page: Page, file: FilePayload) -> None:
    with page.expect_file_chooser() as chooser:
        chat.root.get_by_role("button", name="Attach files").click()
    chooser.value.set_files([file])


def on_a_slow_line(page: Page) -> Any:
    """So that there is a middle to break it in."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SLOW_BYTES_PER_SECOND}
    session.send("Network.emulateNetworkConditions", slow)
    return session


def wait_for_progress(page: Page) -> None:
    page.wait_for_function(
        "() => { const { shadowRoot } = document.querySelector('openai-chatkit');"
        " const bar = shadowRoot.querySelector('.attachment progress');"
        " return bar && bar.value > 0.1 && bar.value < 0.9; }"
    )


def again_until(chat: Chat, page: Page, count: int) -> None:
    """Presses “Try again” where the page has not done it by itself, until so many are there."""
    again = chat.root.locator(".composer").get_by_role("button", name="Try again:")
    ready = chat.root.locator(".composer .attachment.ready")
    deadline = time.monotonic() + 60
    while ready.count() < count and time.monotonic() < deadline:
        if again.count() and again.first.is_enabled():
            again.first.click()
        page.wait_for_timeout(1_000)
    expect(ready).to_have_count(count)


def stored(person: Person, page: Page) -> list[tuple[str, str]]:
    found = person.api(page, "GET", "/attachments")[1]["data"]
    return sorted((one["name"], one["sha256"]) for one in found if one["state"] == "stored")


def sha256_of(file: FilePayload) -> str:
    return hashlib.sha256(file["buffer"]).hexdigest()


def test_what_breaks_in_mid_upload_is_sent_again_and_is_there_once(
    new_person: NewPerson, natter: Natter, cable: Cable
) -> None:
    person = new_person()
    person.register()
    page = person.open("/dashboard/chat", cable.origin)
    chat = Chat(page)
    expect(chat.composer).to_be_visible()
    on_a_slow_line(page)
    ready, failed = (chat.root.locator(f".composer .attachment.{state}") for state in ("ready", "failed"))

    one = text_file("cable.txt")
    attach(chat, page, one)
    wait_for_progress(page)
    cable.pull()
    expect(failed).to_have_count(1)
    cable.plug()
    again_until(chat, page, 1)

    two = text_file("edge.txt")
    attach(chat, page, two)
    wait_for_progress(page)
    natter.kill("auth_edge")
    expect(failed).to_have_count(1, timeout=30_000)
    again_until(chat, page, 2)

    closing = person.open("/dashboard/chat")
    expect(Chat(closing).composer).to_be_visible()
    on_a_slow_line(closing)
    closed = text_file("closed.txt")
    attach(Chat(closing), closing, closed)
    wait_for_progress(closing)
    closing.close(run_before_unload=False)

    other = person.open("/dashboard/chat")
    expect(Chat(other).composer).to_be_visible()
    three, four = text_file("left.txt"), text_file("right.txt")
    attach(chat, page, three)
    attach(Chat(other), other, four)
    expect(ready).to_have_count(3, timeout=40_000)
    expect(Chat(other).root.locator(".composer .attachment.ready")).to_have_count(1, timeout=40_000)
    whole = sorted((file["name"], sha256_of(file)) for file in (one, two, three, four))
    found = stored(person, page)
    # What a closed tab was sending may have left the browser already: then it is whole, as everything that is there.
    of_the_closed = ("closed.txt", sha256_of(closed))
    assert [one for one in found if one != of_the_closed] == whole
    assert found.count(of_the_closed) <= 1
    chat.say("count to 3")
    chat.expect_counted_to(3)
    expect(chat.root.locator(".message.user .attachment")).to_have_count(3)
