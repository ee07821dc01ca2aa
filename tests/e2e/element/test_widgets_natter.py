"""Widgets of an assistant on Natter: shown, filled in, answered, the same in every tab and after a refresh."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up
from playwright.sync_api import Page, expect

from tests.e2e.element import servers
from tests.e2e.element.chat import Chat
from tests.e2e.element.servers import Person

pytestmark = [pytest.mark.whole_path, pytest.mark.thorough]
DESK = Path(__file__).parents[2] / "people" / "form_desk.py"


@pytest.fixture(scope="module")
def natter_stack(built: None) -> Iterator[tuple[RunningNatter, str]]:
    """A Natter whose assistant is the form desk."""
    process = servers.start_server("natter_front")
    try:
        origin = servers.origin_of(process)
        arguments = (*WITHOUT_WEB, "--assistant", f"todo={DESK}:assistant")
        environment = {**servers.natter_environment(origin), "AGENT_RUNNER_MCP_SERVERS": "[]"}
        with (
            temporary_directory() as directory,
            natter_up(directory / "data", *arguments, environment=environment) as running,
        ):
            addresses = {"edge_url": running.edge_url, "relay_url": running.relay_url}
            servers.control(origin, "attach", **addresses, database_url=running.state.database_url)
            yield running, origin
    finally:
        servers.stop_server(process)


def test_a_form_on_natter_is_answered_the_same_in_every_tab_and_after_a_refresh(
    natter: Person, page: Page, chat: Chat, second: Chat
) -> None:
    page.goto(natter.durable_url())
    chat.ask("show the form")
    thread_id = chat.thread_id()
    second.page.goto(natter.durable_url({"initialThread": thread_id}))
    expect(second.root.get_by_label("Where to?")).to_be_visible()
    chat.root.get_by_role("button", name="Order").click()
    expect(chat.root.get_by_label("Where to?")).to_be_focused()
    chat.root.get_by_label("Where to?").fill("Main Street 1")
    chat.root.get_by_label("It is a gift").check()
    chat.root.get_by_role("button", name="Order").click()
    expect(chat.root.locator(".w-root.locked")).to_have_count(1)
    for tab in (chat, second):
        expect(tab.root.locator(".w-text")).to_have_text("The order is on its way.")
        expect(tab.answers.last).to_contain_text(
            'Ordered {"gift": true, "item": "tea", "to": {"street": "Main Street 1"}}'
        )
        expect(tab.root.locator(".w-root.locked")).to_have_count(0)
        expect(tab.root.locator(".w-caret")).to_have_count(0)
    second.page.reload()
    expect(second.root.locator(".w-text")).to_have_text("The order is on its way.")
    expect(second.root.get_by_role("button", name="Order")).to_have_count(0)


def test_an_action_that_is_waited_for_changes_the_widget_in_every_tab(
    natter: Person, page: Page, chat: Chat, second: Chat
) -> None:
    page.goto(natter.durable_url())
    chat.ask("show the form")
    second.page.goto(natter.durable_url({"initialThread": chat.thread_id()}))
    chat.root.get_by_role("button", name="Not now").click()
    for tab in (chat, second):
        expect(tab.root.locator(".w-text")).to_have_text("Not ordered.")
