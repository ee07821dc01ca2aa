"""Refresh, lost connections, sleep, several tabs and Stop, against the stock server's durable variant and Natter."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.element.chat import Chat, numbers
from tests.e2e.element.servers import Server

NUMBERS = numbers(60)


def test_a_durable_answer_streams_once(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.durable_url())
    chat.ask("count to 60")
    chat.answer_is(NUMBERS)
    chat.ask("say again")
    chat.answer_is("again")
    expect(chat.answers).to_have_count(2)
    expect(chat.bubbles).to_have_text(["count to 60", "say again"])
    assert chat.count("response.start") == chat.count("response.end") == 2


def test_a_refresh_in_the_middle_of_an_answer_loses_and_repeats_nothing(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.durable_url())
    chat.send("count to 60")
    expect(chat.answers.last).to_contain_text("8 9")
    thread_id = chat.thread_id()
    page.goto(server.durable_url({"initialThread": thread_id}))
    expect(chat.stop_button).to_be_visible()
    chat.answer_is(NUMBERS)
    expect(chat.stop_button).to_have_count(0)
    expect(chat.answers).to_have_count(1)


def test_a_restarting_relay_is_reconnected_to_and_every_event_comes_once(
    server: Server, page: Page, chat: Chat
) -> None:
    page.goto(server.durable_url())
    chat.send("count to 60")
    for number in (10, 30, 50):
        expect(chat.answers.last).to_contain_text(f" {number} ")
        server.control("break")
    chat.answer_is(NUMBERS)
    positions = [
        int(match.group(1))
        for query in server.control("state")["stream_requests"][-3:]
        if (match := re.search(r"last_event_id=(\d+)", query))
    ]
    assert positions == sorted(positions)
    assert len(set(positions)) == len(positions)


def test_an_expired_token_and_an_unavailable_relay_are_waited_out(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.durable_url())
    chat.send("count to 60")
    expect(chat.answers.last).to_contain_text(" 10 ")
    server.control("stream_statuses", values=[401, 503, 502])
    server.control("break")
    expect(chat.root.get_by_text("Reconnecting…")).to_be_visible()
    chat.answer_is(NUMBERS)
    expect(chat.root.get_by_text("Reconnecting…")).to_have_count(0)


def tick_until(page: Page, is_reached: Callable[[], bool]) -> None:
    """Let the page's clock, which stands still otherwise, go on in small steps until something is reached."""
    for _step in range(80):
        page.clock.run_for(100)
        if is_reached():
            return
        time.sleep(0.05)  # the server's time is real
    pytest.fail("not reached within 8 s of the page's time")


def streams_opened(server: Server) -> int:
    return len(server.control("state")["stream_requests"])


def test_a_half_open_connection_is_noticed_when_the_page_wakes_up(server: Server, page: Page, chat: Chat) -> None:
    page.clock.install()
    page.goto(server.durable_url())
    tick_until(page, chat.composer.is_visible)
    chat.send("count to 30")
    tick_until(page, lambda: "2" in "".join(chat.answers.all_text_contents()))
    server.control("silence")
    page.clock.run_for(100)
    before = streams_opened(server)
    page.clock.fast_forward(13_000)  # the laptop slept: more than one heartbeat is missing
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    tick_until(page, lambda: streams_opened(server) > before)
    server.control("break")
    page.clock.resume()
    chat.answer_is(numbers(30))


def test_a_silent_connection_is_dropped_by_the_watchdog(server: Server, page: Page, chat: Chat) -> None:
    page.clock.install()
    page.goto(server.durable_url())
    tick_until(page, chat.composer.is_visible)
    chat.send("say hello")
    tick_until(page, lambda: "hello" in "".join(chat.answers.all_text_contents()))
    tick_until(page, lambda: chat.stop_button.count() == 0)
    server.control("silence")
    page.clock.run_for(100)
    before = streams_opened(server)
    page.clock.run_for(20_000)
    assert streams_opened(server) == before  # two heartbeats may be missing
    page.clock.run_for(12_000)
    tick_until(page, lambda: streams_opened(server) > before)


def test_two_tabs_of_one_thread_stay_equal(server: Server, page: Page, chat: Chat, second: Chat) -> None:
    page.goto(server.durable_url())
    chat.ask("say first")
    second.page.goto(server.durable_url({"initialThread": chat.thread_id()}))
    second.answer_is("first")
    chat.send("count to 60")
    expect(second.bubbles.last).to_have_text("count to 60")
    expect(second.stop_button).to_be_visible()
    expect(second.answers.last).to_contain_text(" 20 ")
    second.answer_is(NUMBERS)
    second.ask("say from the other tab")
    chat.answer_is("from the other tab")
    assert chat.answers.all_inner_texts() == second.answers.all_inner_texts()
    assert chat.bubbles.all_inner_texts() == second.bubbles.all_inner_texts()


def test_stop_is_immediate_confirmed_and_keeps_what_was_seen(
    server: Server, page: Page, chat: Chat, second: Chat
) -> None:
    page.goto(server.durable_url())
    chat.send("count to 500")
    expect(chat.answers.last).to_contain_text(" 10 ")
    second.page.goto(server.durable_url({"initialThread": chat.thread_id()}))
    expect(second.answers.last).to_contain_text(" 10 ")
    second.stop_button.click()
    expect(second.stop_button).to_have_count(0)
    expect(chat.stop_button).to_have_count(0)
    expect(chat.root.locator(".message.assistant .actions")).to_be_visible()
    text = chat.answers.last.locator(".markdown").inner_text().split()
    assert text[:10] == NUMBERS.split()[:10]
    assert text == numbers(len(text)).split()
    assert second.answers.last.locator(".markdown").inner_text().split() == text
    page.reload()
    page.goto(server.durable_url({"initialThread": second.thread_id()}))
    chat.answer_is(" ".join(text))


def test_a_stop_that_the_server_refuses_is_said(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.durable_url())
    chat.send("count to 60")
    expect(chat.answers.last).to_contain_text("5 6")
    page.route("**/cancel", lambda route: route.fulfill(status=403, json={"code": "forbidden"}))
    chat.stop_button.click()
    expect(chat.root.get_by_role("alert")).to_contain_text("Stop could not be confirmed.")
    chat.answer_is(numbers(60))


def test_stop_is_not_offered_where_it_could_not_be_kept(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.durable_url())
    page.evaluate("chat.removeAttribute('data-stop-url')")
    chat.send("count to 40")
    expect(chat.answers.last).to_contain_text("5 6")
    expect(chat.stop_button).to_have_count(0)


def test_a_second_message_is_queued_by_the_server_and_answered_in_turn(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.durable_url())
    chat.ask("say hello")
    chat.send("count to 40")
    expect(chat.answers.last).to_contain_text("3 4")
    chat.send("say after")
    expect(chat.bubbles).to_have_count(3)
    chat.answer_is("after")
    expect(chat.bubbles).to_have_text(["say hello", "count to 40", "say after"])
    expect(chat.answers.nth(1).locator(".markdown")).to_have_text(numbers(40))
    assert chat.count("response.end") == 3


def test_a_message_is_repeated_with_its_key_until_it_is_accepted(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.durable_url())
    chat.ask("say hello")
    before = server.control("state")["keys"]
    server.control("post_statuses", values=[503])
    chat.send("say persistent")
    chat.answer_is("persistent")
    keys = server.control("state")["keys"][len(before) :]
    assert len(keys) == 1
    assert re.fullmatch(r"[0-9a-f-]{36}", keys[0])
    expect(chat.bubbles).to_have_text(["say hello", "say persistent"])


def test_a_lost_answer_to_the_request_does_not_ask_twice(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.durable_url())
    chat.ask("say hello")
    lost = {"left": 1}

    def lose_first(route: Route) -> None:
        if "add_user_message" in (route.request.post_data or "") and lost["left"]:
            lost["left"] = 0
            route.fetch(max_redirects=0)  # the server took it; its word never arrives
            route.abort("connectionreset")
            return
        route.continue_()

    page.route("**/chatkit", lose_first)
    chat.ask("say only once")
    chat.answer_is("only once")
    expect(chat.bubbles).to_have_text(["say hello", "say only once"])
    expect(chat.answers).to_have_count(2)


def test_leaving_a_thread_closes_its_stream_and_coming_back_shows_everything(
    server: Server, page: Page, chat: Chat
) -> None:
    page.goto(server.durable_url())
    chat.send("count to 60")
    expect(chat.answers.last).to_contain_text("5 6")
    thread_id = chat.thread_id()
    page.evaluate("chat.setThreadId(null)")
    chat.ask("say elsewhere")
    page.evaluate("id => chat.setThreadId(id)", thread_id)
    chat.answer_is(NUMBERS)
    expect(chat.answers).to_have_count(1)


def test_a_reset_loads_the_thread_again(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.durable_url())
    chat.ask("say hello")
    # Every stream until then: one may be given up on the way, or have been open before the answer came.
    page.route(
        "**/stream*",
        lambda route: route.fulfill(body='event: reset\ndata: {"reason":"gone"}\n\n', content_type="text/event-stream"),
    )
    # Never asked for in a conversation that began here, but after a reset.
    with page.expect_request(lambda request: "threads.get_by_id" in (request.post_data or "")):
        server.control("break")
    page.unroute("**/stream*")
    chat.ask("say after the reset")
    chat.answer_is("after the reset")
    expect(chat.bubbles).to_have_text(["say hello", "say after the reset"])


def loads_of(server: Server) -> int:
    """How often a thread was loaded."""
    return [request["type"] for request in server.requests()].count("threads.get_by_id")


def break_with(server: Server, page: Page, body: str) -> float:
    """End the conversation's stream; what opens it again gets this body, once. Returns when."""
    with page.expect_response("**/conversations/*/stream*"):
        page.route(
            "**/conversations/*/stream*",
            lambda route: route.fulfill(body=body, content_type="text/event-stream"),
            times=1,
        )
        server.control("break")
    return time.monotonic()


def test_a_frame_that_cannot_be_handled_is_reported_and_skipped_and_the_thread_loaded_anew(
    server: Server, page: Page, chat: Chat
) -> None:
    page.goto(server.durable_url())
    chat.ask("say hello")
    loads = loads_of(server)
    errors = chat.count("error")
    break_with(server, page, 'data: {"type":"thread.item.done"}\n\n')
    chat.ask("say after the frame")
    chat.answer_is("after the frame")
    expect(chat.bubbles).to_have_text(["say hello", "say after the frame"])
    assert chat.count("error") == errors + 1
    assert loads_of(server) > loads


def test_the_stream_is_opened_again_when_the_server_asked_for_it(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.durable_url())
    chat.ask("say hello")
    broken_at = break_with(server, page, "retry: 3000\n\n")
    opened = streams_opened(server)
    while streams_opened(server) == opened:
        assert time.monotonic() < broken_at + 8
        page.wait_for_timeout(50)
    assert time.monotonic() - broken_at >= 2.9
    chat.ask("say after the pause")
    chat.answer_is("after the pause")
