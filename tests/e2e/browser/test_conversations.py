"""The list of conversations: found, ordered, renamed, deleted with a way back; search; Back and Forward."""

import asyncio
import gzip
import json
import re
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest
from natter_testing.stack import Natter
from playwright.sync_api import Locator, Page, Response, expect

from tests.e2e.browser.cable import Cable
from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import Chat, Person, sign_out

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]

UNDO_TIMEOUT_MILLISECONDS = 15_000
PAGE_SCRIPT_BYTES_MAX = 333 * 1024


def sidebar(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Conversations")


def titles(page: Page) -> Locator:
    return sidebar(page).get_by_role("navigation").get_by_role("link").locator("span")


def menu(page: Page, title: str, item: str) -> None:
    sidebar(page).get_by_role("button", name=f"More about “{title}”").click()
    page.get_by_role("menuitem", name=item).click()


def talk(person: Person, page: Page, *texts: str) -> list[str]:
    """A conversation for each text, answered; their ids."""
    ids: list[str] = []
    for text in texts:
        status, turn = person.api(page, "POST", "/chat", {"message": text})
        assert status == 202
        ids.append(turn["conversation_id"])
    for conversation_id in ids:
        while conversation(person, page, conversation_id)["active_run_id"] is not None:
            page.wait_for_timeout(100)
    return ids


def stored(person: Person, page: Page) -> list[str]:
    return [entry["title"] for entry in person.api(page, "GET", "/conversations")[1]["data"]]


def conversation(person: Person, page: Page, conversation_id: str) -> dict[str, Any]:
    return person.api(page, "GET", f"/conversations/{conversation_id}")[1]


def test_conversations_are_listed_renamed_pinned_archived_and_deleted_with_a_way_back(person: Person) -> None:
    page = person.sign_up()
    first, second = talk(person, page, "count to 3", "count to 4")
    expect(titles(page)).to_have_text(["Count to 4", "Count to 3"])
    expect(sidebar(page).get_by_role("heading")).to_have_text(["Today"])

    menu(page, "Count to 3", "Rename")
    page.keyboard.type("My numbers")
    page.keyboard.press("Enter")
    expect(titles(page)).to_have_text(["My numbers", "Count to 4"])
    assert conversation(person, page, first)["title"] == "My numbers"

    menu(page, "Count to 4", "Pin")
    expect(sidebar(page).get_by_role("heading")).to_have_text(["Pinned", "Today"])
    expect(titles(page)).to_have_text(["Count to 4", "My numbers"])

    menu(page, "My numbers", "Archive")
    expect(titles(page)).to_have_text(["Count to 4"])
    sidebar(page).get_by_role("button", name="Archived").click()
    expect(titles(page)).to_have_text(["My numbers"])
    menu(page, "My numbers", "Bring back")
    expect(titles(page)).to_have_count(0)
    sidebar(page).get_by_role("button", name="All conversations").click()
    expect(titles(page)).to_have_text(["Count to 4", "My numbers"])

    titles(page).filter(has_text="Count to 4").click()
    Chat(page).expect_counted_to(4)
    menu(page, "Count to 4", "Delete")
    expect(titles(page)).to_have_text(["My numbers"])
    expect(page).to_have_url(f"{person.origin}/dashboard/chat")
    page.get_by_role("button", name="Undo").click()
    expect(titles(page)).to_have_text(["Count to 4", "My numbers"])
    assert conversation(person, page, second)["title"] == "Count to 4"

    menu(page, "Count to 4", "Delete")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0, timeout=UNDO_TIMEOUT_MILLISECONDS)
    expect(titles(page)).to_have_text(["My numbers"])
    assert person.api(page, "GET", f"/conversations/{second}")[0] == 404


def test_several_are_deleted_at_once_also_by_leaving_the_page(person: Person) -> None:
    page = person.sign_up()
    talk(person, page, "count to 1", "count to 2", "count to 3")
    expect(titles(page)).to_have_count(3)
    sidebar(page).get_by_role("button", name="Choose several").click()
    for title in ("Count to 1", "Count to 3"):
        sidebar(page).get_by_role("checkbox", name=f"Choose “{title}”").click()
    expect(sidebar(page).get_by_role("status").filter(has_text="2 chosen")).to_be_visible()
    sidebar(page).get_by_role("button", name="Delete the chosen ones").click()
    expect(titles(page)).to_have_text(["Count to 2"])
    page.goto("/dashboard")
    page.goto("/dashboard/chat")
    expect(titles(page)).to_have_text(["Count to 2"])
    for _ in range(100):  # the page does not wait for the answer, nor does the one before it
        if stored(person, page) == ["Count to 2"]:
            break
        page.wait_for_timeout(100)
    assert stored(person, page) == ["Count to 2"]


def test_a_deletion_that_was_lost_with_its_page_is_sent_by_the_next_one(person: Person) -> None:
    page = person.sign_up()
    (lost,) = talk(person, page, "count to 1")
    # What a page leaves behind whose request was dropped as it was left.
    unanswered = f"/api/{person.user_id}/conversations/{lost}"
    page.evaluate("url => localStorage.setItem('natter-unanswered-deletions', JSON.stringify([url]))", unanswered)
    page.goto("/dashboard/chat")
    page.wait_for_function("() => localStorage.getItem('natter-unanswered-deletions') === null")
    assert person.api(page, "GET", f"/conversations/{lost}")[0] == 404
    page.reload()
    expect(sidebar(page).get_by_text("What you talk about shows up here.")).to_be_visible()


@contextmanager
def undeletable(database_url: str, conversation_id: str) -> Generator[None]:
    """While this lasts, the store cannot delete the conversation: its row is locked. (In a thread, for Playwright.)"""
    is_locked, may_end = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(database_url)
        async with connection.transaction():
            statement = "select from chat.conversation where conversation_id = $1 for update"
            await connection.execute("select set_config('app.system', 'on', true)")  # or it would see no row
            assert await connection.execute(statement, conversation_id) == "SELECT 1"
            is_locked.set()
            while not may_end.is_set():
                await asyncio.sleep(0.02)
        await connection.close()

    with ThreadPoolExecutor(1) as holder:
        holding = holder.submit(asyncio.run, hold())
        assert is_locked.wait(5)
        try:
            yield
        finally:
            may_end.set()
            holding.result(5)


def test_what_is_still_being_deleted_is_listed_in_no_tab(person: Person, natter: Natter) -> None:
    page = person.sign_up()
    first, _ = talk(person, page, "count to 1", "count to 2")
    other = person.open("/dashboard/chat")
    expect(titles(other)).to_have_text(["Count to 2", "Count to 1"])
    menu(page, "Count to 1", "Delete")
    with undeletable(natter.state.database_url, first):
        page.goto("/dashboard/chat")  # to leave the page sends the deletion, whose answer nobody waits for
        expect(titles(page)).to_have_text(["Count to 2"])
        expect(titles(other)).to_have_text(["Count to 2"])
        assert stored(person, page) == ["Count to 2", "Count to 1"]


def test_a_title_that_is_too_long_is_refused_in_words_and_kept(person: Person) -> None:
    page = person.sign_up()
    talk(person, page, "count to 1")
    menu(page, "Count to 1", "Rename")
    page.keyboard.insert_text("x" * 201)
    page.keyboard.press("Enter")
    field = sidebar(page).get_by_role("textbox")
    expect(field).to_have_value("x" * 201)
    said = field.evaluate("field => field.validationMessage")
    assert said == "A title has at most 200 characters. This one has 201."
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    expect(titles(page)).to_have_text(["x" * 200])


def test_a_conversation_is_saved_as_markdown_and_as_json(person: Person) -> None:
    page = person.sign_up()
    (conversation_id,) = talk(person, page, "count to 3")
    for item, name in (("Save as Markdown", ".md"), ("Save as JSON", ".json")):
        with page.expect_download() as saving:
            menu(page, "Count to 3", item)
        expect(page.get_by_role("menu")).to_have_count(0)
        assert saving.value.suggested_filename.endswith(name)
        text = saving.value.path().read_text()
        assert "1 2 3" in text
        assert name == ".md" or json.loads(text)["conversation"]["id"] == conversation_id


def test_back_and_forward_move_between_conversations_and_the_tab_is_named_after_them(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.say("count to 3")
    chat.expect_counted_to(3)
    expect(page).to_have_title("Count to 3 · Natter")
    chat.root.get_by_role("button", name="New chat").click()
    expect(page).to_have_title("Chat · Natter")
    chat.say("count to 5")
    chat.expect_counted_to(5)
    expect(page).to_have_title("Count to 5 · Natter")
    page.go_back()
    chat.expect_counted_to(3)
    expect(page).to_have_title("Count to 3 · Natter")
    page.go_forward()
    chat.expect_counted_to(5)
    titles(page).filter(has_text="Count to 3").click()
    chat.expect_counted_to(3)
    page.go_back()
    chat.expect_counted_to(5)


def test_what_was_said_is_found_and_shown_where_it_was_said(person: Person) -> None:
    page = person.sign_up()
    (old,) = talk(person, page, "count to 4")
    for number in range(6):
        person.api(page, "POST", "/chat", {"conversation_id": old, "message": f"line {number}", "on_busy": "enqueue"})
    _, turn = person.api(
        page,
        "POST",
        "/chat",
        {"conversation_id": old, "message": "The 渡轮 ferry leaves at noon.", "on_busy": "enqueue"},
    )
    talk(person, page, "count to 2")
    while conversation(person, page, old)["active_run_id"] is not None:
        page.wait_for_timeout(200)
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Search in what was said")
    expect(field).to_be_focused()
    field.fill("ferry no")
    option = page.get_by_role("option").first
    expect(option.locator("mark")).to_have_text(["ferry", "no"])
    field.fill("渡轮")
    expect(page.get_by_role("option").first.locator("mark")).to_have_text(["渡轮"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(f"conversation={old}#{turn['message_id']}$"))
    message = Chat(page).root.locator(f"[data-item={turn['message_id']}]")
    expect(message).to_be_in_viewport()
    expect(message).to_have_class(re.compile("revealed"))

    # The address alone leads there, too.
    again = person.open(f"/dashboard/chat?conversation={old}#{turn['message_id']}")
    expect(Chat(again).root.locator(f"[data-item={turn['message_id']}]")).to_be_in_viewport()


def test_the_list_loads_as_it_is_scrolled_and_its_width_is_remembered(person: Person) -> None:
    page = person.sign_up()
    page.set_viewport_size({"width": 1280, "height": 700})
    chat = Chat(page)
    expect(chat.composer).to_be_visible()
    page.evaluate(
        """async (user) => {
            for (let n = 0; n < 45; n++) {
                const answer = await fetch(`/api/${user}/chat`, {method: "POST",
                    headers: {"content-type": "application/json"}, body: JSON.stringify({message: `count to ${n}`})});
                if (answer.status === 429) { await new Promise((done) => setTimeout(done, 1000)); n--; }
            }
        }""",
        person.user_id,
    )
    page.reload()
    expect(titles(page)).to_have_count(40)
    titles(page).last.scroll_into_view_if_needed()
    expect(titles(page)).to_have_count(45)
    handle = page.get_by_role("separator", name="Width of the list")
    handle.focus()
    before = sidebar(page).bounding_box()
    assert before is not None
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.reload()
    expect(titles(page).first).to_be_visible()
    after = sidebar(page).bounding_box()
    assert after is not None
    assert after["width"] == before["width"] + 48
    chat.root.get_by_role("button", name="Sidebar").click()
    expect(sidebar(page)).to_have_count(0)
    page.reload()
    expect(chat.composer).to_be_visible()
    expect(sidebar(page)).to_have_count(0)


def test_below_1024_px_the_list_is_a_drawer(new_person: NewPerson) -> None:
    person = new_person(viewport={"width": 390, "height": 844})
    page = person.sign_up()
    chat = Chat(page)
    talk(person, page, "count to 3")
    expect(sidebar(page)).to_be_hidden()
    chat.root.get_by_role("button", name="Sidebar").click()
    drawer = page.get_by_role("dialog", name="Conversations")
    drawer.get_by_role("link", name=re.compile("Count to 3")).click()
    expect(drawer).to_have_count(0)
    chat.expect_counted_to(3)


def test_without_a_connection_the_app_and_what_was_read_last_are_there(person: Person, cable: Cable) -> None:
    person.register()
    page = person.open("/dashboard/chat", cable.origin)
    chat = Chat(page)
    chat.say("count to 3")
    chat.expect_counted_to(3)
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    page.reload()  # now with the worker, which keeps what it brings
    chat.expect_counted_to(3)
    expect(titles(page)).to_have_text(["Count to 3"])
    cable.pull()
    page.reload()
    chat.expect_counted_to(3)
    expect(chat.bubbles).to_have_text(["count to 3"])
    expect(titles(page)).to_have_text(["Count to 3"])


def test_what_was_read_is_forgotten_when_one_signs_out(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.say("count to 3")
    chat.expect_counted_to(3)
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    page.reload()
    chat.expect_counted_to(3)
    assert {"natter-pages", "natter-read"} < set(page.evaluate("caches.keys()"))
    sign_out(page)
    assert page.evaluate("caches.keys()") == ["natter-files"]


def test_the_app_can_be_installed(person: Person) -> None:
    page = person.sign_up()
    manifest = page.request.get("/manifest.webmanifest").json()
    assert manifest["start_url"] == "/dashboard/chat"
    for icon in manifest["icons"]:
        assert page.request.get(icon["src"]).headers["content-type"] == "image/png"
    session = page.context.new_cdp_session(page)
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [],
        [{"errorId": "in-incognito", "errorArguments": []}],
    )


def test_the_chats_script_is_kept_by_its_hash(person: Person) -> None:
    page = person.sign_up()
    source = page.locator("script[src*='chatkit.js']").get_attribute("src")
    assert source is not None
    assert re.fullmatch(r"/chatkit/chatkit\.js\?v=[0-9a-f]{16}", source)
    assert page.request.get(source).headers["cache-control"] == "public, max-age=31536000, immutable"


def test_the_chat_page_loads_no_more_than_333_kib_of_scripts(person: Person) -> None:
    person.register()
    scripts: dict[str, Response] = {}
    page = person.context.new_page()
    page.on("response", lambda response: scripts.update({response.url: response} if is_script(response) else {}))
    page.goto("/dashboard/chat")
    expect(Chat(page).composer).to_be_visible()
    page.wait_for_timeout(500)  # what comes after the first paint
    sizes = {url: len(gzip.compress(response.body())) for url, response in scripts.items()}
    assert not any("chatkit-" in url for url in sizes), "colours and formulas are loaded when there are some"
    assert sum(sizes.values()) <= PAGE_SCRIPT_BYTES_MAX, sizes


def is_script(response: Response) -> bool:
    return response.request.resource_type == "script"
