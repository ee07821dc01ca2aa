"""The todo list: live, optimistic, and honest about what failed."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest
from natter_testing.stack import Natter
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser.cable import Cable
from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import Chat, Person
from tests.e2e.browser.test_looks import serious_violations

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
    page = person.sign_up("/dashboard")
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
    expect(rows(page)).to_have_text(["buy oat milk", "call mum"])

    page.get_by_role("tab", name="Open").click()
    expect(rows(page)).to_have_text(["buy oat milk"])
    page.get_by_role("tab", name="Done").click()
    expect(rows(page)).to_have_text(["call mum"])
    page.reload()
    expect(rows(page)).to_have_text(["call mum"])
    until_stored(person, page, [("buy oat milk", False), ("call mum", True)])


def test_the_list_works_by_keyboard_alone(person: Person) -> None:
    page = person.sign_up("/dashboard")
    page.get_by_label("New task").focus()
    for title in ("one", "two"):
        page.keyboard.type(title)
        page.keyboard.press("Enter")
        expect(rows(page).filter(has_text=title)).to_have_attribute("aria-busy", "false")
    for _ in range(3):  # the button for a date, the Add button, the first row's handle
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Move “two”")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="two")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="two")).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Rename “two”")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("never mind")
    page.keyboard.press("Escape")
    expect(rows(page)).to_have_text(["one", "two"])
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
    person.register()
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
    page = person.sign_up("/dashboard")
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
    person.register()
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
    page = person.sign_up("/dashboard")
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


def titles(page: Page) -> list[str]:
    return page.get_by_role("list", name="Tasks").locator("p[id]").all_inner_texts()


def press_slowly(page: Page, *keys: str) -> None:
    """dnd-kit measures between two keys."""
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(250)


def test_tasks_have_dates_notes_and_an_order_by_hand(new_person: NewPerson) -> None:
    zone = ZoneInfo("America/New_York")
    person = new_person(timezone_id=zone.key, locale="en-GB")
    page = person.sign_up("/dashboard")
    for title in ("water the plants", "call mum", "buy milk"):
        add(page, title)

    # By keyboard, and said to who does not see it; then by pointer.
    page.get_by_role("button", name="Move “buy milk”").focus()
    press_slowly(page, "Space", "ArrowDown", "Space")
    expect(page.get_by_role("status").filter(has_text="“buy milk” is put at place 2 of 3")).to_have_count(1)
    expect(rows(page)).to_have_text(["call mum", "buy milk", "water the plants"])
    rows(page).last.hover()
    handle = page.get_by_role("button", name="Move “water the plants”").bounding_box()
    target = rows(page).first.bounding_box()
    assert handle is not None
    assert target is not None
    page.mouse.move(handle["x"] + 8, handle["y"] + 8)
    page.mouse.down()
    page.mouse.move(handle["x"] + 8, handle["y"] - 20, steps=5)
    page.mouse.move(handle["x"] + 8, target["y"] + 4, steps=10)
    page.mouse.up()
    expect(rows(page)).to_have_text(["water the plants", "call mum", "buy milk"])
    expect(page.locator("[aria-busy=true]")).to_have_count(0)

    # A date in the person's own time, and notes.
    tomorrow = datetime.now(zone).date() + timedelta(days=1)
    page.get_by_role("button", name="Date and notes of “call mum”").click()
    assert serious_violations(page) == []
    page.get_by_label("Notes", exact=True).fill("about Sunday")
    page.get_by_label("Due date", exact=True).fill(tomorrow.isoformat())
    page.get_by_label("Time", exact=True).fill("09:00")
    page.get_by_label("Repeat").select_option("Every week")
    page.get_by_role("button", name="Save").click()
    called = rows(page).filter(has_text="call mum")
    expect(called).to_contain_text("Tomorrow, 09:00")
    expect(called).to_contain_text("every week")
    expect(called).to_contain_text("about Sunday")
    expect(called).to_have_attribute("aria-busy", "false")
    _, answer = person.api(page, "GET", "/tasks?filter=due&sort=list")
    (due,) = [task["due"] for task in answer["data"]]
    assert datetime.fromisoformat(due["at"]) == datetime.combine(tomorrow, datetime.min.time(), zone).replace(hour=9)
    assert due["zone"] == zone.key

    # Filters and search.
    page.get_by_role("tab", name="Due").click()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("tab", name="All").click()
    page.get_by_label("Search tasks").fill("SUNDAY")
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Search tasks").fill("nothing like it")
    expect(page.get_by_text("Nothing found")).to_be_visible()
    page.get_by_label("Search tasks").fill("")
    expect(rows(page)).to_have_count(3)


def test_page_panel_and_assistant_have_one_order_and_what_is_cleared_comes_back(person: Person) -> None:
    chat = Chat(person.sign_up())
    page = person.open("/dashboard")
    add(page, "buy milk")
    due = {"at": "2126-03-01T08:00:00Z", "zone": "Europe/Zurich", "recurrence": "FREQ=DAILY"}
    assert person.api(page, "POST", "/tasks", {"title": "call mum", "due": due})[0] == 201
    add(page, "water the plants")
    # “The first one” is the first that one sees.
    panel = chat.page.get_by_role("complementary", name="Tasks")
    expect(panel.get_by_role("checkbox")).to_have_count(3)
    assert titles(chat.page) == titles(page) == ["water the plants", "call mum", "buy milk"]
    chat.say("complete the first one")
    expect(panel.get_by_role("checkbox", name="water the plants")).to_be_checked()
    assert titles(chat.page) == ["call mum", "buy milk", "water the plants"]
    chat.say("add pay the rent tomorrow at nine")
    expect(panel.get_by_role("listitem").first).to_contain_text("Tomorrow, 9:00")
    assert serious_violations(chat.page) == []

    # What comes again comes again, and what is cleared comes back.
    page.get_by_role("checkbox", name="call mum").click()
    expect(page.get_by_role("checkbox", name="call mum")).to_have_count(2)
    page.get_by_role("button", name="Clear completed").click()
    expect(rows(page)).to_have_count(3)
    expect(panel.get_by_role("listitem")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    expect(rows(page)).to_have_count(5)
    expect(panel.get_by_role("listitem")).to_have_count(5)
    assert titles(page) == ["pay the rent", "call mum", "buy milk", "water the plants", "call mum"] or titles(page) == [
        "pay the rent", "call mum", "buy milk", "call mum", "water the plants",
    ]  # fmt: skip
    assert serious_violations(page) == []


@pytest.mark.timeout(180, func_only=True)
def add_many(database_url: str, user_id: str, numbers: range) -> None:
    """Tasks as if they had been added long ago. (In a thread, for Playwright.)"""

    async def insert() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute("select set_config('app.system', 'on', false)")
        await connection.execute(
            "insert into chat.task (task_id, user_id, title)"
            " select 'task_' || md5($1 || number), $1, 'task ' || number from unnest($2::int[]) number",
            user_id,
            list(numbers),
        )
        await connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, insert()).result()


def test_a_thousand_tasks_are_read_as_one_scrolls(person: Person, natter: Natter) -> None:
    person.register()
    first = httpx.post(
        f"{natter.edge_url}/api/{person.user_id}/tasks",
        json={"title": "task 0"},
        headers=natter.headers(person.user_id),
    )
    assert first.status_code == 201
    add_many(natter.state.database_url, person.user_id, range(1, 1000))
    page = person.context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/tasks?" in request.url else None)
    page.goto("/dashboard")
    expect(rows(page).first).to_be_visible()
    expect(page.get_by_text("1000 open, 0 done")).to_be_visible()
    page.wait_for_timeout(1_000)
    assert rows(page).count() == 100
    for pages in range(2, 11):
        page.get_by_role("button", name="Show more").scroll_into_view_if_needed()
        expect(rows(page)).to_have_count(100 * pages)
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)
    assert len(set(titles(page))) == 1000
    assert len([url for url in asked if "after=" in url]) == 9
    # What is added, changed and searched for among them is seen at once.
    add(page, "the newest")
    expect(rows(page).first).to_contain_text("the newest")
    page.get_by_label("Search tasks").fill("task 77")
    expect(rows(page)).to_have_count(11)
