"""The microphone of the composer, with a device that beeps; and answers that are read aloud."""

from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.servers import Server
from tests.e2e.element.test_accessibility import FOCUSED_NAME, axe

DICTATION = {"composer": {"dictation": {"enabled": True}}}


def test_what_is_said_is_written_where_the_cursor_is(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url(DICTATION))
    chat.composer.fill("before after")
    chat.composer.evaluate("field => field.setSelectionRange(6, 6)")
    chat.root.get_by_role("button", name="Dictate").click()
    done = chat.root.get_by_role("button", name="Write down what was said")
    expect(done).to_be_focused()
    level = "chat.shadowRoot.querySelector('.level > span').style.getPropertyValue('--level')"
    page.wait_for_function(f"Number({level}) > 0.02")
    expect(chat.root.get_by_role("timer")).to_have_text("0:01")
    assert axe(page) == []
    page.keyboard.press("Enter")
    expect(chat.composer).to_have_value("before audio/webm True after")  # the server says what it got
    expect(chat.composer).to_be_focused()
    chat.root.get_by_role("button", name="Dictate").click()
    expect(done).to_be_focused()
    page.keyboard.press("Escape")
    expect(done).to_have_count(0)
    assert [request["type"] for request in stock.requests()] == ["input.transcribe"]


def test_why_nothing_was_written_is_said(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url(DICTATION))
    stock.control("fail_next", values=[503])
    chat.root.get_by_role("button", name="Dictate").click()
    chat.root.get_by_role("button", name="Write down what was said").click()
    expect(chat.root.get_by_role("alert")).to_contain_text("scripted failure")
    denied = "async () => { throw new DOMException('no', 'NotAllowedError'); }"
    page.evaluate(f"() => void (navigator.mediaDevices.getUserMedia = {denied})")
    chat.root.get_by_role("button", name="Dictate").click()
    expect(chat.root.get_by_role("alert")).to_contain_text("The microphone may not be used here")
    assert axe(page) == []
    chat.root.get_by_role("alert").get_by_role("button", name="Dismiss").click()
    expect(chat.root.get_by_role("alert")).to_have_count(0)
    page.goto(stock.url())
    expect(chat.composer).to_be_visible()
    expect(chat.root.get_by_role("button", name="Dictate")).to_have_count(0)


def test_an_answer_is_read_aloud_until_it_is_stopped(stock: Server, page: Page, chat: Chat) -> None:
    # The browser of the tests has no voice: what it is given to say is kept, and it says it for ever.
    page.add_init_script(
        "window.said = []; speechSynthesis.speak = (part) => said.push([part.text, part.lang]);"
        "speechSynthesis.cancel = () => said.push('cancelled');"
    )
    page.goto(stock.url())
    chat.ask("say Hello **there**")
    expect(chat.root.get_by_role("button", name="Read aloud")).to_have_count(0)
    page.evaluate("chat.setAttribute('data-read-aloud', '')")
    page.evaluate("id => chat.setThreadId(id)", chat.thread_id())
    read = chat.root.get_by_role("button", name="Read aloud")
    read.click()
    assert page.evaluate("said") == [["Hello there", "en"]]
    stop = chat.root.get_by_role("button", name="Stop reading aloud")
    assert page.evaluate(FOCUSED_NAME) == "Stop reading aloud"
    stop.click()
    expect(read).to_be_visible()
    assert page.evaluate("said.at(-1)") == "cancelled"
