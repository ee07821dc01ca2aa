"""A conversation that is shared by a link, and one that changes on another device."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import PASSWORD, Chat, Person, fill_credentials
from tests.e2e.browser.test_conversations import menu, sidebar, talk, titles

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]


def on_another_device(person: Person, new_person: NewPerson) -> Page:
    """The same account in another browser."""
    other = new_person()
    page = other.open("/sign-in")
    fill_credentials(page, person.email, PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard/chat")
    return page


def share(page: Page, title: str) -> str:
    """Make a link in the dialog, which stays open; returns the link."""
    menu(page, title, "Share…")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Create a link").click()
    return dialog.get_by_label("Link", exact=True).input_value()


def test_a_link_is_made_read_without_cookies_and_revoked(person: Person, new_person: NewPerson) -> None:
    page = person.sign_up()
    talk(person, page, "add a task: buy milk")
    title = "Add a task: buy milk"
    expect(titles(page)).to_have_text([title])
    link = share(page, title)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/shared/[A-Za-z0-9_-]{43}", link)

    stranger = new_person(color_scheme="dark")
    shared = stranger.context.new_page()
    answer = shared.goto(link)
    assert answer is not None
    assert answer.headers["x-robots-tag"] == "noindex, nofollow, noarchive"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "script-src 'self' 'nonce-" in answer.headers["content-security-policy"]
    assert shared.locator("meta[name=robots]").get_attribute("content") == "noindex, nofollow, noarchive"
    chat = Chat(shared)
    expect(shared.get_by_role("heading", name=title)).to_be_visible()
    expect(chat.bubbles).to_have_text(["add a task: buy milk"])
    expect(chat.answers.last).to_contain_text("buy milk")
    expect(chat.badge("success").or_(chat.root.locator(".workflow")).first).to_be_visible()
    # To be read, and no more; and nobody is told whose it is.
    expect(chat.composer).to_have_count(0)
    for name in ("Edit message", "New chat", "Try again"):
        expect(chat.root.get_by_role("button", name=name)).to_have_count(0)
    assert person.email not in shared.content()
    assert chat.root.evaluate("e => getComputedStyle(e.shadowRoot.querySelector('.root')).colorScheme") == "dark"
    assert stranger.context.cookies() == []

    # What is said later is not in it.
    status, _ = person.api(
        page, "POST", "/chat", {"message": "something later", "conversation_id": ids(person, page)[0]}
    )
    assert status == 202
    shared.reload()
    expect(chat.bubbles).to_have_text(["add a task: buy milk"])

    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=re.compile("Revoke the link")).click()
    expect(dialog.get_by_role("listitem")).to_have_count(0)
    expect(dialog.get_by_role("button", name="Create a link")).to_be_visible()
    shared.reload()
    expect(shared.get_by_text("This link leads nowhere")).to_be_visible()


def ids(person: Person, page: Page) -> list[str]:
    return [entry["id"] for entry in person.api(page, "GET", "/conversations")[1]["data"]]


def test_links_that_never_were_lead_nowhere(new_person: NewPerson) -> None:
    stranger = new_person()
    page = stranger.open(f"/shared/{'A' * 43}")
    expect(page.get_by_text("This link leads nowhere")).to_be_visible()
    page.goto(f"{stranger.origin}/shared/short")
    expect(page.get_by_text("This link leads nowhere")).to_be_visible()


def test_what_happens_to_a_conversation_on_another_device_is_seen_without_a_reload(
    person: Person, new_person: NewPerson
) -> None:
    here = person.sign_up()
    there = on_another_device(person, new_person)
    # Made there, seen here.
    other_chat = Chat(there)
    other_chat.say("count to 3")
    other_chat.wait_for_word("3")
    expect(titles(here)).to_have_text(["Count to 3"])
    here.get_by_role("link", name="Count to 3").click()
    chat = Chat(here)
    chat.wait_for_word("3")
    # Renamed there, renamed here.
    menu(there, "Count to 3", "Rename")
    there.keyboard.type("Numbers")
    there.keyboard.press("Enter")
    expect(titles(here)).to_have_text(["Numbers"])
    expect(chat.root.get_by_role("heading", name="Numbers")).to_be_visible()
    expect(here).to_have_title(re.compile("Numbers"))
    # Deleted there, for good: gone from the list here, and the chat says so and offers a new one.
    status, _ = person.api(here, "DELETE", f"/conversations/{chat.conversation_id}")
    assert status == 204
    for page in (here, there):
        expect(sidebar(page).get_by_role("navigation").get_by_role("link")).to_have_count(0)
    gone = chat.root.get_by_role("alert")
    expect(gone).to_contain_text("deleted")
    expect(chat.composer).to_have_count(0)
    gone.get_by_role("button", name="New chat").click()
    chat.say("count to 4")
    chat.wait_for_word("4")


def test_who_has_as_many_links_as_may_be_is_told_so(person: Person) -> None:
    page = person.sign_up()
    talk(person, page, "count to 3")
    expect(titles(page)).to_have_text(["Count to 3"])
    page.route(
        "**/shares",
        lambda route: (
            route.fulfill(status=403, json={"code": "quota_exceeded"})
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    menu(page, "Count to 3", "Share…")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Create a link").click()
    expect(dialog.get_by_role("alert")).to_contain_text("as many links as you may have")
