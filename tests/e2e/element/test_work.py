"""Work made visible: tool calls, reasoning, progress, sources."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.servers import Server


def test_tool_calls_show_a_badge_and_their_details_on_demand(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.send("tools")
    expect(chat.root.locator(".badge.running").first).to_have_text("Running")
    expect(chat.root.locator(".badge.success")).to_have_text("Success")
    expect(chat.root.locator(".badge.failed")).to_contain_text("Failed")
    expect(chat.root.get_by_text("task_7 was added")).to_have_count(0)
    chat.root.get_by_role("button", name=re.compile("^Add")).click()
    expect(chat.root.get_by_text("task_7 was added")).to_be_visible()
    expect(chat.root.locator(".task-details code").first).to_contain_text('"title": "milk"')
    chat.root.get_by_role("button", name=re.compile("^Find")).click()
    expect(chat.root.get_by_text("is not there")).to_be_visible()
    chat.answer_is("Milk is on the list.")


def test_a_workflow_says_what_the_server_says_of_it(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("tools")
    expect(chat.root.locator(".badge.interrupted")).to_contain_text("Interrupted")
    expect(chat.root.get_by_role("button", name="Used 3 tools")).to_be_visible()


def test_reasoning_is_seen_and_folds_away(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.send("reason")
    thought = chat.root.locator(".task.thought strong")
    expect(thought).to_have_text("tea")
    chat.answer_is("Tea it is.")
    expect(thought).to_have_count(0)
    chat.root.locator(".workflow.reasoning .workflow-title").click()
    expect(thought).to_have_text("tea")
    expect(chat.root.locator(".workflow.reasoning .workflow-title")).to_contain_text("Thought for")
    expect(chat.root.locator(".task.thought .badge")).to_have_count(0)  # a thought has no outcome


def test_reasoning_folds_into_its_summary(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.send("reason")
    expect(chat.root.get_by_text("Reading the question")).to_be_visible()
    summary = chat.root.get_by_role("button", name="Thought for 4 s")
    expect(summary).to_be_visible()
    expect(chat.root.get_by_text("Reading the question")).to_have_count(0)
    summary.click()
    chat.root.get_by_role("button", name="tea near me").click()
    expect(chat.root.get_by_role("link", name="All about tea")).to_have_attribute("href", "https://example.com/tea")


def test_progress_is_one_passing_line(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.send("progress")
    expect(chat.root.locator(".progress")).to_have_text("Reading your list")
    chat.answer_is("You said: progress")
    expect(chat.root.locator(".progress")).to_have_count(0)


def test_thinking_is_said_until_the_first_word(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.send("wait")
    expect(chat.root.locator(".progress")).to_have_text("Thinking…")
    chat.stop_button.click()
    expect(chat.root.locator(".progress")).to_have_count(0)


def test_sources_are_listed_below_the_answer(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.ask("sources")
    expect(chat.answers.last.get_by_role("list", name="Sources").get_by_role("listitem")).to_have_text(
        ["Tea journal", "Notes"]
    )
    expect(chat.answers.last.locator(".source-mark")).to_have_text(["1", "2"])  # where they stand in the text


def test_a_tool_call_that_was_stopped_is_interrupted(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.send("wait")
    expect(chat.root.locator(".badge.running")).to_be_visible()
    chat.stop_button.click()
    expect(chat.root.locator(".badge.interrupted")).to_contain_text("Interrupted")
