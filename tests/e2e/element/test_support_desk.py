"""The support desk in a browser: what an assistant shows and asks, by Natter, for our page and for React's."""

from collections.abc import Iterator

import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up
from playwright.sync_api import Page, expect

from tests.e2e.element import servers
from tests.e2e.element.chat import Chat
from tests.e2e.element.servers import Person

pytestmark = [pytest.mark.whole_path, pytest.mark.thorough]
PAGE = """{
    api: {url: window.api, domainKey: 'x'},
    composer: {tools: [{id: 'order_status', label: 'Look up an order', icon: 'search'}]},
    entities: {
        async onTagSearch() { return [{id: '1003', title: 'Tray', interactive: true}] },
        async onRequestPreview() {
            const button = {type: 'Button', label: 'Order it', onClickAction: {type: 'buy'}};
            return {preview: {type: 'Basic', children: [{type: 'Text', value: 'A tray'}, button]}};
        },
    },
    async onClientTool({name, params}) { window.located = [name, params]; return {city: 'Bern'} },
}"""

NOTES_PROGRESS = """
    window.passing = new Set();
    const note = () => window.passing.add(chat.shadowRoot.querySelector('.progress')?.textContent);
    new MutationObserver(note).observe(chat.shadowRoot, {subtree: true, childList: true, characterData: true});
"""
"""What the line says that goes with the next item: too quickly for a test that looks now and then."""


@pytest.fixture(scope="module")
def natter_stack(built: None) -> Iterator[tuple[RunningNatter, str]]:
    """A Natter whose assistant is the support desk, which its own rules answer for."""
    process = servers.start_server("natter_front")
    try:
        origin = servers.origin_of(process)
        with temporary_directory() as directory:
            environment = {"SUPPORT_REFUNDS_FILE": str(directory / "refunds.sqlite")}
            arguments = (*WITHOUT_WEB, "--assistant", "support=natter_support:assistant")
            with natter_up(directory / "data", *arguments, environment=environment) as running:
                addresses = {"edge_url": running.edge_url, "relay_url": running.relay_url}
                servers.control(origin, "attach", **addresses, database_url=running.state.database_url)
                yield running, origin
    finally:
        servers.stop_server(process)


def open_desk(natter: Person, chat: Chat, **options: object) -> None:
    chat.page.goto(natter.durable_url(dict(options)))
    chat.page.evaluate(f"window.api = {natter.durable_chatkit!r}; chat.setOptions({{...{PAGE}, ...{options or '{}'}}})")


@pytest.mark.parametrize(("version", "order_id"), [("18", "1001"), ("19", "1002")])
def test_the_unmodified_react_wrapper_gets_a_run_that_waits(
    natter: Person, page: Page, chat: Chat, version: str, order_id: str
) -> None:
    """For React 18 without any of our attributes: all of it is in ChatKit's own requests and streams."""
    attributes = natter.attributes if version == "19" else {}
    page.goto(natter._address("react.html", natter.chatkit, None, attributes, {"version": version}))
    page.wait_for_function("window.chat && window.events.some(e => e.name === 'ready')")
    assert page.evaluate("window.reactVersion").startswith(f"{version}.")
    page.evaluate(f"window.chat.sendUserMessage({{text: 'Please refund order {order_id}.'}})")
    form = chat.root.get_by_role("form", name="Questions")
    expect(form).to_contain_text("Allow “Refund order”?")
    page.wait_for_function("window.events.some(e => e.name === 'response.end')")
    form.get_by_role("button", name="Approve", exact=True).click()
    expect(chat.answers.last).to_contain_text(f"for order {order_id} go back")
    page.evaluate("window.chat.sendUserMessage({text: 'I pick up order 1002.'})")
    expect(chat.answers.last).to_contain_text("Order 1002 waits for you at our shop at the station.")
    expect(chat.root.locator(".w-text").last).to_have_text("It is brought to our shop at the station tomorrow.")
    page.evaluate("window.chat.sendUserMessage({text: 'Where is order 1002?'})")
    expect(chat.answers.last).to_contain_text("on its way")
    assert {"name": "order_shown", "data": {"order_id": "1002"}} in chat.events("effect")
    assert chat.events("error") == []
    page.wait_for_function(
        "(n => n('start') === n('end'))(w => window.events.filter(e => e.name === `response.${w}`).length)"
    )


def test_what_the_desk_shows_is_seen_in_every_tab_and_can_be_worked_with(
    natter: Person, page: Page, chat: Chat, second: Chat
) -> None:
    open_desk(natter, chat)
    page.evaluate(NOTES_PROGRESS)
    chat.send("Where is order 1002?")
    expect(chat.answers.last).to_contain_text("on its way")
    assert "Looking into our books" in page.evaluate("[...window.passing]")
    assert chat.events("effect") == [{"name": "order_shown", "data": {"order_id": "1002"}}]
    open_desk(natter, second, initialThread=chat.thread_id())
    cards = [tab.root.locator(".w-message").first for tab in (chat, second)]

    # An action that changes its card while one looks on, and Stop in the middle of it.
    cards[0].get_by_role("button", name="Follow the parcel").click()
    for card in cards:
        expect(card).to_contain_text("Your parcel leaves our house.")
    second.stop_button.click()
    expect(chat.stop_button).to_have_count(0)
    for card in cards:
        expect(card.get_by_role("button", name="Follow the parcel")).to_be_enabled()
        expect(card).not_to_contain_text("is at your door")

    # One that its page waits for, and a form.
    cards[1].get_by_role("button", name="Send a receipt").click()
    for card in cards:
        expect(card).to_contain_text("The receipt is on its way to you.")
    cards[0].get_by_placeholder("A note for the driver").fill("Second floor")
    cards[0].get_by_role("button", name="Leave the note").click()
    for tab, card in zip((chat, second), cards, strict=True):
        expect(card).to_contain_text("For the driver: Second floor")
        expect(tab.answers.last).to_contain_text("We tell the driver: Second floor")

    # A mention, whose card is only looked at; and a chart.
    chat.composer.press_sequentially("Where is @tr")
    chat.root.get_by_role("option", name="Tray").click()
    chat.composer.press("Enter")
    expect(chat.answers.last).to_contain_text("Order 1003: a tray")
    chat.bubbles.last.get_by_role("button", name="Tray").hover()
    expect(chat.root.get_by_role("tooltip")).to_have_text("A tray")
    chat.send("What have I spent?")
    expect(chat.root.locator(".w-message svg").last).to_be_visible()

    # Locked: no message can be written in any tab.
    cards[0].get_by_role("button", name="All is well, thanks").click()
    for tab in (chat, second):
        expect(tab.root.get_by_text("This case is closed. Begin a new one whenever you need us.")).to_be_visible()
        expect(tab.composer).to_have_count(0)
    assert chat.events("error") == second.events("error") == []


def test_what_the_desk_asks_waits_in_every_tab_and_in_the_history(
    natter: Person, page: Page, chat: Chat, second: Chat
) -> None:
    open_desk(natter, chat)
    chat.send("Please keep a teapot for me.")
    form = chat.root.get_by_role("form", name="Questions")
    expect(form).to_contain_text("Allow “Hold (The shelf)”?")
    open_desk(natter, second, initialThread=chat.thread_id())
    page.evaluate("chat.showHistory()")
    expect(chat.root.get_by_role("dialog", name="History").locator(".waits")).to_have_text("Waits for you")
    page.evaluate("chat.hideHistory()")
    second.root.get_by_role("button", name="Approve always in this conversation").click()
    expect(form).to_contain_text("Which teapot shall we keep for you?")  # the server's own question
    form.get_by_role("radio", name="green").check()
    form.get_by_role("button", name="Submit").click()
    for tab in (chat, second):
        expect(tab.answers.last).to_contain_text("We keep a green teapot for you.")

    chat.send("Please send order 1003 again.")
    expect(chat.root.get_by_text("The first parcel may still come.")).to_be_visible()
    expect(chat.root.locator("img.generated-image")).to_be_visible()
    form.get_by_role("radio", name="By courier").check()
    form.get_by_role("textbox", name="For whom?").fill("Ada")
    form.get_by_role("button", name="Submit").click()
    expect(chat.answers.last).to_contain_text("We send a tray again to Ada, by courier.")

    chat.send("I pick up order 1001.")
    expect(chat.answers.last).to_contain_text("waits for you at our shop at the clock tower.")
    assert page.evaluate("window.located") == ["get_location", {"order_id": "1001"}]
    for tab in (chat, second):
        expect(tab.root.locator(".w-text").last).to_have_text("It is brought to our shop at the clock tower tomorrow.")
    second.page.reload()
    expect(second.root.locator(".w-text").last).to_have_text("It is brought to our shop at the clock tower tomorrow.")
