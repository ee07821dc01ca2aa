"""The composer, menus, structured inputs and client tools."""

from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat, numbers
from tests.e2e.element.servers import Server
from tests.e2e.element.test_accessibility import axe

TOOLS = [
    {
        "id": "search",
        "label": "Search the web",
        "shortLabel": "Search",
        "icon": "globe",
        "placeholderOverride": "Search for…",
    },
    {"id": "draw", "label": "Draw", "icon": "square-image", "persistent": True},
    {"id": "pin", "label": "Pinned", "icon": "map-pin", "pinned": True},
]
MODELS = [
    {"id": "big", "label": "Big", "description": "Thinks longer"},
    {"id": "small", "label": "Small", "default": True},
    {"id": "off", "label": "Off", "disabled": True},
]


def last_input(server: Server) -> dict:
    return server.requests()[-1]["params"]["input"]


def height_of(chat: Chat) -> float:
    return chat.composer.evaluate("element => element.offsetHeight")


def test_enter_sends_and_shift_enter_makes_a_line(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    height = height_of(chat)
    chat.composer.press_sequentially("say one")
    chat.composer.press("Shift+Enter")
    chat.composer.press_sequentially("two")
    expect(chat.composer).to_have_value("say one\ntwo")
    assert height_of(chat) > height
    chat.composer.press("Enter")
    expect(chat.composer).to_have_value("")
    assert height_of(chat) == height
    expect(chat.bubbles.last).to_have_text("say one\ntwo")


def test_the_composer_grows_to_a_limit(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.composer.fill("\n".join(str(number) for number in range(80)))
    page.wait_for_timeout(100)
    assert height_of(chat) <= 221


def test_enter_that_ends_a_composition_does_not_send(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.composer.fill("にほん")
    for init in ("{key: 'Enter', isComposing: true}", "{key: 'Enter', keyCode: 229}"):
        chat.composer.evaluate(
            f"e => e.dispatchEvent(new KeyboardEvent('keydown', {{bubbles: true, cancelable: true, ...{init}}}))"
        )
    session = page.context.new_cdp_session(page)
    chat.composer.focus()
    session.send("Input.imeSetComposition", {"text": "日本", "selectionStart": 2, "selectionEnd": 2})
    chat.composer.evaluate(
        "e => e.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true}))"
    )
    expect(chat.composer).to_have_value("にほん日本")
    expect(chat.bubbles).to_have_count(0)


def test_nothing_is_sent_when_there_is_nothing_to_send(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    expect(chat.root.get_by_role("button", name="Send")).to_be_disabled()
    chat.send("   \n ")
    expect(chat.bubbles).to_have_count(0)


def test_drafts_are_kept_for_each_thread_and_over_a_refresh(stock: Server, page: Page, chat: Chat) -> None:
    first = stock.control("seed", items=2)["thread_id"]
    second = stock.control("seed", items=2)["thread_id"]
    page.goto(stock.url(options={"initialThread": first}))
    expect(chat.bubbles).to_have_count(1)
    chat.composer.fill("draft of the first")
    page.evaluate("id => chat.setThreadId(id)", second)
    expect(chat.composer).to_have_value("")
    chat.composer.fill("draft of the second")
    page.evaluate("id => chat.setThreadId(id)", first)
    expect(chat.composer).to_have_value("draft of the first")
    page.reload()
    expect(chat.composer).to_have_value("draft of the first")
    page.evaluate("chat.setThreadId(null)")
    expect(chat.composer).to_have_value("")


def test_tools_are_chosen_sent_and_cleared_unless_persistent(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url(options={"composer": {"tools": TOOLS}}))
    chat.root.get_by_role("button", name="Choose a tool").click()
    menu = chat.root.get_by_role("menu")
    expect(menu.get_by_role("menuitemradio")).to_have_count(2)
    expect(menu.get_by_role("menuitemradio").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(menu.get_by_role("menuitemradio", name="Draw")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(menu).to_have_count(0)
    expect(chat.composer).to_have_attribute("placeholder", "Search for…")
    expect(chat.root.get_by_role("button", name="Stop using Search the web")).to_be_visible()
    chat.ask("say one")
    assert last_input(server)["inference_options"] == {"tool_choice": {"id": "search"}}
    expect(chat.root.get_by_role("button", name="Stop using Search the web")).to_have_count(0)
    chat.root.get_by_role("button", name="Choose a tool").click()
    chat.root.get_by_role("menuitemradio", name="Draw").click()
    chat.ask("say two")
    assert last_input(server)["inference_options"] == {"tool_choice": {"id": "draw"}}
    chat.root.get_by_role("button", name="Stop using Draw").click()
    pinned = chat.root.get_by_role("button", name="Pinned")
    pinned.click()
    expect(pinned).to_have_attribute("aria-pressed", "true")
    pinned.click()
    assert [event["toolId"] for event in chat.events("tool.change")] == ["search", None, "draw", None, "pin", None]


def test_a_model_is_chosen(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url(options={"composer": {"models": MODELS, "placeholder": "Ask Natter"}}))
    expect(chat.composer).to_have_attribute("placeholder", "Ask Natter")
    chat.ask("say one")
    assert last_input(server)["inference_options"] == {"model": "small"}
    button = chat.root.get_by_role("button", name="Choose a model: Small")
    button.click()
    expect(chat.root.get_by_role("menuitemradio", name="Off")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(chat.root.get_by_role("menu")).to_have_count(0)
    expect(button).to_be_focused()
    button.click()
    chat.root.get_by_role("menuitemradio", name="Big").click()
    chat.ask("say two")
    assert last_input(server)["inference_options"] == {"model": "big"}


def test_a_message_during_an_answer_waits_visibly_and_can_be_taken_back(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.send("count to 300")  # long enough for two messages to be typed on a busy machine
    expect(chat.answers.last).to_contain_text("2 3")
    chat.send("say second")
    chat.send("say third")
    waiting = chat.root.locator('[data-status="queued"]')
    expect(waiting).to_have_count(2)
    expect(waiting.first).to_contain_text("Queued")
    waiting.nth(1).get_by_role("button", name="Discard").click()
    expect(waiting).to_have_count(1)
    chat.answer_is("second", timeout=30_000)
    expect(chat.bubbles).to_have_text(["count to 300", "say second"])
    assert chat.count("response.start") == chat.count("response.end") == 2


def test_stop_makes_way_for_the_message_that_waits(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    chat.send("count to 400")
    expect(chat.answers.last).to_contain_text("2 3")
    chat.send("count to 60")
    expect(chat.root.locator('[data-status="queued"]')).to_have_count(1)
    chat.stop_button.click()
    expect(chat.bubbles).to_have_text(["count to 400", "count to 60"])
    expect(chat.answers.nth(1)).to_contain_text("5 6")
    expect(chat.stop_button).to_be_visible()
    chat.answer_is(numbers(60))
    expect(chat.stop_button).to_have_count(0)
    assert chat.count("response.start") == chat.count("response.end") == 2


def test_a_message_while_offline_waits_and_is_sent_when_the_connection_is_back(
    server: Server, page: Page, chat: Chat
) -> None:
    page.goto(server.url())
    chat.ask("say online")
    page.context.set_offline(True)
    chat.send("say offline")
    expect(chat.root.get_by_text("You are offline.")).to_be_visible()
    expect(chat.root.locator('[data-status="queued"]')).to_contain_text("Waiting for the connection")
    page.context.set_offline(False)
    chat.answer_is("offline")
    expect(chat.bubbles).to_have_text(["say online", "say offline"])


def test_what_was_not_sent_before_a_refresh_waits_for_a_decision(server: Server, page: Page, chat: Chat) -> None:
    thread_id = server.control("seed", items=2)["thread_id"]
    page.goto(server.url(options={"initialThread": thread_id}))
    expect(chat.bubbles).to_have_count(1)
    server.control("fail_next", values=[422])
    chat.send("say unsent")
    expect(chat.root.locator('[data-status="failed"]')).to_be_visible()
    page.reload()
    left = chat.root.locator('[data-status="restored"]')
    expect(left).to_contain_text("Not confirmed before the page was reloaded")
    left.get_by_role("button", name="Send").click()
    chat.answer_is("unsent")
    page.reload()
    expect(chat.bubbles).to_have_text(["Question 0", "say unsent"])


PEOPLE = """{
    showComposerMenu: true,
    people: [{id: 'p1', title: 'Ada Lovelace', group: 'People', icon: 'user', interactive: true,
              data: {team: 'engines'}},
             {id: 'p2', title: 'Adam', interactive: false}],
    async onTagSearch(query) { return this.people.filter(({title}) => title.toLowerCase().includes(query)) },
    onClick(entity) { window.clicked = [entity.id, entity.data] },
    async onRequestPreview(entity) {
        window.previewed = (window.previewed ?? 0) + 1;
        const children = [{type: 'Title', value: entity.title}, {type: 'Text', value: 'Writes programs'},
                          {type: 'Button', label: 'Call', onClickAction: {type: 'call'}}];
        return {preview: {type: 'Basic', children}};
    },
}"""


COMMANDS = """{
    enabled: true,
    async onSearch(query) {
        return [{id: 'find', label: 'Find a gift', description: 'For somebody'}, {id: 'more', label: 'More…'}]
            .filter(({label}) => label.toLowerCase().includes(query));
    },
    async onSelect({id}) {
        if (id === 'more') return {type: 'menu', commands: [{id: 'clear', label: 'Clear'}]};
        if (id === 'clear') { window.cleared = true; return; }
        return {type: 'entity', entity: {id: 'prompt-1', title: 'Find a gift'}};
    },
}"""


def test_commands_of_the_page_are_found_and_run_from_the_composer(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    page.evaluate("chat.setOptions({api: {url: '/chatkit', domainKey: 'x'}, commands: " + COMMANDS + "})")
    chat.composer.press_sequentially("/")
    found = chat.root.get_by_role("listbox", name="Commands").get_by_role("option")
    expect(found).to_have_text(["Find a giftFor somebody", "More…"])
    assert axe(page) == []
    found.nth(1).click()
    expect(found).to_have_text(["Clear"])
    chat.composer.press("Enter")
    expect(found).to_have_count(0)
    expect(chat.composer).to_have_value("")
    assert page.evaluate("window.cleared") is True
    chat.composer.press_sequentially("/gift")
    expect(found).to_have_count(1)
    chat.composer.press("Enter")
    expect(chat.composer).to_have_value("@Find a gift ")
    chat.composer.press_sequentially("say for Ada")
    chat.composer.press("Enter")
    expect(chat.bubbles).to_have_count(1)
    content = stock.requests()[-1]["params"]["input"]["content"]
    assert [part.get("id") for part in content] == ["prompt-1", None]
    assert content[1] == {"type": "input_text", "text": " say for Ada"}


def test_what_the_page_knows_is_mentioned_looked_at_and_clicked(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    page.evaluate("chat.setOptions({api: {url: '/chatkit', domainKey: 'x'}, entities: " + PEOPLE + "})")
    chat.composer.press_sequentially("say hello to @ad")
    found = chat.root.get_by_role("listbox", name="Mention").get_by_role("option")
    expect(found).to_have_count(2)
    chat.composer.press("ArrowDown")
    expect(found.nth(1)).to_have_attribute("aria-selected", "true")
    expect(chat.composer).to_have_attribute("aria-activedescendant", "mentions-1")
    assert axe(page) == []
    chat.composer.press("ArrowUp")
    chat.composer.press("Enter")
    expect(chat.composer).to_have_value("say hello to @Ada Lovelace ")
    chat.composer.press_sequentially("now @adam")
    expect(found).to_have_count(1)
    chat.composer.press("Escape")  # the list goes, and what was typed stays text
    chat.composer.press("Enter")
    chat.answer_is("hello to Ada Lovelace now @adam")
    content = stock.requests()[-1]["params"]["input"]["content"]
    assert content == [
        {"type": "input_text", "text": "say hello to "},
        {
            "type": "input_tag",
            "id": "p1",
            "text": "Ada Lovelace",
            "group": "People",
            "interactive": True,
            "data": {"team": "engines"},
        },
        {"type": "input_text", "text": " now @adam"},
    ]
    tag = chat.bubbles.last.get_by_role("button", name="Ada Lovelace")
    tag.hover()
    card = chat.root.get_by_role("tooltip")
    expect(card).to_have_text("Ada LovelaceWrites programs")  # no button: the card goes with the pointer
    expect(tag).to_have_attribute("aria-describedby", str(card.get_attribute("id")))
    chat.composer.hover()
    expect(card).to_have_count(0)
    tag.focus()
    expect(card).to_be_visible()
    assert page.evaluate("window.previewed") == 1  # it is asked for once
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    tag.click()
    assert page.evaluate("window.clicked") == ["p1", {"team": "engines"}]
    chat.root.get_by_role("button", name="Mention").click()
    expect(found).to_have_count(2)
    found.nth(1).click()
    expect(chat.composer).to_have_value("@Adam ")
    expect(chat.composer).to_be_focused()
