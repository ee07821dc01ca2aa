"""The list of threads, and threads longer than a page."""

from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.servers import Server

SHIFT_MAX = 0.01


def open_history(chat: Chat) -> None:
    chat.root.get_by_role("button", name="History", exact=True).click()


def test_history_is_paged_and_a_thread_is_opened(server: Server, page: Page, chat: Chat) -> None:
    server.control("threads", count=70)
    page.goto(server.url())
    open_history(chat)
    panel = chat.root.get_by_role("dialog", name="History")
    rows = panel.get_by_role("listitem")
    expect(rows).to_have_count(30)
    panel.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(60)
    rows.nth(1).locator(".thread-button").click()
    expect(panel).to_have_count(0)
    expect(chat.root.get_by_role("heading", name="Thread 68")).to_be_visible()
    expect(chat.bubbles).to_have_text(["Question 0"])
    thread_id = chat.events("thread.change")[-1]["threadId"]
    assert chat.events("thread.load.start") == chat.events("thread.load.end") == [{"threadId": thread_id}]


def test_a_thread_is_renamed_and_deleted(server: Server, page: Page, chat: Chat) -> None:
    thread_id = server.control("seed", items=2, title="Old name")["thread_id"]
    page.goto(server.url(options={"initialThread": thread_id}))
    expect(chat.root.get_by_role("heading", name="Old name")).to_be_visible()
    open_history(chat)
    chat.root.get_by_role("button", name="Rename “Old name”").click()
    field = chat.root.get_by_role("textbox", name="Rename")
    field.fill("New name")
    field.press("Enter")
    expect(chat.root.get_by_role("button", name="Rename “New name”")).to_be_visible()
    expect(chat.root.get_by_role("heading", name="New name")).to_be_visible()
    chat.root.get_by_role("button", name="Delete “New name”").click()
    chat.root.get_by_role("alertdialog").get_by_role("button", name="Cancel").press("Escape")
    chat.root.get_by_role("button", name="Delete “New name”").click()
    chat.root.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(chat.root.get_by_role("button", name="Delete “New name”")).to_have_count(0)
    assert chat.events("thread.change")[-1] == {"threadId": None}
    gone = page.evaluate("id => chat.setThreadId(id).then(() => 'there', () => 'gone')", thread_id)
    assert gone == "gone"


def test_rename_and_delete_can_be_turned_off_and_history_too(stock: Server, page: Page, chat: Chat) -> None:
    stock.control("seed", items=2, title="Fixed")
    page.goto(stock.url(options={"history": {"showDelete": False, "showRename": False}}))
    open_history(chat)
    expect(chat.root.get_by_text("Fixed").first).to_be_visible()
    expect(chat.root.get_by_role("button", name="Delete “Fixed”")).to_have_count(0)
    expect(chat.root.get_by_role("button", name="Rename “Fixed”")).to_have_count(0)
    page.goto(stock.url(options={"history": {"enabled": False}}))
    expect(chat.composer).to_be_visible()
    expect(chat.root.get_by_role("button", name="History", exact=True)).to_have_count(0)


def test_search_is_there_when_the_server_offers_it(server: Server, page: Page, chat: Chat) -> None:
    server.control("seed", items=2, title="Zebra crossing")
    page.goto(server.url())
    open_history(chat)
    expect(chat.root.get_by_role("searchbox")).to_have_count(0)
    page.goto(server.durable_url())
    open_history(chat)
    chat.root.get_by_role("searchbox", name="Search conversations").fill("zebra")
    expect(chat.root.locator(".thread-title")).to_have_text(["Zebra crossing"])
    chat.root.get_by_role("searchbox").fill("no such thing")
    expect(chat.root.get_by_text("Nothing found.")).to_be_visible()


def test_a_failing_list_says_so_and_is_tried_again(stock: Server, page: Page, chat: Chat) -> None:
    stock.control("seed", items=2, title="Some thread")
    page.goto(stock.url())
    stock.control("fail_next", values=[503])
    open_history(chat)
    chat.root.get_by_role("alert").get_by_role("button", name="Try again").click()
    expect(chat.root.get_by_text("Some thread").first).to_be_visible()


def test_a_long_thread_opens_at_its_end_and_older_messages_come_while_scrolling(
    server: Server, page: Page, chat: Chat
) -> None:
    thread_id = server.control("seed", items=130)["thread_id"]
    page.goto(server.url(options={"initialThread": thread_id}))
    expect(chat.bubbles.last).to_have_text("Question 128")
    expect(chat.answers.last).to_be_in_viewport()
    expect(chat.bubbles).to_have_count(25)
    scroller = chat.root.locator(".scroller")
    before = chat.bubbles.first
    expect(before).to_have_text("Question 80")
    scroller.evaluate("element => { element.scrollTop = 300 }")
    expect(chat.bubbles.nth(49)).to_be_attached()  # and more, if the reader is still near the start
    scroller.evaluate("element => { element.scrollTop = 300 }")
    expect(chat.bubbles).to_have_count(65)
    expect(chat.bubbles.first).to_have_text("Question 0")
    texts = chat.bubbles.all_text_contents()  # what is far away has no layout, and so no inner text
    assert texts == [f"Question {number}" for number in range(0, 130, 2)]


def test_a_thread_that_cannot_be_loaded_says_so_and_is_tried_again(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url())
    expect(chat.composer).to_be_visible()
    refused = page.evaluate(
        "chat.setThreadId('thr_unknown').then(() => 'loaded', error => error.code ?? error.message)"
    )
    assert refused in {"thread_unknown", "not_found"}
    expect(chat.root.get_by_role("alert")).to_contain_text("This conversation could not be loaded.")
    expect(chat.root.get_by_role("alert")).to_contain_text("There is no such")
    thread_id = server.control("seed", items=2)["thread_id"]
    server.control("fail_next", values=[503])
    page.evaluate("id => chat.setThreadId(id).catch(() => {})", thread_id)
    chat.root.get_by_role("button", name="Try again").click()
    expect(chat.bubbles).to_have_text(["Question 0"])


def test_fetch_updates_shows_what_changed_on_the_server(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("say before")
    thread_id = chat.events("thread.change")[-1]["threadId"]
    body = {
        "type": "threads.add_user_message",
        "params": {
            "thread_id": thread_id,
            "input": {
                "content": [{"type": "input_text", "text": "say from elsewhere"}],
                "attachments": [],
                "inference_options": {},
            },
        },
    }
    page.request.post(f"{stock.origin}/chatkit", data=body).body()
    expect(chat.bubbles).to_have_count(1)
    page.evaluate("chat.fetchUpdates()")
    chat.answer_is("from elsewhere")


def test_the_view_never_jumps_under_the_reader_and_follows_whoever_reads_the_end(
    stock: Server, page: Page, chat: Chat
) -> None:
    thread_id = stock.control("seed", items=40)["thread_id"]
    page.goto(stock.url(options={"initialThread": thread_id, "thread": {"autoScroll": True}}))
    expect(chat.bubbles.last).to_have_text("Question 38")
    chat.send("count to 300")
    expect(chat.answers.last).to_contain_text("10 11")
    expect(chat.answers.last).to_be_in_viewport()
    chat.root.locator(".scroller").hover()
    page.mouse.wheel(0, -900)
    to_end = chat.root.get_by_role("button", name="Jump to the latest message")
    expect(to_end).to_be_visible()
    watched = chat.root.locator(".message").nth(30)
    top = watched.bounding_box()
    page.wait_for_timeout(700)
    assert watched.bounding_box() == top
    to_end.click()
    expect(to_end).to_have_count(0)
    page.wait_for_timeout(300)
    position = chat.root.locator(".scroller").evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight")
    assert position < 60
    chat.stop_button.click()


def test_without_auto_scroll_an_answer_does_not_move_the_view(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    stock.control("delay", seconds=0.001)
    chat.send("markdown")
    expect(chat.answers.last).to_contain_text("The end.")
    chat.send("markdown")
    expect(chat.answers).to_have_count(2)
    expect(chat.answers.last).to_contain_text("The end.")
    expect(chat.root.get_by_role("button", name="Jump to the latest message")).to_be_visible()


def test_a_thread_that_is_to_be_opened_never_shows_the_start_screen(stock: Server, page: Page, chat: Chat) -> None:
    thread_id = stock.control("seed", items=2)["thread_id"]
    page.add_init_script("""
        window.starts = 0;
        const watch = () => {
            if (document.querySelector('openai-chatkit')?.shadowRoot?.querySelector('.start')) window.starts++;
            requestAnimationFrame(watch);
        };
        watch();
    """)
    page.goto(stock.url(options={"initialThread": thread_id}))
    expect(chat.bubbles).to_have_count(1)
    assert page.evaluate("window.starts") == 0
    page.evaluate("chat.setThreadId(null)")
    page.wait_for_function("window.starts > 0")


def test_a_thread_that_was_opened_offline_is_loaded_once_the_connection_is_back(
    stock: Server, page: Page, chat: Chat
) -> None:
    thread_id = stock.control("seed", items=2)["thread_id"]
    page.goto(stock.url())
    expect(chat.composer).to_be_visible()
    page.context.set_offline(True)
    page.evaluate("id => chat.setThreadId(id).catch(() => {})", thread_id)
    expect(chat.root.get_by_text("This conversation could not be loaded.")).to_be_visible()
    page.context.set_offline(False)
    expect(chat.bubbles).to_have_text(["Question 0"])


def test_nothing_moves_when_a_thread_is_opened_with_the_page(stock: Server, page: Page, chat: Chat) -> None:
    thread_id = stock.control("seed", items=2)["thread_id"]
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => {"
        " for (const entry of list.getEntries()) window.shift += entry.value;"
        "}).observe({type: 'layout-shift', buffered: true})"
    )
    page.goto(stock.url(options={"initialThread": thread_id}))
    expect(chat.bubbles).to_have_count(1)
    page.wait_for_timeout(200)  # a shift is told with the frame after it
    assert page.evaluate("window.shift") < SHIFT_MAX
