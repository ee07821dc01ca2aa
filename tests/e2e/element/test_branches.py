"""Versions of messages and answers, and turns that were stopped or failed: nothing is lost, also after a reload."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.servers import Person

pytestmark = pytest.mark.whole_path
RECOVERY_MS_MAX = 30_000


def address(natter: Person, thread_id: str | None = None) -> str:
    """The page, with what it needs for branches."""
    base = f"/api/{natter.user}/conversations/{{thread_id}}"
    options = {"initialThread": thread_id} if thread_id else {}
    return natter.durable_url({**options, "threadItemActions": {"retry": True}}, **{"data-conversation-url": base})


def test_an_edit_and_a_retry_lose_nothing(natter: Person, page: Page, chat: Chat) -> None:
    page.goto(address(natter))
    for count, text in enumerate(("first", "second"), start=1):
        chat.send(text)
        expect(chat.answers).to_have_count(count, timeout=RECOVERY_MS_MAX)
        expect(chat.stop_button).to_have_count(0)
    messages = chat.root.get_by_role("group", name="Versions of this message")
    answers = chat.root.get_by_role("group", name="Versions of this answer")

    # Another version of the first message, by its button, which is there where the message is pointed at
    chat.bubbles.first.hover()
    chat.root.get_by_role("button", name="Edit message").first.click()
    expect(chat.composer).to_have_value("first")
    chat.send("third")
    expect(chat.bubbles).to_have_text(["third"])
    expect(messages).to_contain_text("2/2")

    # And back, also in another tab and after a reload
    other = page.context.new_page()
    other.goto(address(natter, chat.thread_id()))
    seen_there = other.locator("openai-chatkit .message.user .bubble")
    expect(seen_there).to_have_text(["third"])
    messages.get_by_role("button", name="Previous version").click()
    expect(chat.bubbles).to_have_text(["first", "second"])
    expect(seen_there).to_have_text(["first", "second"])
    page.goto(address(natter, chat.thread_id()))
    expect(chat.bubbles).to_have_text(["first", "second"])
    expect(messages).to_contain_text("1/2")

    # Another answer to the first message: the second message stays on the other branch
    chat.root.get_by_role("button", name="Answer again").first.click()
    expect(chat.bubbles).to_have_text(["first"])
    expect(answers).to_contain_text("2/2")
    expect(chat.stop_button).to_have_count(0)
    answers.get_by_role("button", name="Previous version").click()
    expect(chat.bubbles).to_have_text(["first", "second"])

    # The last message by the keyboard; Escape leaves it as it is
    chat.composer.press("ArrowUp")
    expect(chat.composer).to_have_value("second")
    chat.composer.press("Escape")
    expect(chat.composer).to_have_value("")
    chat.composer.press("ArrowUp")
    chat.composer.fill("fourth")
    chat.composer.press("Enter")
    expect(chat.bubbles).to_have_text(["first", "fourth"])


def test_a_failed_turn_stays_one_after_a_reload_and_is_retried(natter: Person, page: Page, chat: Chat) -> None:
    page.goto(address(natter))
    chat.send("fail")
    note = chat.root.locator(".turn-note")
    expect(note).to_contain_text("The model is not answering right now", timeout=RECOVERY_MS_MAX)
    expect(chat.root.get_by_role("alert")).to_have_count(0)  # it is said once
    page.goto(address(natter, chat.thread_id()))
    expect(note).to_contain_text("The model is not answering right now")
    with page.expect_request(lambda request: "threads.retry_after_item" in (request.post_data or "")):
        note.get_by_role("button", name="Try again").click()


def test_a_stopped_answer_says_so_and_can_be_continued_after_a_reload(natter: Person, page: Page, chat: Chat) -> None:
    page.goto(address(natter))
    chat.send("count to 200")
    expect(chat.answers.last).to_contain_text("5", timeout=RECOVERY_MS_MAX)
    chat.stop_button.click()
    note = chat.root.locator(".turn-note")
    expect(note).to_contain_text("Stopped")
    page.goto(address(natter, chat.thread_id()))
    expect(note).to_contain_text("Stopped")
    note.get_by_role("button", name="Continue").click()
    expect(chat.bubbles).to_have_text(["count to 200", "Continue"])


def test_an_answer_that_was_stopped_before_its_first_word_is_answered_again(
    natter: Person, page: Page, chat: Chat
) -> None:
    page.goto(address(natter))
    chat.send("wait")
    expect(chat.bubbles).to_have_text(["wait"])
    chat.stop_button.click()
    note = chat.root.locator(".turn-note")
    expect(note).to_contain_text("Stopped", timeout=RECOVERY_MS_MAX)
    page.goto(address(natter, chat.thread_id()))
    expect(note).to_contain_text("Stopped")
    expect(chat.answers).to_have_count(0)
    with page.expect_request(lambda request: "threads.retry_after_item" in (request.post_data or "")):
        note.get_by_role("button", name="Continue").click()
    expect(chat.bubbles).to_have_text(["wait"])
