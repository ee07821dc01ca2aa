"""The published contract: methods, events and options, by plain HTML and by the real React wrapper."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.conftest import PACKAGE
from tests.e2e.element.servers import Server

PLAIN_PAGE = re.compile(r"```html\n(.*?)```", re.DOTALL)
OPTIONS = {"startScreen": {"greeting": "Hello", "prompts": [{"label": "Say hi", "prompt": "say hi"}]}}


@pytest.mark.parametrize(
    ("server", "version"),
    [
        ("stock", "18"),
        ("stock", "19"),
        pytest.param("natter", "19", marks=[pytest.mark.whole_path, pytest.mark.thorough]),
    ],
    indirect=["server"],
)
def test_the_unmodified_react_wrapper_drives_the_element(server: Server, page: Page, chat: Chat, version: str) -> None:
    page.goto(server.url(page="react.html", version=version))
    expect(chat.root.get_by_text("Hello from React")).to_be_visible()
    assert page.evaluate("window.reactVersion").startswith(f"{version}.")
    assert chat.count("ready") == 1

    chat.root.get_by_role("button", name="Say hi").click()
    chat.answer_is("hi")
    page.wait_for_function("window.events.some(e => e.name === 'response.end')")
    assert [detail for detail in chat.events("thread.change") if detail["threadId"]] != []
    assert chat.count("response.start") == chat.count("response.end") == 1
    assert page.evaluate("window.fetches") >= 1

    page.evaluate("window.chat.sendUserMessage({text: 'say again'})")
    chat.answer_is("again")
    page.evaluate("window.chat.setComposerValue({text: 'draft', selectedToolId: 'search'})")
    expect(chat.composer).to_have_value("draft")
    assert chat.events("tool.change") == [{"toolId": "search"}]
    page.evaluate("window.chat.setComposerValue({files: [new File(['a'], 'a.txt', {type: 'text/plain'})]})")
    expect(chat.root.locator(".composer .attachment.ready")).to_contain_text("a.txt")
    page.evaluate("window.chat.focusComposer()")
    expect(chat.composer).to_be_focused()
    page.evaluate("window.chat.showHistory()")
    expect(chat.root.get_by_role("dialog", name="History")).to_be_visible()
    page.evaluate("window.chat.hideHistory()")
    assert chat.count("history.open") == chat.count("history.close") == 1
    page.evaluate("window.chat.fetchUpdates()")
    chat.root.get_by_role("button", name="Home").click()
    assert chat.count("left") == 1
    assert page.evaluate("window.chat.setThreadId(null)") is None
    page.evaluate("window.setGreeting('Changed')")
    expect(chat.root.get_by_text("Changed")).to_be_visible()
    assert chat.events("error") == []


@pytest.mark.parametrize("version", ["18", "19"])
def test_react_may_mount_before_the_element_is_defined(stock: Server, page: Page, chat: Chat, version: str) -> None:
    page.goto(stock.url(page="react.html", version=version, order="late"))
    expect(chat.root.get_by_text("Hello from React")).to_be_visible()
    assert chat.count("ready") == 1
    page.evaluate("window.chat.sendUserMessage({text: 'client tool'})")
    chat.answer_is('The tool said {"name": "get_time", "zone": "UTC", "greeting": "Hello from React"}')
    page.evaluate("window.chat.sendCustomAction({type: 'ping', payload: {a: 1}})")
    chat.answer_is('Action ping {"a": 1}')
    assert chat.events("error") == []


@pytest.mark.parametrize("version", ["18", "19"])
def test_an_element_that_react_removes_and_mounts_again_works(
    stock: Server, page: Page, chat: Chat, version: str
) -> None:
    page.goto(stock.url(page="react.html", version=version))
    expect(chat.root.get_by_text("Hello from React")).to_be_visible()
    page.evaluate("window.setMounted(false)")
    expect(chat.root).to_have_count(0)
    page.evaluate("window.setMounted(true)")
    chat.root.get_by_role("button", name="Say hi").click()
    chat.answer_is("hi")


def test_set_options_replaces_is_idempotent_and_may_come_early_or_twice(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url(options=OPTIONS))
    expect(chat.root.get_by_text("Hello")).to_be_visible()
    page.evaluate("""() => {
        const other = document.createElement('openai-chatkit');
        const options = {api: {url: '/chatkit', domainKey: 'x'}, startScreen: {greeting: 'Early'}};
        other.setOptions(options);
        other.setOptions(options);
        other.id = 'other';
        let ready = 0;
        other.addEventListener('chatkit.ready', () => { window.readyCount = ++ready; });
        chat.replaceWith(other);
        other.setOptions(options);
    }""")
    expect(page.locator("#other").get_by_text("Early")).to_be_visible()
    assert page.evaluate("window.readyCount") == 1
    page.evaluate("other.setOptions({api: {url: '/chatkit', domainKey: 'x'}})")
    expect(page.locator("#other").get_by_text("What can I help with today?")).to_be_visible()


def test_unknown_options_warn_once_and_break_nothing(stock: Server, page: Page, chat: Chat) -> None:
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    page.goto(stock.url(options={**OPTIONS, "nonsense": 1}))
    expect(chat.root.get_by_text("Hello")).to_be_visible()
    page.evaluate("chat.setOptions({api: {url: '/chatkit', domainKey: 'x'}, nonsense: 2})")
    expect(chat.root.get_by_text("What can I help with today?")).to_be_visible()
    assert len([text for text in warnings if "nonsense" in text]) == 1


def test_moving_the_element_in_the_page_keeps_the_conversation(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.ask("say stay")
    page.evaluate("const box = document.createElement('div'); document.body.append(box); box.append(chat)")
    chat.answer_is("stay")
    assert chat.count("ready") == 1


def test_an_element_that_returns_to_the_page_shows_its_thread_again(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.ask("say I was here")
    page.evaluate("window.box = chat.parentElement; chat.remove()")
    page.wait_for_timeout(100)
    page.evaluate("box.append(chat)")
    chat.answer_is("I was here")
    page.evaluate("chat.focus()")
    expect(chat.composer).to_be_focused()


def test_methods_called_before_the_options_wait_for_them(stock: Server, page: Page) -> None:
    page.goto(stock.url())
    page.evaluate(
        """url => {
        const late = document.createElement('openai-chatkit');
        late.id = 'late';
        chat.replaceWith(late);
        window.sent = late.sendUserMessage({text: 'say later'}).then(() => 'sent');
        setTimeout(() => late.setOptions({api: {url, domainKey: 'x'}}), 100);
    }""",
        stock.chatkit,
    )
    assert page.evaluate("window.sent") == "sent"
    expect(page.locator("#late").locator(".answer .markdown")).to_have_text("later")


def test_send_user_message_takes_everything_that_is_published(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    page.evaluate("""() => chat.sendUserMessage({
        content: [{type: 'input_text', text: 'about '}, {type: 'input_tag', id: 'p1', text: '@Ada'}],
        reply: 'what you said', toolChoice: {id: 'search'}, model: 'small'})""")
    chat.answer_is("You said: about @Ada")
    expect(chat.root.locator(".message.user .quote")).to_have_text("what you said")
    expect(chat.root.locator(".message.user .tag")).to_have_text("@Ada")
    sent = server.requests()[-1]["params"]["input"]
    assert sent["quoted_text"] == "what you said"
    assert sent["inference_options"] == {"tool_choice": {"id": "search"}, "model": "small"}
    first = page.evaluate("window.events.filter(e => e.name === 'thread.change').at(-1).detail.threadId")
    page.evaluate("chat.sendUserMessage({text: 'say new', newThread: true})")
    chat.answer_is("new")
    assert chat.events("thread.change")[-1]["threadId"] not in {first, None}
    empty = page.evaluate("chat.sendUserMessage({text: ' '}).then(() => 'sent', error => error.name)")
    assert empty == "TypeError"


def test_a_hosted_session_asks_for_its_secret_and_again_after_a_401(stock: Server, page: Page) -> None:
    page.goto(stock.url())
    page.evaluate("""() => {
        window.secrets = [];
        const hosted = document.createElement('openai-chatkit');
        hosted.id = 'hosted';
        hosted.setAttribute('data-api-url', '/chatkit');
        chat.replaceWith(hosted);
        hosted.setOptions({api: {getClientSecret: async (current) => {
            window.secrets.push(current);
            return `secret-${window.secrets.length}`;
        }}});
    }""")
    stock.control("fail_next", values=[401])
    page.evaluate("document.getElementById('hosted').sendUserMessage({text: 'say private'})")
    expect(page.locator("#hosted .answer .markdown")).to_have_text("private")
    assert page.evaluate("window.secrets") == [None, "secret-1"]


def test_client_effects_are_events_of_the_page(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("effect")
    assert chat.events("effect") == [{"name": "confetti", "data": {"amount": 3}}]


def test_deep_links_are_events_of_the_page(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("link")
    before = page.url
    chat.answers.last.get_by_role("link", name="there").click()
    assert chat.events("deeplink") == [{"name": "open", "data": {"task": "7"}}]
    assert page.url == before


def test_nothing_is_asked_of_any_other_server(server: Server, page: Page, chat: Chat) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(server.durable_url({"threadItemActions": {"feedback": True}}))
    chat.ask("markdown")
    chat.ask("sources")
    chat.root.get_by_role("button", name="History", exact=True).click()
    expect(chat.root.locator(".thread-title").first).to_be_visible()
    assert [url for url in requested if not url.startswith((server.origin, "data:"))] == []


def test_the_page_of_the_readme_works_and_has_ten_lines(stock: Server, page: Page, chat: Chat) -> None:
    match = PLAIN_PAGE.search((PACKAGE / "README.md").read_text(encoding="utf-8"))
    assert match is not None
    html = match.group(1)
    assert len(html.strip().splitlines()) <= 10
    page.route("**/readme.html", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(f"{stock.origin}/readme.html")
    chat.send("say from the readme")
    chat.answer_is("from the readme")
