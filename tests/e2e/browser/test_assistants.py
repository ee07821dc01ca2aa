"""Several assistants behind one web app: chosen by a picker, kept by their conversations; one alone needs no picker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import RunningNatter, natter_up
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import Chat, Person

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]

VIEWPORTS = [("phone", 390, 844), ("on-its-side", 844, 390), ("zoomed-to-200-percent", 640, 400), ("wide", 1280, 800)]
SUPPORT_GREETING = "How can we help you with your order?"


@pytest.fixture(scope="module")
def two_assistants(built_web_app: None) -> Iterator[RunningNatter]:
    """A stack that offers the todo assistant, which is the default, and the support desk."""
    options = ("--edge-port", "0", "--relay-port", "0", "--web-port", "0")
    assistants = ("--assistant", "todo=natter_todo:assistant", "--assistant", "support=natter_support:assistant")
    with temporary_directory() as directory:
        environment = {"SUPPORT_REFUNDS_FILE": str(directory / "refunds.sqlite")}
        with natter_up(directory, *options, *assistants, environment=environment) as running:
            yield running


@pytest.fixture
def customer(two_assistants: RunningNatter, new_person: NewPerson) -> Person:
    """Somebody whose stack has two assistants."""
    return new_person(origin=two_assistants.url, reduced_motion="reduce")


def picker(page: Page) -> Locator:
    return page.get_by_role("button", name="Assistant:")


def choose(page: Page, name: str) -> None:
    picker(page).click()
    page.get_by_role("menuitemradio", name=name).click()


def test_the_second_assistant_is_picked_hands_over_and_is_still_there_after_a_reload(
    customer: Person, artifacts: Path
) -> None:
    page = customer.sign_up()
    chat = Chat(page)
    expect(picker(page)).to_have_accessible_name("Assistant: Natter")
    choose(page, "Support desk")
    greeting = chat.root.get_by_role("heading", name=SUPPORT_GREETING)
    for name, width, height in VIEWPORTS:
        page.set_viewport_size({"width": width, "height": height})
        expect(greeting).to_be_in_viewport(ratio=1)
        expect(picker(page)).to_be_in_viewport(ratio=1)
        expect(chat.composer).to_be_in_viewport(ratio=1)
        page.screenshot(path=artifacts / f"assistants-{name}.png")

    chat.say("Where is order 1002?")
    expect(chat.answers.last).to_contain_text("Order 1002: two cups")
    expect(chat.root.get_by_text("Asked our orders team")).to_be_visible()
    expect(chat.stop_button).to_have_count(0)
    conversation = customer.api(page, "GET", f"/conversations/{chat.conversation_id}")[1]
    assert conversation["assistant_id"] == "support"

    page.reload()
    expect(chat.answers.last).to_contain_text("Order 1002: two cups")
    expect(picker(page)).to_have_accessible_name("Assistant: Support desk")
    chat.root.get_by_role("button", name="Send a receipt").click()  # of the card that was there before the reload
    expect(chat.root.get_by_text("The receipt is on its way to you.")).to_be_visible()
    chat.say("Where is order 1003?")
    expect(chat.answers.last).to_contain_text("Order 1003: a tray")

    # Another assistant begins another conversation; Back leads to this one, and to its assistant.
    choose(page, "Natter")
    expect(chat.bubbles).to_have_count(0)
    chat.say("count to 3")
    expect(chat.answers).to_have_text(["1 2 3"])
    page.go_back()
    expect(chat.answers.last).to_contain_text("Order 1003: a tray")
    expect(picker(page)).to_have_accessible_name("Assistant: Support desk")


def test_one_assistant_needs_no_picker(person: Person) -> None:
    page = person.sign_up()
    expect(Chat(page).composer).to_be_visible()
    assert len(person.api(page, "GET", "/assistants")[1]["data"]) == 1
    expect(picker(page)).to_have_count(0)


def test_an_approval_and_a_form_are_asked_in_every_tab_and_outlive_a_reload(customer: Person, artifacts: Path) -> None:
    page = customer.sign_up()
    chat = Chat(page)
    choose(page, "Support desk")
    chat.say("Please refund order 1001.")
    asked = chat.root.get_by_role("form", name="Questions")
    expect(asked).to_contain_text("Allow “Refund order”?")
    expect(asked).to_contain_text("Order id: 1001")
    expect(chat.stop_button).to_have_count(0)  # nothing is being written
    expect(chat.root.locator(".workflow-title").last).to_have_text("Waiting for you")
    expect(chat.root.get_by_text("Interrupted")).to_have_count(0)
    expect(chat.root.get_by_text("Waiting", exact=True)).to_be_visible()
    expect(page.get_by_text("waits for you", exact=True)).to_be_visible()  # in the list of conversations
    page.reload()
    other = page.context.new_page()
    other.goto(page.url)
    in_other = Chat(other).root.get_by_role("form", name="Questions")
    expect(in_other).to_contain_text("Order id: 1001")
    page.screenshot(path=artifacts / "approval.png")
    asked.get_by_role("button", name="Approve", exact=True).click()
    expect(chat.answers.last).to_contain_text("€ 24.00 for order 1001 go back")
    expect(in_other).to_have_count(0)  # one of two tabs has decided, the other sees it
    expect(Chat(other).answers.last).to_contain_text("€ 24.00 for order 1001 go back")
    other.close()

    chat.say("Please send order 1003 again.")
    asked.get_by_role("radio", name="By courier").check()
    asked.get_by_role("textbox", name="For whom?").fill("Grandmother")
    asked.get_by_role("button", name="Submit").click()
    expect(chat.answers.last).to_contain_text("We send a tray again to Grandmother, by courier.")

    # What the desk's MCP server has for people: a prompt behind /, a resource behind @.
    chat.composer.press_sequentially("/gift")
    chat.root.get_by_role("option", name="Find a gift").click()
    chat.composer.press_sequentially("for Ada, by the @terms")
    chat.root.get_by_role("option", name="Terms of sale").click()
    chat.composer.press("Enter")
    expect(chat.root.locator(".bubble .tag")).to_have_text(["Find a gift", "Terms of sale"])
    expect(chat.answers).to_have_count(3)


NOTES_NOTIFICATIONS = """
window.told = [];
window.Notification = class {
    static permission = "granted";
    static requestPermission = async () => "granted";
    constructor(title, options) { window.told.push([title, options.tag]); }
};
Object.defineProperty(document, "visibilityState", { get: () => window.looksAway ? "hidden" : "visible" });
"""


def test_who_asked_for_it_is_notified_that_an_answer_waits(customer: Person) -> None:
    page = customer.sign_up()
    page.context.add_init_script(NOTES_NOTIFICATIONS)
    page.reload()
    choose(page, "Support desk")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Notify me when an answer waits").click()
    page.get_by_role("button", name="Account").click()
    expect(page.get_by_role("menuitem", name="Notify me no more")).to_be_visible()
    page.keyboard.press("Escape")
    chat = Chat(page)
    page.evaluate("window.looksAway = true")
    chat.say("Please refund order 1003.")
    expect(chat.root.get_by_role("form", name="Questions")).to_be_visible()
    page.wait_for_function("window.told.length === 1")
    run_id = customer.api(page, "GET", f"/conversations/{chat.conversation_id}")[1]["active_run_id"]
    assert page.evaluate("window.told") == [["Natter waits for you", run_id]]
