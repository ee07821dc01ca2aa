"""Files and speech in the web app: its policy, its session, and the way through its server."""

import hashlib

import httpx
import pytest
from playwright.sync_api import FilePayload, expect

from tests.e2e.browser.person import Chat, Person
from tests.e2e.browser.speech import HEARD
from tests.e2e.element.test_attachments import png

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]

LARGE_BYTES = 12 * 1024 * 1024
"""More than Next holds of a body that comes through its proxy."""


def test_a_picture_and_a_large_file_are_sent_seen_in_another_tab_and_taken_back(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    expect(chat.composer).to_be_visible()
    large = b"".join(b"%011d\n" % number for number in range(LARGE_BYTES // 12))
    picture: FilePayload = {"name": "garden.png", "mimeType": "image/png", "buffer": png(320, 200)}
    with page.expect_file_chooser() as chooser:
        chat.root.get_by_role("button", name="Attach files").click()
    chooser.value.set_files([picture, {"name": "numbers.txt", "mimeType": "text/plain", "buffer": large}])
    expect(chat.root.locator(".composer .attachment.ready")).to_have_count(2)
    chat.say("count to 3")
    chat.expect_counted_to(3)
    other = person.open(f"/dashboard/chat?conversation={chat.conversation_id}")
    for tab in (page, other):
        message = Chat(tab).root.locator(".message.user")
        expect(message.locator(".picture img")).to_have_count(1)
        expect(message.locator(".picture img")).to_have_js_property("naturalWidth", 320)
        with tab.expect_download() as download:
            message.get_by_role("button", name="Download numbers.txt").click()
        assert hashlib.sha256(download.value.path().read_bytes()).digest() == hashlib.sha256(large).digest()
    # A todo has a picture as well: in the panel beside the chat, and on its own page.
    with page.expect_file_chooser() as chooser:
        chat.root.get_by_role("button", name="Attach files").click()
    chooser.value.set_files({"name": "watering can.png", "mimeType": "image/png", "buffer": picture["buffer"]})
    expect(chat.root.locator(".composer .attachment.ready")).to_have_count(1)
    chat.say("add a task: water the garden")
    for tab in (page, person.open("/dashboard")):
        expect(tab.get_by_role("list", name="Files").get_by_role("img", name="watering can.png")).to_be_visible()
        tab.wait_for_function("document.querySelector('[aria-label=Files] img').naturalWidth === 320")
    # Somebody else's program, put under another name, is refused by what is in it, in words.
    with page.expect_file_chooser() as chooser:
        chat.root.get_by_role("button", name="Attach files").click()
    chooser.value.set_files(
        [{"name": "harmless.txt", "mimeType": "text/plain", "buffer": b"MZ\x90\x00" + bytes(5_000_000)}]
    )
    expect(chat.root.locator(".composer").get_by_role("alert")).to_have_text("Files of this kind are not taken here.")
    # Without the session, a file's plain address is nobody's.
    (sent,) = [one for one in person.api(page, "GET", "/attachments")[1]["data"] if one["name"] == "garden.png"]
    content = f"/api/{person.user_id}/attachments/{sent['id']}/content"
    assert page.request.get(content).headers["content-type"] == "image/png"
    assert httpx.get(f"{person.origin}{content}").status_code == 401


def test_what_is_said_becomes_a_message(person: Person) -> None:
    chat = Chat(person.sign_up())
    chat.root.get_by_role("button", name="Dictate").click()
    person.context.pages[0].wait_for_timeout(1_000)  # who says something takes a while; nothing is nothing heard
    chat.root.get_by_role("button", name="Write down what was said").press("Enter")
    expect(chat.composer).to_have_value(HEARD)
    expect(chat.composer).to_be_focused()
