"""What is said and how it is shown."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat, numbers
from tests.e2e.element.servers import Server


def test_an_answer_streams_and_ends_as_the_server_stored_it(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.send("count to 60")
    expect(chat.bubbles.last).to_have_text("count to 60")
    expect(chat.answers.last).to_contain_text("3 4")
    expect(chat.stop_button).to_be_visible()
    chat.answer_is(numbers(60))
    expect(chat.stop_button).to_have_count(0)
    expect(chat.bubbles).to_have_count(1)


def test_markdown_is_rendered(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("markdown")
    answer = chat.answers.last
    expect(answer.get_by_role("heading", name="A heading")).to_be_visible()
    expect(answer.locator("strong")).to_have_text("bold")
    expect(answer.locator("del")).to_have_text("struck")
    expect(answer.get_by_role("link", name="link", exact=True)).to_have_attribute("href", "https://example.com/page")
    expect(answer.get_by_role("link", name="link", exact=True)).to_have_attribute("rel", "noopener noreferrer")
    expect(answer.get_by_role("link", name="https://auto.link")).to_be_visible()
    expect(answer.locator("li li")).to_have_text("nested")
    expect(answer.locator("li.task input").first).to_be_checked()
    expect(answer.locator("blockquote")).to_have_text("quoted")
    expect(answer.locator("td.align-right")).to_have_text("3.50")
    expect(answer.locator("pre .hljs-keyword").first).to_have_text("def")


def test_code_is_copied(stock: Server, page: Page, chat: Chat) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(stock.url())
    chat.ask("markdown")
    chat.answers.last.get_by_role("button", name="Copy code").click()
    assert page.evaluate("navigator.clipboard.readText()") == 'def greet(name: str) -> str:\n    return f"hello {name}"'
    chat.root.locator(".message.assistant").last.get_by_role("button", name="Copy message").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("# A heading")


def test_the_start_screen_offers_prompts_that_are_sent(stock: Server, page: Page, chat: Chat) -> None:
    prompts = [{"label": "Greet", "prompt": "say hello", "icon": "sparkle"}]
    page.goto(stock.url(options={"startScreen": {"greeting": "Welcome", "prompts": prompts}}))
    expect(chat.root.get_by_role("heading", name="Welcome")).to_be_visible()
    chat.root.get_by_role("button", name="Greet").click()
    chat.answer_is("hello")
    expect(chat.root.get_by_role("heading", name="Welcome")).to_have_count(0)


def test_an_image_and_a_widget_are_shown(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("image")
    expect(chat.root.get_by_role("img", name="Generated image")).to_be_visible()
    chat.ask("widget")
    expect(chat.root.locator(".w-card")).to_have_text("hi")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat.root.locator(".w-message").get_by_role("button", name="Copy message").click()
    assert page.evaluate("navigator.clipboard.readText()") == "a card"
    chat.ask("say still alive")
    chat.answer_is("still alive")


def test_an_unknown_item_or_event_never_breaks_the_thread(server: Server, page: Page, chat: Chat) -> None:
    unknown = (
        'data: {"type":"thread.item.done","item":{"type":"hologram","id":"h1","thread_id":"t","created_at":"x"}}\n\n'
        'data: {"type":"thread.sparkled"}\n\ndata: not json\n\ndata: 7\n\n'
    )

    page.goto(server.url())
    server.control("prepend", text=unknown)
    chat.ask("say fine")
    chat.answer_is("fine")
    expect(chat.root.locator(".note")).to_contain_text("hologram")


def test_notices_are_shown_and_dismissed(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("notice")
    notice = chat.root.get_by_role("alert")
    expect(notice).to_contain_text("Careful")
    expect(notice.locator("strong").nth(1)).to_have_text("90 %")
    notice.get_by_role("button", name="Dismiss").click()
    expect(notice).to_have_count(0)


@pytest.mark.parametrize("phrase", ["fail", "crash"])
def test_an_error_is_said_and_can_be_tried_again(server: Server, page: Page, chat: Chat, phrase: str) -> None:
    page.goto(server.url())
    chat.ask(phrase)
    expect(chat.root.get_by_role("alert")).to_contain_text(server.failure_words[phrase])
    assert chat.count("error") == 1
    chat.root.get_by_role("button", name="Try again").click()
    page.wait_for_function("window.events.filter(e => e.name === 'response.end').length === 2")
    assert server.requests()[-1]["type"] == "threads.retry_after_item"
    expect(chat.bubbles).to_have_count(1)


def test_a_broken_connection_is_said_and_can_be_tried_again(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("say first")
    page.route("**/chatkit", lambda route: route.abort("connectionreset"))
    chat.send("say second")
    stuck = chat.root.locator('[data-status="failed"]')
    expect(stuck).to_contain_text("Not sent: The server could not be reached.")
    page.unroute("**/chatkit")
    stuck.get_by_role("button", name="Try again").click()
    chat.answer_is("second")
    expect(chat.bubbles).to_have_text(["say first", "say second"])


def test_a_refused_message_can_be_edited(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    server.control("fail_next", values=[422])
    chat.send("say draft")
    expect(chat.root.locator('[data-status="failed"]')).to_contain_text("scripted failure")
    chat.composer.fill("meanwhile")
    chat.root.get_by_role("button", name="Edit").click()
    expect(chat.composer).to_have_value("meanwhile\n\nsay draft")
    expect(chat.composer).to_be_focused()
    expect(chat.root.locator(".message.user")).to_have_count(0)


def test_answering_again_replaces_the_answer(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url(options={"threadItemActions": {"retry": True}}))
    chat.ask("say one")
    chat.ask("say two")
    chat.root.get_by_role("button", name="Answer again").first.click()
    page.wait_for_function("window.events.filter(e => e.name === 'response.end').length === 3")
    expect(chat.bubbles).to_have_text(["say one"])
    chat.answer_is("one")


def test_feedback_is_sent_and_shown(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url(options={"threadItemActions": {"feedback": True}}))
    chat.ask("say rate me")
    good = chat.root.get_by_role("button", name="Good answer")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    assert server.requests()[-1]["type"] == "items.feedback"
    assert server.requests()[-1]["params"]["kind"] == "positive"
    server.control("fail_next", values=[500])
    chat.root.get_by_role("button", name="Bad answer").click()
    expect(chat.root.get_by_role("alert")).to_contain_text("Your rating could not be saved.")
    expect(good).to_have_attribute("aria-pressed", "true")


def test_selected_text_is_quoted_in_the_reply(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.ask("say the quick brown fox")
    chat.answers.last.locator("p").click(click_count=3)
    chat.root.get_by_role("button", name="Reply").click()
    expect(chat.composer).to_be_focused()
    chat.ask("say which fox")
    expect(chat.root.locator(".message.user .quote")).to_have_text("the quick brown fox")
    assert server.requests()[-1]["params"]["input"]["quoted_text"] == "the quick brown fox"
    expect(chat.root.locator(".composer-quote")).to_have_count(0)


def test_the_title_follows_the_thread(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.ask("title Groceries")
    expect(chat.root.get_by_role("heading", name="Groceries")).to_be_visible()


@pytest.mark.parametrize(
    ("phrase", "words"), [("lock", "Waiting for review."), ("close", "This conversation is closed.")]
)
def test_a_thread_that_takes_no_messages_says_so(
    stock: Server, page: Page, chat: Chat, phrase: str, words: str
) -> None:
    page.goto(stock.url())
    chat.ask(phrase)
    expect(chat.root.locator(".thread-ended")).to_have_text(words)
    expect(chat.composer).to_have_count(0)
    refused = page.evaluate("chat.sendUserMessage({text: 'x'}).then(() => 'sent', error => error.message)")
    assert "takes no messages" in refused


def test_the_time_of_a_message_is_shown_on_demand(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("say when")
    time = chat.root.locator(".message.assistant time")
    page.mouse.move(5, 5)
    expect(time).to_have_css("opacity", "0")
    chat.answers.last.hover()
    expect(time).to_have_css("opacity", "1")
    expect(time).to_have_attribute("title", re.compile(r"20\d\d"))


def test_stop_is_immediate_and_keeps_the_text(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.send("count to 500")
    expect(chat.answers.last).to_contain_text("5 6")
    chat.stop_button.click()
    expect(chat.stop_button).to_have_count(0)
    seen = chat.answers.last.locator(".markdown").inner_text()
    expect(chat.root.locator(".message.assistant .actions")).to_be_visible()
    kept = chat.answers.last.locator(".markdown").inner_text()
    page.wait_for_timeout(300)
    assert chat.answers.last.locator(".markdown").inner_text() == kept
    assert kept.startswith(seen)  # what was written before the server knew may follow
    assert kept == numbers(len(kept.split()))
    assert chat.count("response.end") == 1
    chat.ask("say next")
    chat.answer_is("next")


def test_an_answer_goes_on_while_another_thread_is_read(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.send("count to 40")
    expect(chat.answers.last).to_contain_text("2 3")
    thread_id = chat.events("thread.change")[-1]["threadId"]
    page.evaluate("chat.setThreadId(null)")
    expect(chat.root.get_by_text("What can I help with today?")).to_be_visible()
    chat.ask("say aside")
    page.evaluate("id => chat.setThreadId(id)", thread_id)
    chat.answer_is(numbers(40))
