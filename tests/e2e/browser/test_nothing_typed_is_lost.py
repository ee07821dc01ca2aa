"""What a person typed is kept, and stays where it was meant to be."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.browser.person import PASSWORD, Chat, Person, fill_credentials

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]


def test_a_message_on_its_way_is_never_under_another_conversation(person: Person) -> None:
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        if "count to 3" in (route.request.post_data or "") and not held:
            held.append(route)
        else:
            route.continue_()

    # Before there is a page: with one that is just coming up, Chromium sometimes asks nobody for its requests.
    person.context.route("**/chatkit", hold_first)
    page = person.sign_up()
    chat = Chat(page)
    chat.say("count to 3")
    expect(chat.bubbles).to_have_text(["count to 3"])
    chat.root.get_by_role("button", name="New chat").click()
    expect(chat.bubbles).to_have_count(0)
    expect(chat.composer).to_have_value("")
    chat.say("count to 4")
    chat.expect_counted_to(4)
    expect(chat.bubbles).to_have_text(["count to 4"])
    held[0].continue_()
    page.get_by_role("complementary", name="Conversations").get_by_role(
        "link", name=re.compile(r"^count to 3", re.IGNORECASE)
    ).click()
    chat.expect_counted_to(3)
    expect(chat.bubbles).to_have_text(["count to 3"])


def test_an_expired_session_says_why_and_gives_the_text_back(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.say("count to 3")
    chat.expect_counted_to(3)
    conversation_id = chat.conversation_id
    expect(page).to_have_title("Count to 3 · Natter")  # the list was read anew: nothing but the message asks next
    person.context.clear_cookies()
    chat.say("count to 4")
    page.wait_for_url("**/sign-in?*")
    expect(page.get_by_role("status").filter(has_text="Your session has ended")).to_be_visible()
    fill_credentials(page, person.email, PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/dashboard/chat?conversation={conversation_id}")
    left = chat.root.locator(".outgoing")
    expect(left.locator(".bubble")).to_have_text("count to 4")
    left.get_by_role("button", name="Send", exact=True).click()
    expect(chat.answers).to_have_text(["1 2 3", "1 2 3 4"])
    expect(chat.bubbles).to_have_text(["count to 3", "count to 4"])


def delete_in_another_tab(person: Person, page: Page, conversation_id: str) -> None:
    other = person.open(f"/dashboard/chat?conversation={conversation_id}")
    other.get_by_role("button", name=re.compile("^More about “")).click()
    other.get_by_role("menuitem", name="Delete").click()
    other.goto("/dashboard")  # nobody wants it back


def delete_on_another_device(person: Person, page: Page, conversation_id: str) -> None:
    assert person.api(page, "DELETE", f"/conversations/{conversation_id}")[0] in {200, 204}


@pytest.mark.parametrize("delete", [delete_in_another_tab, delete_on_another_device])
def test_a_conversation_deleted_elsewhere_says_so_and_offers_a_new_one(
    delete: Callable[[Person, Page, str], None], person: Person
) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.say("count to 3")
    chat.expect_counted_to(3)
    chat.composer.fill("count to 4")
    delete(person, page, chat.conversation_id)
    gone = chat.root.get_by_role("alert").filter(has_text="This conversation was deleted.")
    expect(gone).to_be_visible()
    gone.get_by_role("button", name="New chat").click()
    expect(chat.composer).to_have_value("count to 4")
    expect(chat.composer).to_be_focused()
    chat.composer.press("Enter")
    chat.expect_counted_to(4)
    expect(chat.bubbles).to_have_text(["count to 4"])
