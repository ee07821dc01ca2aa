"""The chat by keyboard, from anywhere on its page."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browser.person import Chat, Person

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]

FAR = 300


def test_the_composer_has_the_focus_and_typing_anywhere_goes_there(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    expect(chat.composer).to_be_focused()
    page.keyboard.type("count to ")
    chat.composer.blur()
    page.keyboard.type("1")
    expect(chat.composer).to_be_focused()
    page.get_by_role("button", name="Colour scheme").focus()
    page.keyboard.type("2")
    expect(chat.composer).to_have_value("count to 12")
    page.get_by_role("button", name="Search conversations").click()
    search = page.get_by_role("combobox", name="Search in what was said")
    expect(search).to_be_focused()
    page.keyboard.type("mine?")
    expect(search).to_have_value("mine?")
    page.keyboard.press("Escape")
    expect(chat.composer).to_have_value("count to 12")
    chat.composer.press("Enter")
    chat.expect_counted_to(12)


def test_a_shared_conversation_opens_with_the_focus_in_the_composer(person: Person) -> None:
    chat = Chat(person.sign_up())
    chat.say("count to 3")
    chat.expect_counted_to(3)
    opened = Chat(person.open(f"/dashboard/chat?conversation={chat.conversation_id}"))
    opened.expect_counted_to(3)
    expect(opened.composer).to_be_focused()


def test_escape_stops_the_answer_from_anywhere_but_where_it_closes_something(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.say(f"count to {FAR}")
    chat.wait_for_word("10")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    chat.wait_for_word("30")
    page.get_by_role("button", name="Colour scheme").press("Escape")
    expect(chat.stop_button).to_have_count(0)
    expect(chat.root.get_by_role("button", name="Copy message").last).to_be_visible()
    assert 30 <= len(chat.answers.last.inner_text().split()) < FAR
    chat.say(f"count to {FAR}")
    chat.wait_for_word("10")
    chat.composer.press("Escape")
    expect(chat.stop_button).to_have_count(0)


def test_a_question_mark_lists_the_keys(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.composer.press("?")
    expect(chat.composer).to_have_value("?")
    chat.composer.blur()
    page.keyboard.press("?")
    shown = chat.root.get_by_role("dialog", name="Keyboard shortcuts")
    expect(shown).to_contain_text("Stop the answer")
    expect(shown).to_contain_text("Search in what was said")
    page.keyboard.press("x")  # nothing behind the list hears it
    page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    expect(chat.composer).to_be_focused()
    expect(chat.composer).to_have_value("?")
    chat.root.get_by_role("button", name="Keyboard shortcuts").click()
    expect(shown).to_be_visible()
