"""What only Natter has: its task tools, processes that die, tokens that expire, a message that interrupts."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat, numbers
from tests.e2e.element.servers import Person

pytestmark = pytest.mark.whole_path
RECOVERY_MS_MAX = 30_000


def test_a_tool_call_is_seen_and_the_history_has_it(natter: Person, page: Page, chat: Chat) -> None:
    page.goto(natter.durable_url())
    chat.send("add a task: buy milk")
    expect(chat.root.locator(".badge.success")).to_contain_text("Success", timeout=RECOVERY_MS_MAX)
    expect(chat.stop_button).to_have_count(0)
    answer = chat.answers.last.inner_text()
    expect(chat.bubbles).to_have_count(1)
    page.goto(natter.durable_url({"initialThread": chat.thread_id()}))
    expect(chat.root.locator(".badge.success")).to_have_count(1)
    assert chat.answers.last.inner_text() == answer
    chat.root.get_by_role("button", name="History", exact=True).click()
    chat.root.get_by_role("searchbox").fill("milk")
    expect(chat.root.locator(".thread-title")).to_have_count(1)
    assert chat.events("error") == []


def test_how_long_work_took_is_the_same_in_every_tab_and_after_a_refresh(
    natter: Person, page: Page, chat: Chat
) -> None:
    page.goto(natter.durable_url())
    chat.send("tools")
    work = chat.root.get_by_role("button", name=re.compile(r"^Worked for \d+ s$"))
    expect(work).to_be_visible(timeout=RECOVERY_MS_MAX)
    said = work.inner_text()
    page.goto(natter.durable_url({"initialThread": chat.thread_id()}))
    expect(work).to_have_text(said)


def test_an_answer_that_was_cut_off_is_gone_on_with(natter: Person, page: Page, chat: Chat) -> None:
    page.goto(natter.durable_url())
    chat.send("long story")
    notice = chat.root.get_by_role("alert")
    expect(notice).to_contain_text("cut off", timeout=RECOVERY_MS_MAX)
    expect(chat.answers.last).to_contain_text("Once upon a")
    expect(notice.get_by_role("button", name="Try again")).to_have_count(0)
    notice.get_by_role("button", name="Continue").click()
    chat.answer_is("time.")
    expect(chat.bubbles).to_have_count(2)
    expect(chat.answers).to_have_count(2)
    expect(notice).to_have_count(0)


def test_an_image_that_a_tool_draws_is_seen_and_the_history_has_it(natter: Person, page: Page, chat: Chat) -> None:
    files = {"data-attachment-url": natter.download}
    page.goto(natter.durable_url({}, **files))
    chat.send("picture")
    image = chat.root.get_by_role("img", name="Generated image")
    chat.answer_is("There it is.", timeout=RECOVERY_MS_MAX)
    for _ in range(2):  # as it comes, and as it is loaded
        expect(image).to_have_count(1)
        expect(image).to_be_visible()
        page.wait_for_function("chat.shadowRoot.querySelector('.generated-image').naturalWidth === 1")
        assert not str(image.get_attribute("src")).startswith("data:")
        chat.root.get_by_role("button", name="Open Generated image").click()
        with page.expect_download() as download:
            chat.root.get_by_role("dialog").get_by_role("button", name="Download").click()
        assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
        page.keyboard.press("Escape")
        chat.root.locator(".task .task-title").click()
        expect(chat.root.locator(".task-details")).to_contain_text("images of this type are not shown")
        expect(chat.root.get_by_role("link", name="The paper")).to_have_attribute("href", "https://example.com/paper")
        page.goto(natter.durable_url({"initialThread": chat.thread_id()}, **files))
    assert page.evaluate("window.pwned") is None
    assert chat.events("error") == []


def test_a_relay_that_dies_is_reconnected_to(natter: Person, page: Page, chat: Chat) -> None:
    page.goto(natter.durable_url())
    chat.send("count to 150")
    expect(chat.answers.last).to_contain_text("8 9")
    natter.stack.kill("stream_relay")
    chat.answer_is(numbers(150), timeout=RECOVERY_MS_MAX)
    expect(chat.answers).to_have_count(1)
    expect(chat.stop_button).to_have_count(0)


def test_a_runner_that_dies_is_replaced_and_nothing_is_said_twice(natter: Person, page: Page, chat: Chat) -> None:
    page.goto(natter.durable_url())
    chat.send("count to 400")
    expect(chat.answers.last).to_contain_text("8 9")
    natter.stack.kill("agent_runner")
    # What was read stays, dimmed, until the new text has overtaken it.
    dimmed = chat.root.locator(".taken-over")
    expect(dimmed).to_contain_text("8 9", timeout=RECOVERY_MS_MAX)
    expect(dimmed).to_contain_text("Reconnecting the assistant…")
    expect(dimmed).to_have_count(0, timeout=RECOVERY_MS_MAX)
    chat.answer_is(numbers(400), timeout=RECOVERY_MS_MAX)
    expect(chat.answers).to_have_count(1)
    expect(chat.stop_button).to_have_count(0, timeout=RECOVERY_MS_MAX)


def test_an_expired_token_is_waited_out(natter: Person, page: Page, chat: Chat) -> None:
    page.goto(natter.durable_url())
    chat.send("count to 120")
    expect(chat.answers.last).to_contain_text("8 9")
    natter.set_token("expired")
    natter.stack.kill("stream_relay")
    expect(chat.root.get_by_text("Reconnecting…")).to_be_visible()
    page.wait_for_timeout(1_000)
    natter.set_token(natter.stack.token(natter.user))
    chat.answer_is(numbers(120), timeout=RECOVERY_MS_MAX)


def test_a_message_may_interrupt_the_answer(natter: Person, page: Page, chat: Chat) -> None:
    page.goto(natter.durable_url(None, **{"data-on-busy": "interrupt"}))
    chat.send("count to 400")
    expect(chat.answers.last).to_contain_text("8 9")
    chat.send("count to 5")
    chat.answer_is("1 2 3 4 5", timeout=RECOVERY_MS_MAX)
    expect(chat.bubbles).to_have_text(["count to 400", "count to 5"])
    kept = chat.answers.first.locator(".markdown").inner_text()
    assert kept
    assert numbers(400).startswith(kept)
    expect(chat.stop_button).to_have_count(0)


def test_a_chat_session_is_the_secret_of_a_hosted_element(natter: Person, page: Page) -> None:
    page.goto(natter.url())
    page.evaluate(
        """([url, attributes]) => {
        window.secrets = [];
        const hosted = document.createElement('openai-chatkit');
        hosted.id = 'hosted';
        hosted.setAttribute('data-api-url', url);
        for (const [name, value] of Object.entries(attributes)) hosted.setAttribute(name, value);
        chat.replaceWith(hosted);
        hosted.setOptions({api: {getClientSecret: async (current) => {
            window.secrets.push(current);
            if (current === null) return 'outdated';
            const response = await fetch(url + '/session', {method: 'POST'});
            return (await response.json()).client_secret;
        }}});
    }""",
        [natter.chatkit, natter.attributes],
    )
    page.evaluate("document.getElementById('hosted').sendUserMessage({text: 'say private'})")
    expect(page.locator("#hosted .answer .markdown")).to_have_text("private")
    assert page.evaluate("window.secrets") == [None, "outdated"]


def test_what_another_client_says_appears_and_fetching_updates_changes_nothing(
    natter: Person, page: Page, chat: Chat
) -> None:
    page.goto(natter.durable_url())
    chat.ask("say before")
    content = [{"type": "input_text", "text": "say from elsewhere"}]
    said = {"content": content, "attachments": [], "inference_options": {}}
    body = {"type": "threads.add_user_message", "params": {"thread_id": chat.thread_id(), "input": said}}
    page.request.post(f"{natter.origin}{natter.chatkit}", data=body).body()
    chat.answer_is("from elsewhere")
    page.evaluate("chat.fetchUpdates()")
    expect(chat.bubbles).to_have_text(["say before", "say from elsewhere"])
    expect(chat.answers).to_have_count(2)
