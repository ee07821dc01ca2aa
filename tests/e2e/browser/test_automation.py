"""What Natter does by itself is seen, made, paused and ended in the page: schedules, webhooks, service tokens."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import Chat, Person
from tests.e2e.browser.test_looks import overflows, serious_violations

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(180, func_only=True)]

ZONE = "America/New_York"
PHONE, WIDE = {"width": 390, "height": 800}, {"width": 1280, "height": 800}


def rows(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name=name).get_by_role("listitem")


def looks_right(page: Page) -> None:
    """In both schemes, wide and on a phone."""
    for scheme in ("dark", "light"):
        for viewport in (PHONE, WIDE):
            page.set_viewport_size(viewport)  # pyright: ignore[reportArgumentType] - a TypedDict by another name
            page.emulate_media(color_scheme=scheme)
            assert (overflows(page), serious_violations(page)) == (False, []), (scheme, viewport)


def test_schedules_webhooks_and_service_tokens_are_kept_in_the_page(new_person: NewPerson) -> None:
    person = new_person(timezone_id=ZONE, locale="en-GB", reduced_motion="reduce")
    chat = Chat(person.sign_up())
    page = chat.page
    page.get_by_role("button", name="Account").press("Enter")
    page.get_by_role("menuitem", name="Automation").press("Enter")
    page.wait_for_url("**/dashboard/automation")

    expect(page.get_by_text("Nothing is scheduled")).to_be_visible()
    make_schedules(page)
    pause_and_delete(person, page)
    looks_right(page)
    keep_webhooks(person, page)
    looks_right(page)
    keep_service_tokens(person, page)
    looks_right(page)


def make_schedules(page: Page) -> None:
    """Once and every Friday, by keyboard; a time that is over is refused in words."""
    tomorrow = datetime.now(ZoneInfo(ZONE)) + timedelta(days=1)
    page.get_by_role("button", name="New schedule").press("Enter")
    dialog = page.get_by_role("dialog", name="New schedule")
    expect(dialog.get_by_text(ZONE)).to_be_visible()
    dialog.get_by_label("Text").fill("call mum")
    dialog.get_by_label("Date").fill("2020-01-01")
    dialog.get_by_label("Time").fill("08:30")
    dialog.get_by_label("Time").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("This time is over")
    assert serious_violations(page) == []
    dialog.get_by_label("Date").fill(f"{tomorrow:%Y-%m-%d}")
    dialog.get_by_label("Time").press("Enter")
    # On the clock of whoever looks, whatever the server's is.
    expect(rows(page, "Schedules")).to_contain_text(["Next: " + f"{tomorrow.day} {tomorrow:%b %Y}, 08:30"])
    expect(dialog).to_have_count(0)

    page.get_by_role("button", name="New schedule").click()
    dialog.get_by_label("What").select_option("Do this, as if I asked for it then")
    dialog.get_by_label("Text").fill("list my tasks")
    dialog.get_by_label("Repeat").select_option("Every week")
    dialog.get_by_label("Day of the week").select_option("Friday")
    dialog.get_by_role("button", name="Create schedule").click()
    expect(rows(page, "Schedules").first).to_contain_text("Every Friday at 09:00")

    page.get_by_role("button", name="New schedule").click()
    dialog.get_by_label("Text").fill("too often")
    dialog.get_by_label("Repeat").select_option("As a cron expression")
    dialog.get_by_label("Minute, hour").fill("* * * * *")
    dialog.get_by_role("button", name="Create schedule").click()
    expect(dialog.get_by_role("alert")).to_contain_text("comes too often")
    page.keyboard.press("Escape")
    expect(rows(page, "Schedules")).to_have_count(2)


def pause_and_delete(person: Person, page: Page) -> None:
    weekly = rows(page, "Schedules").filter(has_text="list my tasks")
    weekly.get_by_role("button", name="Pause").press("Enter")
    expect(weekly).to_contain_text("Paused")
    expect(weekly).not_to_contain_text("Next:")
    page.reload()
    weekly.get_by_role("button", name="Resume").click()
    expect(weekly).to_contain_text("Next:")

    once = rows(page, "Schedules").filter(has_text="call mum")
    once.get_by_role("button", name="Delete").click()
    expect(once).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(once).to_have_count(1)
    once.get_by_role("button", name="Delete").click()
    page.goto("/dashboard")  # a page that is left deletes at once
    page.goto("/dashboard/automation")
    expect(rows(page, "Schedules")).to_have_count(1)
    _, listed = person.api(page, "GET", "/schedules")
    assert [schedule["text"] for schedule in listed["data"]] == ["list my tasks"]


def keep_webhooks(person: Person, page: Page) -> None:
    """Its secret is shown once; why it could not be told stands in its row."""
    page.get_by_role("tab", name="Schedules").press("ArrowRight")
    address = page.get_by_label("Address")
    address.fill("http://shop.example.org/natter")
    address.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="begins with https://")).to_be_visible()
    address.fill("http://127.0.0.1:9/natter")
    page.get_by_label("It was stopped").uncheck()
    address.press("Enter")
    secret = page.get_by_label("Secret", exact=True)
    expect(secret).to_have_value(re.compile("^whsec_"))
    first = secret.input_value()
    page.get_by_role("button", name="New secret").click()
    expect(secret).not_to_have_value(first)

    other = Chat(person.open("/dashboard/chat"))
    other.say("count to 2")
    other.expect_counted_to(2)
    other.page.close()
    page.reload()
    page.get_by_role("tab", name="Webhooks").click()
    expect(secret).to_have_count(0)
    row = rows(page, "Webhooks").filter(has_text="127.0.0.1")
    expect(row).to_contain_text("private address")
    expect(row).to_contain_text("An answer is finished, It has failed")
    row.get_by_text("Last deliveries").press("Enter")
    delivery = row.get_by_role("list", name="Deliveries").get_by_role("listitem")
    expect(delivery).to_contain_text("Given up")
    expect(delivery).to_contain_text("private address")
    with page.expect_response(lambda answer: "/deliveries/" in answer.url and answer.request.method == "POST") as sent:
        delivery.get_by_role("button", name="Send again").click()
    assert sent.value.status == 202
    expect(delivery).to_have_count(1)


def keep_service_tokens(person: Person, page: Page) -> None:
    """One is shown once, begins a turn for its user, says when it was used, and holds no more when it is revoked."""
    page.get_by_role("tab", name="Webhooks").press("ArrowRight")
    page.get_by_label("What uses it").fill("shop")
    page.get_by_label("Holds for").select_option("7 days")
    page.get_by_label("What uses it").press("Enter")
    token = page.get_by_label("Token", exact=True)
    expect(token).to_have_value(re.compile("^natter_st_"))
    headers = {"Authorization": f"Bearer {token.input_value()}"}
    row = rows(page, "Service tokens").filter(has_text="shop")
    expect(row).to_contain_text("Not used yet")
    looks_right(page)

    def send() -> int:
        sent = {"user_id": person.user_id, "message": "count to 2"}
        return httpx.post(f"{person.origin}/api/service/turns", json=sent, headers=headers).status_code

    assert send() == 202
    page.reload()
    page.get_by_role("tab", name="Service tokens").click()
    expect(token).to_have_count(0)
    expect(row).to_contain_text("Last used:")
    row.get_by_role("button", name="Revoke").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Revoke token").press("Enter")
    expect(row).to_have_count(0)
    assert send() == 401
