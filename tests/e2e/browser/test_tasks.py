"""The todo list: live, optimistic, and honest about what failed."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser.cable import Cable
from tests.e2e.browser.person import Chat, Person

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Tasks").get_by_role("listitem")


def add(page: Page, title: str) -> None:
    page.get_by_label("New task").fill(title)
    page.keyboard.press("Enter")
    expect(rows(page).filter(has_text=title)).to_have_attribute("aria-busy", "false")


def stored(person: Person, page: Page) -> list[tuple[str, bool]]:
    status, answer = person.api(page, "GET", "/tasks?limit=100")
    assert status == 200
    return sorted((task["title"], task["completed"]) for task in answer["data"])


def until_stored(person: Person, page: Page, tasks: list[tuple[str, bool]]) -> None:
    """What a page shows at once is stored when the server has answered."""
    for _ in range(100):
        if stored(person, page) == tasks:
            return
        page.wait_for_timeout(100)
    assert stored(person, page) == tasks


def test_tasks_are_added_completed_renamed_deleted_and_filtered(person: Person) -> None:
    person.sign_up()
    page = person.open("/dashboard")
    expect(page.get_by_text("Nothing to do yet")).to_be_visible()
    for title in ("buy milk", "call mum", "write the report"):
        add(page, title)
    expect(rows(page)).to_have_text(["write the report", "call mum", "buy milk"])

    rows(page).filter(has_text="call mum").get_by_role("checkbox").click()
    rows(page).filter(has_text="buy milk").hover()
    page.get_by_role("button", name="Rename “buy milk”").click()
    page.keyboard.type("buy oat milk")
    page.keyboard.press("Enter")
    rows(page).filter(has_text="write the report").hover()
    page.get_by_role("button", name="Delete “write the report”").click()
    expect(rows(page)).to_have_text(["call mum", "buy oat milk"])

    page.get_by_role("tab", name="Open").click()
    expect(rows(page)).to_have_text(["buy oat milk"])
    page.get_by_role("tab", name="Done").click()
    expect(rows(page)).to_have_text(["call mum"])
    page.reload()
    expect(rows(page)).to_have_text(["call mum"])
    until_stored(person, page, [("buy oat milk", False), ("call mum", True)])


def test_the_list_works_by_keyboard_alone(person: Person) -> None:
    person.sign_up()
    page = person.open("/dashboard")
    page.get_by_label("New task").focus()
    for title in ("one", "two"):
        page.keyboard.type(title)
        page.keyboard.press("Enter")
        expect(rows(page).filter(has_text=title)).to_have_attribute("aria-busy", "false")
    page.keyboard.press("Tab")  # the Add button
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="two")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="two")).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Rename “two”")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("never mind")
    page.keyboard.press("Escape")
    expect(rows(page)).to_have_text(["two", "one"])
    page.get_by_role("button", name="Delete “two”").press("Enter")
    # The focus goes on to the next row, not to nowhere.
    expect(page.get_by_role("button", name="Delete “one”")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("New task")).to_be_focused()


def test_what_the_assistant_does_appears_without_a_reload(person: Person) -> None:
    chat = Chat(person.sign_up())
    page = person.open("/dashboard")
    expect(page.get_by_text("Nothing to do yet")).to_be_visible()
    chat.say("add a task: water the plants")
    expect(rows(page)).to_have_text(["water the plants"])
    expect(page.get_by_role("status").filter(has_text="Task added: water the plants")).to_have_count(1)
    chat.say("complete the task water the plants")
    expect(page.get_by_role("checkbox", name="water the plants")).to_be_checked()
    chat.say("delete the task water the plants")
    expect(page.get_by_text("Nothing to do yet")).to_be_visible()


def test_a_change_that_fails_is_rolled_back_and_can_be_tried_again(person: Person, cable: Cable) -> None:
    person.sign_up()
    page = person.open("/dashboard", cable.origin)
    add(page, "buy milk")
    cable.pull()
    page.get_by_role("checkbox", name="buy milk").click()
    page.get_by_label("New task").fill("call mum")
    page.keyboard.press("Enter")
    not_saved = page.get_by_role("alert").filter(has_text="The change was not saved")
    not_added = page.get_by_role("alert").filter(has_text="The task was not added")
    expect(not_saved).to_be_visible()
    # Nothing that was typed is lost.
    expect(not_added).to_contain_text("“call mum”")
    expect(page.get_by_role("checkbox", name="buy milk")).not_to_be_checked()
    expect(rows(page)).to_have_text(["buy milk"])
    cable.plug()
    not_saved.get_by_role("button", name="Try again").click()
    not_added.get_by_role("button", name="Try again").click()
    expect(rows(page)).to_have_text(["call mum", "buy milk"])
    expect(page.get_by_role("checkbox", name="buy milk")).to_be_checked()
    expect(page.get_by_role("alert").filter(has_text=re.compile("not (saved|added)"))).to_have_count(0)
    until_stored(person, page, [("buy milk", True), ("call mum", False)])


def test_what_happened_while_the_connection_was_lost_is_caught_up(person: Person, cable: Cable) -> None:
    elsewhere = person.sign_up()
    page = person.open("/dashboard", cable.origin)
    expect(page.get_by_text("Nothing to do yet")).to_be_visible()
    cable.pull()
    person.api(elsewhere, "POST", "/tasks", {"title": "while you were away"})
    cable.plug()
    expect(rows(page)).to_have_text(["while you were away"])


def test_being_offline_is_said_and_taken_back(person: Person) -> None:
    person.sign_up()
    page = person.open("/dashboard")
    add(page, "buy milk")
    person.context.set_offline(True)
    expect(page.get_by_role("status").filter(has_text="You are offline")).to_be_visible()
    expect(rows(page)).to_have_text(["buy milk"])
    page.get_by_role("checkbox", name="buy milk").click()
    expect(page.get_by_role("alert").filter(has_text="You are offline. Try again")).to_be_visible()
    person.context.set_offline(False)
    expect(page.get_by_text("You are offline. What you see stays")).to_have_count(0)


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/chat"])
def test_being_offline_is_said_once_and_nothing_jumps(person: Person, path: str) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.say("count to 3")
    chat.expect_counted_to(3)
    page.goto(path if path == "/dashboard" else page.url)
    said = page.get_by_text("You are offline")
    expect(page.get_by_text("1 2 3") if path != "/dashboard" else page.get_by_text("Nothing to do yet")).to_be_visible()
    page.evaluate(
        """() => {
            window.jumped = 0;
            const add = list => list.getEntries().forEach(entry => { window.jumped += entry.value; });
            new PerformanceObserver(add).observe({type: 'layout-shift'});
        }"""
    )
    person.context.set_offline(True)
    expect(said).to_be_visible()
    page.wait_for_timeout(500)
    expect(said).to_have_count(1)
    person.context.set_offline(False)
    expect(said).to_have_count(0)
    assert page.evaluate("window.jumped") < 0.001


def test_a_list_that_cannot_be_loaded_says_so_and_loads_on_request(person: Person) -> None:
    person.sign_up()
    page = person.context.new_page()
    # Only this call fails: neither the page itself nor the stream does, on whose opening the list is asked for again.
    refused: list[str] = []
    page.on("requestfailed", lambda request: refused.append(request.url) if "/tasks?" in request.url else None)
    page.route(re.compile(r"/tasks\?"), lambda route: route.abort())
    page.goto("/dashboard")
    while len(refused) < 2:
        page.wait_for_timeout(50)
    expect(page.get_by_role("alert").filter(has_text="Your tasks could not be loaded")).to_be_visible()
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Nothing to do yet")).to_be_visible()


def test_a_todo_is_mentioned_in_the_chat_looked_at_and_opened(person: Person) -> None:
    page = person.sign_up()
    for title in ("buy milk", "buy tea", "call mum"):
        assert person.api(page, "POST", "/tasks", {"title": title})[0] == 201
    chat = Chat(page)
    chat.composer.press_sequentially("complete @buy")
    found = chat.root.get_by_role("option")
    expect(found).to_have_count(2)
    found.filter(has_text="milk").click()
    expect(chat.composer).to_have_value("complete @buy milk ")
    chat.composer.press("Enter")
    mentioned = chat.bubbles.get_by_role("button", name="buy milk")
    expect(chat.answers).to_have_count(1)
    mentioned.focus()
    expect(chat.root.get_by_role("tooltip")).to_contain_text("buy milk")
    mentioned.click()
    page.wait_for_url("**/dashboard")
    expect(rows(page)).to_have_count(3)


def test_a_deleted_task_comes_back_within_some_seconds_and_a_long_title_is_refused_in_words(person: Person) -> None:
    person.sign_up()
    page = person.open("/dashboard")
    add(page, "buy milk")
    rows(page).first.hover()
    page.get_by_role("button", name="Delete “buy milk”").click()
    expect(rows(page)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_text(["buy milk"])
    page.reload()
    expect(rows(page)).to_have_text(["buy milk"])

    field = page.get_by_label("New task")
    field.fill("x" * 201)
    page.keyboard.press("Enter")
    assert field.evaluate("e => e.validationMessage") == "A title has at most 200 characters. This one has 201."
    expect(field).to_have_value("x" * 201)  # refused, and not cut
    expect(rows(page)).to_have_text(["buy milk"])
