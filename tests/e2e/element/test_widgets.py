"""Widgets: what is shown of them, what people do in them, and that nothing that a model writes into one does harm."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.element import gallery
from tests.e2e.element.chat import Chat
from tests.e2e.element.corpus import CORPUS
from tests.e2e.element.record import WIDGET_PROPERTIES
from tests.e2e.element.servers import Server
from tests.e2e.element.test_accessibility import FOCUSED_NAME, axe
from tests.e2e.element.test_safety import assert_harmless

DIFFERENT_SHARE_MAX = 0.01
"""Of a picture's pixels, after both were made smaller."""
LOOKED_AT = {"en-light-390", "en-dark-1280", "ar-light-390"}
"""In every run; `make test-thorough` looks at the others as well."""


def payload_of(stock: Server) -> Any:
    """Of the last action that the server was sent."""
    sent = [request["params"] for request in stock.requests() if "custom_action" in request["type"]]
    return sent[-1]["action"].get("payload")


def test_a_form_sends_the_value_of_every_field(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("gallery Form: every field")
    form = chat.root.locator(".w-root form")
    form.get_by_role("button", name="Send").click()
    expect(form.get_by_label("Name", exact=True)).to_be_focused()  # it is required, so nothing was sent
    form.get_by_label("Name", exact=True).fill("Grace")
    form.get_by_label("E-mail").fill("grace@example.com")
    form.get_by_label("What is it about?").select_option("idea")
    form.get_by_label("Until when?").fill("2026-12-31")
    form.get_by_label("It can wait").focus()
    page.keyboard.press("ArrowRight")  # the arrow keys choose, as in every radio group
    form.get_by_label("Details").fill("It compiles.")
    form.get_by_label("Send me a copy").uncheck()
    form.get_by_role("button", name="Send").click()
    expect(chat.answers.last).to_contain_text("Action support.send")
    assert payload_of(stock) == {
        "source": "gallery",
        "name": "Grace",
        "contact": {"email": "grace@example.com"},
        "topic": "idea",
        "due": "2026-12-31",
        "urgency": "high",
        "details": "It compiles.",
        "copy": False,
    }
    expect(form.get_by_label("Name", exact=True)).to_have_value("Grace")
    # A button of the form that is no submit button sends the fields as well, whatever they hold.
    form.get_by_label("What is it about?").locator("..").get_by_role("button", name="Clear").click()
    form.get_by_role("button", name="Clear").last.click()
    expect(chat.answers.last).to_contain_text("Action support.clear")
    assert payload_of(stock)["topic"] is None


def test_a_card_is_a_form_whose_text_can_be_edited(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("gallery Card as a form, editable text")
    subject = chat.root.get_by_role("textbox", name="subject")
    subject.fill("")
    chat.root.get_by_role("button", name="Send", exact=True).first.click()
    expect(subject).to_be_focused()
    subject.fill("Minutes")
    subject.press("Enter")
    expect(chat.answers.last).to_contain_text("Action mail.send")
    assert payload_of(stock) == {"subject": "Minutes", "body": "Hello everyone,\n\nhere is what we agreed on."}


def test_a_field_without_a_form_tells_its_own_value(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    box = {
        "type": "Checkbox",
        "name": "todo.done",
        "label": "Milk",
        "onChangeAction": {"type": "tick", "payload": {"id": 7}},
    }
    taken = {
        "type": "Checkbox",
        "name": "id",
        "label": "Taken",
        "onChangeAction": {"type": "tick", "payload": {"id": 7}},
    }
    chat.ask("widget " + json.dumps({"type": "Card", "children": [box, taken]}))
    chat.root.get_by_label("Milk").check()
    expect(chat.answers.last).to_contain_text("Action tick")
    assert payload_of(stock) == {"id": 7, "todo": {"done": True}}
    # What the payload has already is kept, and that is said.
    chat.root.get_by_label("Taken").check()
    page.wait_for_function("window.events.some(e => e.name === 'error')")
    assert 'has no room for the field "id"' in chat.events("error")[0]["error"]


def test_a_widget_is_written_while_one_looks(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.send("write a widget")
    expect(chat.root.locator(".w-card .w-caret")).to_be_attached()
    expect(chat.root.locator(".w-message")).to_have_attribute("aria-busy", "true")
    expect(chat.root.locator(".w-text")).to_have_text("Dear Ada, the engine runs.")
    expect(chat.root.locator(".w-caret")).to_have_count(0)
    expect(chat.root.locator(".w-message")).not_to_have_attribute("aria-busy", "true")


def test_the_rest_of_a_list_is_shown_on_demand(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("gallery ListView: show more")
    rows = chat.root.locator(".w-list li")
    expect(rows).to_have_count(3)
    chat.root.get_by_role("button", name="Show 2 more").press("Enter")
    expect(rows).to_have_count(5)
    expect(rows.nth(3)).to_be_focused()  # whoever uses the keyboard is at what is new
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('openai-chatkit').shadowRoot.activeElement.className") == "w-cover"
    chat.root.get_by_role("button", name="Grace").click()
    expect(chat.answers.last).to_contain_text('Action person.open {"name": "Grace"}')


def test_a_widget_shows_that_its_action_is_under_way(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("buttons")
    slow = chat.root.get_by_role("button", name="Slow", exact=True)
    slow.press("Enter")
    busy = chat.root.locator(".w-button.busy")
    expect(busy).to_have_attribute("aria-busy", "true")
    assert "Slow" in page.evaluate(FOCUSED_NAME)
    page.keyboard.press("Enter")  # does nothing while it is under way
    expect(busy).to_have_count(0)
    assert sum("custom_action" in request["type"] for request in stock.requests()) == 1
    everything = chat.root.get_by_role("button", name="Slow all")
    everything.press("Enter")
    expect(chat.root.locator(".w-root.locked")).to_have_attribute("inert", "")
    expect(chat.root.locator(".w-root.locked")).to_have_count(0)
    expect(everything).to_be_focused()
    assert payload_of(stock) == {"all": True}


def test_the_page_and_a_server_that_answers_at_once_handle_actions(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    page.evaluate(
        "chat.setOptions({api: {url: '/chatkit', domainKey: 'x'}, widgets: {onAction: async (action, item) => {"
        " window.acted = [action, item.widget.type, typeof item.id] }}})"
    )
    chat.ask("buttons")
    chat.root.get_by_role("button", name="Here").click()
    page.wait_for_function("window.acted")
    assert page.evaluate("window.acted") == [{"type": "here", "payload": {"place": "page"}}, "Card", "string"]
    chat.root.get_by_role("button", name="At once").click()
    expect(chat.root.locator(".w-text")).to_have_text("Done at once.")
    expect(chat.root.get_by_role("button", name="At once")).to_be_focused()  # the rest of the widget is the same


def test_what_is_not_known_in_a_widget_is_shown_as_what_is_in_it(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    hostile: list[Any] = [
        {"type": "Hologram", "children": [{"type": "Text", "value": "inside"}]},
        {"type": "Sparkline", "label": "a label"},
        {"type": "constructor", "value": "a text"},
        "bare text",
        None,
        7,
        [[]],
        {"children": {"type": "Text", "value": "one child"}},
        {"type": "Chart", "data": "none", "series": {"type": "bar"}, "xAxis": []},
        {"type": "Select", "name": "x", "options": [None, 3, {"label": 5}]},
        {"type": "Table", "children": ["x"]},
    ]
    gallery.open_thread(
        page, stock.origin, gallery.widget_items([{"type": "Card", "children": hostile}, {}, {"type": "Card"}])
    )
    card = chat.root.locator(".w-card").first
    for text in ("inside", "a label", "a text", "bare text", "one child"):
        expect(card.get_by_text(text, exact=True)).to_be_visible()
    assert chat.events("error") == []


PROPERTIES: dict[str, list[str]] = json.loads(WIDGET_PROPERTIES.read_text(encoding="utf-8"))
"""Of every component that the SDK has."""


def hostile_widget(text: str) -> dict[str, Any]:
    """A text in every field of every component, and in what CSS makes of some of them."""
    styles = (
        f"{text}",
        f"url({text})",
        f"red; background: url({text})",
        f"var(--x, url({text}))",
        "expression(alert(1))",
    )
    of_lists = {
        "options": [{"value": text, "label": text, "description": text}],
        "data": [{text: text, "x": 1}],
        "series": [{"type": "bar", "dataKey": text, "label": text, "color": text}],
        "xAxis": {"dataKey": text, "labels": {text: text}},
        "status": {"text": text, "icon": text, "favicon": text},
        "confirm": {"label": text, "action": {"type": text}},
        "onClickAction": {"type": text, "payload": {text: text}},
        "editable": {"name": text, "placeholder": text, "pattern": text},
    }
    components = [
        {
            **dict.fromkeys([name for name in names if name not in {"type", "children"}], text),
            **{name: value for name, value in of_lists.items() if name in names},
            **{name: styles[index % len(styles)] for name in ("background", "color", "border") if name in names},
            "type": component,
        }
        for index, (component, names) in enumerate(PROPERTIES.items())
    ]
    cell = {"type": "Table.Cell", "width": text, "align": text, "colSize": text, "children": [text]}
    table = {"type": "Table", "children": [{"type": "Table.Row", "header": text, "children": [cell]}]}
    return {"type": "Basic", "children": [*components, table]}


def test_nothing_of_the_corpus_runs_or_loads_in_a_widget(stock: Server, page: Page, chat: Chat) -> None:
    page.add_init_script("window.pwned = 0; window.alert = window.open = () => { window.pwned = 1 }")
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    gallery.open_thread(page, stock.origin, gallery.widget_items([hostile_widget(text) for text in CORPUS]))
    for button in chat.root.locator(".w-more").all():
        button.evaluate("element => element.click()")
    assert_harmless(page, chat, stock.origin, requested)
    styles = chat.root.evaluate("""element => [...element.shadowRoot.querySelectorAll('[style]')]
        .map(node => node.getAttribute('style')).filter(style => /url|var\\(--x|expression|javascript/i.test(style))""")
    assert styles == []


def test_a_widget_cannot_cover_what_is_around_it(stock: Server, page: Page, chat: Chat) -> None:
    huge = {
        "type": "Box",
        "width": "9999px",
        "height": 300,
        "margin": {"left": -500, "top": "-400px"},
        "background": "red",
    }
    gallery.open_thread(page, stock.origin, gallery.widget_items([{"type": "Basic", "children": [huge]}]))
    box, log = chat.root.locator(".w-basic > .w-box").bounding_box(), chat.root.locator(".w-root").bounding_box()
    assert box is not None
    assert log is not None
    assert box["y"] >= log["y"]
    assert box["x"] >= log["x"]
    assert box["width"] <= log["width"]


def test_a_chart_is_loaded_when_it_is_shown_and_walked_through_with_the_keyboard(
    stock: Server, page: Page, chat: Chat
) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(stock.url())
    chat.ask("gallery Table")
    assert not any("chatkit-chart" in url for url in requested)
    chat.ask("gallery Chart: bars")
    expect(chat.root.locator(".w-plot .bar")).to_have_count(12)
    assert sum("chatkit-chart.js?v=" in url for url in requested) == 1
    plot = chat.root.get_by_role("group", name="Chart: Open, Done")
    plot.press("ArrowRight")
    plot.press("ArrowRight")
    expect(chat.root.locator(".w-tooltip")).to_have_text("FebOpen 18Done 15")
    plot.press("Escape")
    expect(chat.root.locator(".w-tooltip")).to_have_count(0)
    expect(chat.root.get_by_role("table", name="Chart: Open, Done")).to_contain_text("Feb")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_gallery(stock: Server, page: Page, chat: Chat, theme: str) -> None:
    items = gallery.widget_items([entry["widget"] for entry in gallery.WIDGETS])
    gallery.open_thread(page, stock.origin, items, {"theme": theme})
    expect(chat.root.locator(".w-plot svg")).to_have_count(2)
    assert axe(page) == []


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(view, id=view.name, marks=() if view.name in LOOKED_AT else pytest.mark.thorough)
        for view in gallery.VIEWS
    ],
)
def test_the_gallery_looks_as_in_the_pictures(stock: Server, browser: Browser, view: gallery.View) -> None:
    context, png = gallery.look(browser, stock.origin, view)
    found = gallery.difference(context.pages[0], png, view.name)
    context.close()
    assert found["now"] == found["kept"], "another size"
    assert found["share"] <= DIFFERENT_SHARE_MAX, found
