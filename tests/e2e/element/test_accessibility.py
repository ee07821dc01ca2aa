"""Screen readers, the keyboard, contrast and motion."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.conftest import PACKAGE
from tests.e2e.element.servers import Person, Server

EVERYTHING = {
    "threadItemActions": {"feedback": True, "retry": True},
    "disclaimer": {"text": "Check [important](https://example.com) facts."},
    "composer": {
        "tools": [
            {"id": "search", "label": "Search", "icon": "globe"},
            {"id": "pin", "label": "Pin", "icon": "map-pin", "pinned": True},
        ],
        "models": [{"id": "big", "label": "Big"}, {"id": "small", "label": "Small"}],
    },
    "header": {"leftAction": {"icon": "home"}},
    "startScreen": {"prompts": [{"label": "Greet", "prompt": "say hello", "icon": "sparkle"}]},
}


PHRASES = ("markdown", "tools", "reason", "sources", "image", "widget", "notice", "fail")


FOCUSED_NAME = """(() => {
    const focused = chat.shadowRoot.activeElement;
    return focused && (focused.getAttribute('aria-label') || focused.textContent.trim());
})()"""


def axe(page: Page) -> list[str]:
    """The violations that axe finds, with where."""
    page.add_script_tag(path=str(PACKAGE / "dist-test" / "axe.min.js"))
    result: dict[str, Any] = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [
        f"{violation['id']}: {json.dumps([node['target'] for node in violation['nodes'][:3]])} "
        f"{violation['nodes'][0]['failureSummary']}"
        for violation in result["violations"]
    ]


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])
def test_axe_finds_nothing(stock: Server, page: Page, chat: Chat, theme: str) -> None:
    page.goto(stock.url(options={**EVERYTHING, "theme": theme}))
    expect(chat.composer).to_be_visible()
    assert axe(page) == []
    for phrase in PHRASES:
        chat.ask(phrase)
    chat.root.locator(".task-title:enabled").first.click()
    chat.root.get_by_role("button", name="Choose a tool").click()
    expect(chat.root.locator(".hljs-keyword").first).to_be_attached()
    assert axe(page) == []
    page.keyboard.press("Escape")
    chat.root.get_by_role("button", name="History", exact=True).click()
    expect(chat.root.locator(".thread-title").first).to_be_visible()
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.evaluate("id => chat.setThreadId(id)", stock.control("seed", items=2, last="questions")["thread_id"])
    expect(chat.root.get_by_role("form", name="Questions")).to_be_visible()
    assert axe(page) == []


@pytest.mark.whole_path
@pytest.mark.thorough
def test_axe_finds_nothing_in_what_natter_shows(natter: Person, page: Page, chat: Chat) -> None:
    page.goto(natter.durable_url(EVERYTHING))
    for phrase in ("markdown", "add a task: buy tea", "sources", "crash"):
        chat.ask(phrase)
    chat.root.locator(".task-title:enabled").first.click()
    expect(chat.root.get_by_role("alert")).to_be_visible()
    assert axe(page) == []


def test_axe_finds_nothing_in_a_right_to_left_page(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url(options={**EVERYTHING, "locale": "ur"}))
    chat.root.get_by_role("textbox").fill("tools")
    chat.root.get_by_role("textbox").press("Enter")
    expect(chat.root.locator(".badge.interrupted")).to_be_visible()
    expect(chat.answers.last).to_contain_text("Milk is on the list.")
    assert axe(page) == []


def test_the_conversation_is_a_log_and_everything_has_a_name(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url(options=EVERYTHING))
    chat.ask("markdown")
    expect(chat.root.get_by_role("log", name="Conversation")).to_be_visible()
    expect(chat.root.get_by_role("status").filter(has_text="The answer is complete.")).to_be_attached()
    nameless = chat.root.evaluate("""element => [...element.shadowRoot.querySelectorAll('button')]
        .filter(button => !(button.getAttribute('aria-label') || button.textContent.trim())).length""")
    assert nameless == 0


def test_the_keyboard_reaches_everything_and_escape_closes(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url(options=EVERYTHING))
    expect(chat.composer).to_be_visible()
    order = []
    for _step in range(8):
        page.keyboard.press("Tab")
        order.append(page.evaluate(FOCUSED_NAME))
    assert order == [
        "Home",
        "History",
        "Greet",
        "Message",
        "Choose a tool",
        "Pin",
        "Choose a model: Big",
        "important",
    ]
    history = chat.root.get_by_role("button", name="History", exact=True)
    history.focus()
    page.keyboard.press("Enter")
    expect(chat.root.get_by_role("dialog", name="History")).to_be_visible()
    expect(chat.root.get_by_role("button", name="Close history")).to_be_focused()
    page.keyboard.press("Escape")
    expect(chat.root.get_by_role("dialog", name="History")).to_have_count(0)
    expect(history).to_be_focused()


def test_the_keyboard_keeps_its_place_in_the_history(stock: Server, page: Page, chat: Chat) -> None:
    stock.control("seed", items=1, title="Kept")
    stock.control("seed", items=1, title="Gone")
    page.goto(stock.url())
    chat.root.get_by_role("button", name="History", exact=True).press("Enter")
    chat.root.get_by_role("button", name="Rename “Gone”").press("Enter")
    page.keyboard.press("Escape")
    expect(chat.root.locator(".thread-button").first).to_be_focused()
    chat.root.get_by_role("button", name="Delete “Gone”").press("Enter")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(chat.root.locator(".thread-title").first).to_have_text("Kept")
    expect(chat.root.get_by_role("button", name="Close history")).to_be_focused()
    page.keyboard.press("Escape")
    expect(chat.root.get_by_role("dialog", name="History")).to_have_count(0)


def test_reduced_motion_is_respected(stock: Server, page: Page, chat: Chat) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(stock.url())
    chat.send("wait")
    assert (
        chat.root.locator(".badge.running .icon").evaluate("element => getComputedStyle(element).animationName")
        == "none"
    )
    chat.stop_button.click()
