"""The chat on the whole stack: tools at work, and answers that survive what happens to browsers."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.browser.cable import Cable
from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import Chat, Person, fetch

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]

FAR = 300
SEND_TRIES_MAX = 6


def test_a_tool_call_is_seen_and_its_effect_is_on_the_list(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.say("add a task: buy milk")
    expect(chat.badge("success")).to_have_count(1)
    expect(chat.badge("success")).to_contain_text("Success")
    expect(chat.root.get_by_text(re.compile("Add(ing|ed) task “buy milk”"))).to_be_visible()
    expect(chat.answers).to_have_count(1)
    beside = page.get_by_role("complementary", name="Tasks")
    expect(beside.get_by_role("listitem")).to_have_text(["buy milk"])

    # Arguments on demand
    chat.root.get_by_role("button", name=re.compile("buy milk")).click()
    expect(chat.root.locator(".task-details")).to_contain_text("buy milk")

    # The same in history
    page.reload()
    expect(chat.badge("success")).to_have_count(1)
    expect(chat.bubbles).to_have_text(["add a task: buy milk"])

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Tasks").click()
    expect(page.get_by_role("list", name="Tasks").get_by_role("listitem")).to_have_text(["buy milk"])
    # … and back to the conversation that was open
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Chat").click()
    expect(chat.bubbles).to_have_text(["add a task: buy milk"])


def test_a_prompt_of_the_start_screen_fills_the_composer_and_begins_a_conversation(person: Person) -> None:
    chat = Chat(person.sign_up())
    expect(chat.root.get_by_text("What needs doing?")).to_be_visible()
    chat.root.get_by_role("button", name="Count to 20").click()
    expect(chat.composer).to_have_value("count to 20")
    expect(chat.composer).to_be_focused()
    expect(chat.bubbles).to_have_count(0)
    chat.composer.press("Enter")
    chat.expect_counted_to(20)


def test_a_refresh_in_mid_answer_ends_with_the_whole_answer_once(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.say(f"count to {FAR}")
    chat.wait_for_word("20")
    page.reload()
    chat.expect_counted_to(FAR)
    page.reload()
    chat.expect_counted_to(FAR)


def test_a_lost_connection_is_invisible(person: Person, cable: Cable) -> None:
    person.register()
    page = person.open("/dashboard/chat", cable.origin)
    chat = Chat(page)
    chat.say(f"count to {FAR}")
    for word in ("20", "100", "200"):
        chat.wait_for_word(word)
        cable.pull()
        page.wait_for_timeout(300)
        cable.plug()
    chat.expect_counted_to(FAR)
    expect(chat.root.get_by_role("alert")).to_have_count(0)


def test_a_message_sent_without_a_connection_arrives_once_it_is_back(person: Person, cable: Cable) -> None:
    person.register()
    page = person.open("/dashboard/chat", cable.origin)
    chat = Chat(page)
    expect(chat.composer).to_be_visible()
    cable.pull()
    chat.say("count to 5")
    expect(chat.bubbles).to_have_text(["count to 5"])
    page.wait_for_timeout(500)
    cable.plug()
    chat.expect_counted_to(5)
    expect(chat.bubbles).to_have_count(1)


def test_a_message_is_posted_a_few_times_at_most_while_the_store_is_away(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    expect(chat.composer).to_be_visible()
    keys: list[str] = []

    def refuse(route: Route) -> None:
        if "threads.create" not in (route.request.post_data or ""):
            route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        route.fulfill(status=503, json={"code": "store_unavailable"})

    page.route("**/chatkit", refuse)
    chat.say("count to 3")
    expect(chat.root.locator(".outgoing[data-status=failed]")).to_be_visible(timeout=45_000)
    assert len(keys) <= SEND_TRIES_MAX
    assert len(set(keys)) == 1
    page.unroute("**/chatkit")
    chat.root.get_by_role("button", name="Try again").click()
    chat.expect_counted_to(3)


def test_two_tabs_on_one_conversation_both_see_everything(person: Person) -> None:
    first = Chat(person.sign_up())
    first.say(f"count to {FAR}")
    second = Chat(person.open(f"/dashboard/chat?conversation={first.conversation_id}"))
    for chat in (first, second):
        chat.expect_counted_to(FAR)
        expect(chat.bubbles).to_have_text([f"count to {FAR}"])
    second.say("add a task: from the other tab")
    for chat in (first, second):
        expect(chat.bubbles).to_have_text([f"count to {FAR}", "add a task: from the other tab"])
        expect(chat.badge("success")).to_have_count(1)


def test_stop_ends_the_answer_and_keeps_the_text(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.say(f"count to {FAR}")
    chat.wait_for_word("30")
    chat.stop_button.click()
    expect(chat.stop_button).to_have_count(0)
    # Words that were on their way may still come; then it stays as it is.
    page.wait_for_timeout(1_000)
    kept = chat.answers.last.inner_text().split()
    assert 30 <= len(kept) < FAR
    assert kept == [str(number) for number in range(1, len(kept) + 1)]
    page.wait_for_timeout(500)
    assert chat.answers.last.inner_text().split() == kept
    page.reload()
    expect(chat.answers).to_have_text([" ".join(kept)])


def test_another_ones_conversation_is_refused_in_the_page_and_by_fetch(new_person: NewPerson) -> None:
    owner, intruder = new_person(), new_person()
    chat = Chat(owner.sign_up())
    chat.say("add a task: my secret plan")
    expect(chat.badge("success")).to_have_count(1)
    conversation_id = chat.conversation_id

    page = intruder.sign_up()
    own, theirs = f"/api/{intruder.user_id}", f"/api/{owner.user_id}"
    for base in (own, theirs):
        for path in ("", "/messages", "/stream"):
            assert fetch(page, "GET", f"{base}/conversations/{conversation_id}{path}")[0] == 403
    status, problem = fetch(page, "GET", f"{theirs}/tasks")
    assert (status, problem["code"]) == (403, "forbidden")
    by_chatkit = {"type": "threads.get_by_id", "params": {"thread_id": conversation_id}}
    assert fetch(page, "POST", f"{own}/chatkit", by_chatkit)[0] == 403

    page.goto(f"/dashboard/chat?conversation={conversation_id}")
    expect(page.get_by_role("alert").filter(has_text="belongs to someone else")).to_be_visible()
    expect(page.get_by_text("my secret plan")).to_have_count(0)
    page.get_by_role("link", name="Start a new conversation").click()
    expect(Chat(page).composer).to_be_visible()


def test_a_conversation_that_is_not_there_is_said_so(person: Person) -> None:
    page = person.sign_up()
    for unknown in ("conv_01a1fbb346597463876bca211f15f637", "nonsense"):
        page.goto(f"/dashboard/chat?conversation={unknown}")
        expect(page.get_by_role("alert").filter(has_text="There is no such conversation")).to_be_visible()


def test_feedback_and_retry(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    chat.say("count to 4")
    chat.expect_counted_to(4)
    with page.expect_response(lambda response: "items.feedback" in (response.request.post_data or "")) as rated:
        chat.root.get_by_role("button", name="Good answer").click()
    assert rated.value.status == 200
    with page.expect_response(
        lambda response: "threads.retry_after_item" in (response.request.post_data or "")
    ) as retried:
        chat.root.get_by_role("button", name="Answer again").click()
    assert retried.value.status == 303
    chat.expect_counted_to(4)


def test_the_chat_works_by_keyboard_alone(person: Person) -> None:
    page = person.sign_up()
    chat = Chat(page)
    expect(chat.composer).to_be_focused()
    # From the top of the page
    chat.composer.blur()
    page.get_by_role("link", name="Natter").focus()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if chat.composer.evaluate("field => field.getRootNode().activeElement === field"):
            break
    page.keyboard.type("count to 6")
    page.keyboard.press("Enter")
    chat.expect_counted_to(6)
