"""Hostile text: nothing of it runs, whoever wrote it."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.corpus import CORPUS
from tests.e2e.element.servers import Person, Server


def items(text: str, index: int) -> list[dict]:
    """The text in every place that a server can put it."""
    base = {"thread_id": "t", "created_at": "2026-01-01T00:00:00"}
    source = {"type": "url", "title": text, "url": text, "description": text, "attribution": text}
    tasks = [
        {"type": "custom", "title": text, "icon": text, "content": text, "status_indicator": "complete"},
        {"type": "thought", "title": text, "content": text},
        {"type": "web_search", "title": text, "queries": [text], "sources": [source]},
        {"type": "file", "sources": [{"type": "file", "title": text, "filename": text}]},
    ]
    annotations = [
        {"type": "annotation", "source": source},
        {"type": "annotation", "source": {"type": "entity", "id": text, "title": text, "icon": text}},
    ]
    question = {
        "type": "multiple_choice",
        "id": text,
        "question": text,
        "options": [{"value": text}],
        "answer": {"values": [text], "skipped": False},
    }
    everything = [
        {
            "type": "user_message",
            "content": [{"type": "input_text", "text": text}, {"type": "input_tag", "id": "a", "text": text}],
            "quoted_text": text,
            "attachments": [{"type": "image", "id": text, "name": text, "mime_type": text, "preview_url": text}],
            "inference_options": {},
        },
        {"type": "assistant_message", "content": [{"type": "output_text", "text": text, "annotations": annotations}]},
        {
            "type": "workflow",
            "workflow": {
                "type": "reasoning",
                "expanded": True,
                "tasks": tasks,
                "summary": {"title": text, "icon": text},
            },
        },
        {"type": "widget", "widget": {"type": text}, "copy_text": text},
        {"type": "generated_image", "image": {"id": text, "url": text}},
        {"type": "structured_input", "status": "answered", "inputs": [question]},
        {"type": text},
    ]
    return [{**base, "id": f"{index}_{number}", **item} for number, item in enumerate(everything)]


@pytest.fixture
def hostile(stock: Server, page: Page) -> Page:
    """A page whose server sends the whole corpus, in every field; anything it loads or runs is noted."""
    page.add_init_script("window.pwned = 0; window.alert = window.open = () => { window.pwned = 1 }")
    every = [item for index, text in enumerate(CORPUS) for item in items(text, index)]
    thread = {"id": "t", "title": CORPUS[0], "created_at": "2026-01-01T00:00:00", "status": {"type": "active"}}
    notices = [{"type": "notice", "level": "danger", "title": text, "message": text} for text in CORPUS[:20]]
    frames = "".join(
        f"data: {json.dumps(event)}\n\n"
        for event in [*notices, {"type": "progress_update", "text": CORPUS[1], "icon": CORPUS[2]}]
    )

    def answer(route: Route) -> None:
        if "get_by_id" in (route.request.post_data or ""):
            route.fulfill(json={**thread, "items": {"data": every, "has_more": False}})
        elif "threads.list" in (route.request.post_data or ""):
            route.fulfill(
                json={
                    "data": [{**thread, "id": str(n), "title": text} for n, text in enumerate(CORPUS)],
                    "has_more": False,
                }
            )
        else:
            route.fulfill(body=frames, content_type="text/event-stream")

    page.route("**/chatkit", answer)
    page.goto(
        stock.url(
            options={"initialThread": "t", "disclaimer": {"text": CORPUS[1]}, "startScreen": {"greeting": CORPUS[0]}}
        )
    )
    return page


def test_nothing_of_the_corpus_runs_or_loads(stock: Server, hostile: Page, chat: Chat) -> None:
    requested: list[str] = []
    hostile.on("request", lambda request: requested.append(request.url))
    expect(chat.root.locator(".message.assistant")).to_have_count(len(CORPUS))
    chat.send("x")
    expect(chat.root.get_by_role("alert").first).to_be_visible()
    for button in chat.root.locator(".task-title:enabled").all():
        button.evaluate("element => element.click()")
    chat.root.get_by_role("button", name="History", exact=True).click()
    expect(chat.root.locator(".thread-title")).to_have_count(len(CORPUS))
    assert_harmless(hostile, chat, stock.origin, requested)


@pytest.mark.whole_path
def test_nothing_of_the_corpus_runs_when_a_model_a_tool_and_a_title_say_it(
    natter: Person, page: Page, chat: Chat
) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.add_init_script("window.pwned = 0; window.alert = window.open = () => { window.pwned = 1 }")
    natter.control("seed", items=1, title=CORPUS[1])
    page.goto(natter.durable_url())
    chat.ask("hostile")
    expect(chat.root.locator(".message.assistant")).to_have_count(len(CORPUS))
    expect(chat.root.locator(".task")).to_have_count(len(CORPUS))
    for button in chat.root.locator(".task-title:enabled").all():
        button.evaluate("element => element.click()")
    chat.ask(f"say {CORPUS[0]}{CORPUS[1]}")
    chat.root.get_by_role("button", name="History", exact=True).click()
    expect(chat.root.locator(".thread-title").nth(1)).to_have_text(CORPUS[1])
    assert_harmless(page, chat, natter.origin, requested)
    thread_id = chat.thread_id()
    page.goto(natter.durable_url({"initialThread": thread_id}))
    expect(chat.answers.last).to_contain_text("<script>")
    assert_harmless(page, chat, natter.origin, requested)


def assert_harmless(page: Page, chat: Chat, origin: str, requested: list[str]) -> None:
    """No element, attribute or address that could act, and nothing that did."""
    forbidden = chat.root.locator(
        "script, iframe, object, embed, style, base, meta, link, template, form[action], svg script"
    )
    expect(forbidden).to_have_count(0)
    attributes = chat.root.evaluate("""element => [...element.shadowRoot.querySelectorAll('*')].flatMap(node =>
        [...node.attributes]
            .filter(a => a.name.startsWith('on') || /^\\s*(javascript|vbscript)\\s*:|^\\s*data:text/i.test(a.value))
            .map(a => a.name + '=' + a.value))""")
    assert [entry for entry in attributes if not entry.startswith(("title=", "alt=", "data-"))] == []
    links = chat.root.evaluate(
        """element => [...element.shadowRoot.querySelectorAll('[href], [src]')].map(node => node.href || node.src)"""
    )
    assert [
        link for link in links if not str(link).startswith((origin, "https://good.example", "https://evil.example"))
    ] == []
    assert page.evaluate("window.pwned") == 0
    assert [url for url in requested if not url.startswith((origin, "data:"))] == []


def test_every_link_of_the_corpus_leads_to_the_web(hostile: Page, chat: Chat) -> None:
    expect(chat.root.locator(".message.assistant")).to_have_count(len(CORPUS))
    protocols = chat.root.evaluate("""element =>
        [...new Set([...element.shadowRoot.querySelectorAll('a')].map(link => link.protocol))]""")
    assert protocols  # the corpus has links that may stay
    assert set(protocols) <= {"http:", "https:"}


def test_hostile_text_is_shown_as_the_text_it_is(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.ask("say <b>not bold</b> <script>window.pwned = 1</script>")
    chat.answer_is("<b>not bold</b> <script>window.pwned = 1</script>")
    expect(chat.answers.locator("b")).to_have_count(0)


def test_the_element_works_under_a_strict_content_security_policy(stock: Server, page: Page, chat: Chat) -> None:
    policy = (
        "default-src 'none'; script-src 'self' 'unsafe-inline'; connect-src 'self'; style-src 'self'; "
        "img-src 'self' data:"
    )
    violations: list[str] = []
    page.on(
        "console",
        lambda message: violations.append(message.text) if "Content Security Policy" in message.text else None,
    )

    def add_policy(route: Route) -> None:
        response = route.fetch()
        body = response.text().replace("<style>", "<style hidden>")
        route.fulfill(response=response, body=body, headers={**response.headers, "content-security-policy": policy})

    page.route("**/plain.html*", add_policy)
    page.goto(stock.url(options={"theme": {"color": {"accent": {"primary": "#0055ff", "level": 1}}}}))
    chat.ask("markdown")
    expect(chat.root.locator(".send")).to_have_css("border-radius", "999px")
    # The page's own <style> is refused, as the policy says; nothing of ours is.
    assert [text for text in violations if "chatkit.js" in text] == []
