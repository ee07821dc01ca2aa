"""What an answer waits for: questions to the person, tools of their page."""

from typing import Any

from agent_runner.waiting_items import approval_item, consent_item, form_of, question_item
from natterkit import Choice, Confirm, Form, Text
from natterkit.asking import request_of
from playwright.sync_api import Page, Route, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.gallery import thread_of
from tests.e2e.element.servers import Server
from tests.e2e.element.test_accessibility import axe


def last_input(server: Server) -> dict:
    return server.requests()[-1]["params"]["input"]


def answers_sent(server: Server) -> dict:
    return last_input(server)["answers"]


def test_questions_are_answered_in_place_of_the_composer(server: Server, page: Page, chat: Chat) -> None:
    thread_id = server.control("seed", items=2, last="questions")["thread_id"]
    page.goto(server.url(options={"initialThread": thread_id}))
    form = chat.root.get_by_role("form", name="Questions")
    expect(form.get_by_role("button", name="Submit")).to_be_disabled()
    expect(chat.composer).to_have_count(0)
    form.get_by_role("radio", name="Tea").check()
    form.get_by_role("textbox", name="Why? Your answer").fill("It is warm")
    form.get_by_role("button", name="Submit").click()
    expect(chat.answers).to_have_count(2)
    expect(chat.answers.last).to_contain_text("Tea")
    assert answers_sent(server)["drink"] == {"values": ["Tea"], "skipped": False}
    expect(chat.root.locator(".answers dd")).to_have_text(["Tea", "It is warm"])
    expect(chat.composer).to_be_focused()


def test_questions_take_an_own_answer_and_can_be_skipped(server: Server, page: Page, chat: Chat) -> None:
    first, second = (server.control("seed", items=2, last="questions")["thread_id"] for _ in range(2))
    page.goto(server.url(options={"initialThread": first}))
    chat.root.get_by_role("radio", name="Coffee").check()
    chat.root.get_by_role("textbox", name="What do you drink? Something else…").fill("Water")
    expect(chat.root.get_by_role("radio", name="Coffee")).not_to_be_checked()
    chat.root.get_by_role("button", name="Submit").click()
    expect(chat.root.locator(".answers dd")).to_have_text(["Water", "Skipped"])
    assert answers_sent(server)["drink"]["values"] == ["Water"]
    page.evaluate("id => chat.setThreadId(id)", second)
    chat.root.get_by_role("button", name="Skip").click()
    expect(chat.root.locator(".answers dd")).to_have_text(["Skipped", "Skipped"])
    assert last_input(server)["status"] == "skipped"
    expect(chat.answers).to_have_count(2)


def test_questions_come_with_an_answer(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("ask")
    chat.root.get_by_role("radio", name="Tea").check()
    chat.root.get_by_role("button", name="Submit").click()
    chat.answer_is('answered {"drink": ["Tea"], "why": []}')


def test_the_details_of_a_question_stand_apart_from_it(stock: Server, page: Page, chat: Chat) -> None:
    item = approval_item("gallery", "refund_order", {"order_id": "A-1017", "amount": "49.00 EUR"}, "shop")
    page.route("**/chatkit", lambda route: route.fulfill(json=thread_of([item])))
    page.goto(stock.url(options={"initialThread": "gallery"}))
    form = chat.root.get_by_role("form", name="Questions")
    expect(form.locator("legend").first).to_contain_text("Allow “Refund order (shop)”?")
    expect(form.locator(".question-details")).to_have_text("Order id: A-1017\nAmount: 49.00 EUR", use_inner_text=True)
    names = ["Decline", "Approve always in this conversation", "Approve"]
    expect(form.get_by_role("button")).to_have_text(names)
    assert axe(page) == []


def shown(stock: Server, page: Page, item: dict, **options: object) -> list[dict]:
    """Open a thread whose last item is this one; returns what is posted besides."""
    posted: list[dict] = []

    def answer(route: Route) -> None:
        said: Any = route.request.post_data_json
        if said["type"] == "threads.get_by_id":
            route.fulfill(json=thread_of([item]))
        else:
            posted.append(said)
            route.fulfill(status=200, content_type="text/event-stream", body="")

    page.route("**/chatkit", answer)
    page.goto(stock.url(options={"initialThread": "gallery", **options}))
    return posted


def test_an_approval_is_declined_with_a_reason_in_the_readers_language(stock: Server, page: Page, chat: Chat) -> None:
    item = approval_item("gallery", "refund_order", {"order_id": "A-1017"}, None)
    posted = shown(stock, page, item, locale="ar")
    form = chat.root.get_by_role("form")
    expect(form.locator("legend")).to_contain_text("هل تسمح بتنفيذ «Refund order»؟")
    expect(form.get_by_role("radio")).to_have_count(0)
    form.get_by_role("textbox", name="السبب عند الرفض").fill("Not mine")
    assert axe(page) == []
    form.get_by_role("button", name="رفض").click()
    page.wait_for_timeout(100)
    answers = posted[-1]["params"]["input"]["answers"]
    assert answers == {
        "decision": {"values": ["Decline"], "skipped": False},
        "reason": {"values": ["Not mine"], "skipped": False},
    }


def test_a_consent_shows_where_it_is_given(stock: Server, page: Page, chat: Chat) -> None:
    posted = shown(stock, page, consent_item("gallery", "Calendar", "https://chat.example/connections/calendar"))
    form = chat.root.get_by_role("form")
    expect(form.locator("legend")).to_have_text("Connect Calendar?")
    link = form.get_by_role("link", name="Open the page where you allow it")
    expect(link).to_have_attribute("href", "https://chat.example/connections/calendar")
    assert axe(page) == []
    form.get_by_role("button", name="Done").click()
    page.wait_for_timeout(100)
    assert posted[-1]["params"]["input"]["answers"] == {"decision": {"values": ["Done"], "skipped": False}}


def test_a_question_of_ours_takes_no_other_answer_than_it_may(stock: Server, page: Page, chat: Chat) -> None:
    questions = [Choice("Which?", ["a", "b"]), Confirm("Sure?"), Text("For whom?", required=False)]
    posted = shown(stock, page, question_item("gallery", form_of(request_of(Form(questions)))), locale="ur")
    form = chat.root.get_by_role("form")
    expect(form.get_by_role("textbox")).to_have_count(1)
    submit = form.get_by_role("button").last
    form.get_by_role("radio", name="a", exact=True).check()
    expect(submit).to_be_disabled()
    form.get_by_role("radio", name="ہاں").check()
    submit.click()
    page.wait_for_timeout(100)
    answers = posted[-1]["params"]["input"]["answers"]
    assert [answers[name]["values"] for name in ("q1", "q2", "q3")] == [["a"], ["Yes"], []]


def test_a_client_tool_without_a_handler_is_an_error_and_no_dead_end(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    chat.ask("client tool")
    expect(chat.root.get_by_role("alert")).to_contain_text("A step that runs in this page failed.")
    assert "get_time" in chat.events("error")[-1]["error"]
    chat.ask("say onwards")
    chat.answer_is("onwards")


def test_a_client_tool_runs_in_the_page(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    page.evaluate(
        "chat.setOptions({api: {url: '/chatkit', domainKey: 'x'}, "
        "onClientTool: async ({name, params}) => ({name, params})})"
    )
    chat.send("client tool")
    chat.answer_is('The tool said {"name": "get_time", "params": {"zone": "UTC"}}')
    assert stock.requests()[-1]["type"] == "threads.add_client_tool_output"


def test_a_client_tool_that_a_thread_waits_for_runs_once_however_many_tabs_open_it(
    server: Server, page: Page, chat: Chat
) -> None:
    thread_id = server.control("seed", items=2, last="client tool")["thread_id"]
    address = server.url(options={"initialThread": thread_id}, tool="1")
    others = [Chat(page.context.new_page()) for _ in range(2)]
    for tab in (chat, *others):
        tab.page.goto(address, wait_until="commit")
    for tab in (chat, *others):
        expect(tab.bubbles).to_have_count(1)
    page.wait_for_function("localStorage.getItem('tool calls') === 'get_time '")
    page.wait_for_timeout(400)  # time for a second call
    assert page.evaluate("localStorage.getItem('tool calls')") == "get_time "
    outputs = [request for request in server.requests() if request["type"] == "threads.add_client_tool_output"]
    assert [request["params"]["result"] for request in outputs] == [{"zone": "UTC"}]
    page.goto(address)
    chat.answer_is('The tool said {"zone": "UTC"}')
    assert page.evaluate("localStorage.getItem('tool calls')") == "get_time "


def test_a_client_tool_runs_after_a_refresh_in_the_middle_of_it(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url(tool="never"))
    chat.send("client tool")
    page.wait_for_function("localStorage.getItem('tool calls') === 'get_time '")
    page.goto(stock.url(options={"initialThread": chat.thread_id()}, tool="1"))
    chat.answer_is('The tool said {"zone": "UTC"}')
