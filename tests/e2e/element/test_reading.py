"""What is read reads well: wide tables, long lines of code, formulas, two directions of writing in one list."""

from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.servers import Server

TABLE = (
    "| " + " | ".join(f"column{n}" for n in range(14)) + " |\n" + "|---" * 14 + "|\n" + "| uninterrupted " * 14 + "|"
)
LONG_LINE = "x = " + " + ".join(f"value_{n}" for n in range(60))


def test_a_wide_table_scrolls_sideways_and_breaks_no_word(stock: Server, page: Page, chat: Chat) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(stock.url())
    chat.ask(f"say {TABLE}")
    scroller = chat.answers.last.locator(".table-scroll")
    assert scroller.evaluate("e => e.scrollWidth > e.clientWidth + 200")
    cell = chat.answers.last.locator("td").first
    one_line = cell.evaluate("e => parseFloat(getComputedStyle(e).lineHeight)")
    assert cell.evaluate("e => e.clientHeight - 12") < one_line * 1.5
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_code_says_its_language_and_wraps_where_that_is_wished(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask(f"say ```python\n{LONG_LINE}\n```")
    block = chat.answers.last.locator(".code-block")
    expect(block.locator(".language")).to_have_text("python")
    expect(block.locator(".hljs-number, .hljs-keyword, .hljs-string, code").first).to_be_visible()
    pre = block.locator("pre")
    assert pre.evaluate("e => e.scrollWidth > e.clientWidth")
    wrap = block.get_by_role("button", name="Wrap lines")
    expect(wrap).to_have_attribute("aria-pressed", "false")
    wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "true")
    assert pre.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_code_is_coloured_while_it_streams(stock: Server, page: Page, chat: Chat) -> None:
    stock.control("delay", seconds=0.02)
    page.goto(stock.url())
    lines = "\n".join(f"def f{n}(): return {n}" for n in range(60))
    chat.send(f"say ```python\n{lines}\n```")
    expect(chat.answers.last.locator("pre .hljs-keyword").first).to_have_text("def")
    expect(chat.stop_button).to_be_visible()  # it is being written still
    chat.stop_button.click()


def test_a_diagram_is_left_as_its_code(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("say ```mermaid\ngraph TD; A-->B\n```")
    block = chat.answers.last.locator(".code-block")
    expect(block.locator(".language")).to_have_text("mermaid")
    expect(block.locator("code")).to_have_text("graph TD; A-->B")


def test_formulas_are_set_by_a_module_that_is_loaded_with_the_first_of_them(
    stock: Server, page: Page, chat: Chat
) -> None:
    asked_for: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url) if "chatkit-math" in request.url else None)
    page.goto(stock.url())
    chat.ask("say It costs $5, and then $6 more.")
    assert asked_for == []
    chat.ask("say Inline $e^{i\\pi}$ and apart:\n\n$$\\frac{1}{2}$$")
    formulas = chat.answers.last.locator("math")
    expect(formulas).to_have_count(2)
    expect(chat.answers.last.locator("math[display=block] mfrac")).to_have_count(1)
    chat.ask("say And $x^2$ again.")
    expect(chat.answers.last.locator("math msup")).to_have_count(1)
    assert len(asked_for) == 1


def test_an_answer_stands_close_to_its_question(stock: Server, page: Page, chat: Chat) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(stock.url())
    chat.ask("say hello")
    gap = chat.root.evaluate(
        """element => {
            const box = selector => element.shadowRoot.querySelector(selector).getBoundingClientRect();
            return box('.message.assistant .answer').top - box('.bubble').bottom;
        }"""
    )
    assert 8 <= gap <= 40, gap


def test_an_arabic_item_keeps_its_place_in_an_english_list(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("say The words:\n\n- water\n- الماء مهم جدا\n- bread")
    items = chat.answers.last.locator("li")
    expect(items).to_have_count(3)
    column = chat.answers.last.bounding_box()
    assert column is not None
    for item in items.all():
        assert item.evaluate("e => getComputedStyle(e).direction") == "ltr"  # so its bullet stands with the others
        box = item.bounding_box()
        assert box is not None
        # The bullet is left of its item, and right of where the column begins.
        assert column["x"] + 12 <= box["x"] < column["x"] + 60
    arabic = items.nth(1).locator("[dir=auto]").first
    assert arabic.evaluate("e => getComputedStyle(e).direction") == "rtl"


def test_question_and_answer_stand_on_the_edges_of_one_column(stock: Server, page: Page, chat: Chat) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(stock.url())
    chat.ask("say hello")
    edges = chat.root.evaluate(
        """element => {
            const left = selector => element.shadowRoot.querySelector(selector).getBoundingClientRect().left;
            return [left('.message.assistant .answer'), left('.message.assistant .actions .icon'), left('.composer')];
        }"""
    )
    assert max(edges) - min(edges) <= 4, edges
