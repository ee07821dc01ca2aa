"""A reminder that is due is seen in every tab, and told by the browser once, where its user allows that."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import Person

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(240, func_only=True)]

# A Chromium without windows has nothing to show a notification with, and allows none whatever is granted: what a page
# would have shown is written down instead.
ALLOWED = """
window.told = [];
window.Notification = class {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(title, options) { window.told.push([title, options.body, options.tag]); }
};
"""
REFUSED = """
window.told = [];
window.Notification = class extends window.Notification {
  constructor(title, options) {
    super(title, options);
    window.told.push([title, options.body, options.tag]);
  }
};
"""


def told(page: Page) -> list[Any]:
    return page.evaluate("window.told")


def remind(person: Person, page: Page) -> None:
    due_at = datetime.now(UTC) + timedelta(seconds=2)
    sent = {"kind": "reminder", "text": "call mum", "due_at": due_at.isoformat()}
    assert person.api(page, "POST", "/schedules", sent)[0] == 201


def seen_as_done(page: Page) -> None:
    row = page.get_by_role("list", name="Schedules").get_by_role("listitem").filter(has_text="call mum")
    expect(row).to_contain_text("Done", timeout=40_000)


def turn_on(page: Page) -> None:
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Notify me when").click()


def test_a_reminder_is_seen_in_two_tabs_and_is_one_notification(new_person: NewPerson) -> None:
    person = new_person()
    person.context.add_init_script(ALLOWED)
    person.sign_up().close()
    tabs = [person.open("/dashboard/automation") for _ in range(2)]
    turn_on(tabs[0])
    remind(person, tabs[0])
    for tab in tabs:
        seen_as_done(tab)
    notices = [notice for tab in tabs for notice in told(tab)]
    # Each tab says so, of one tag: browsers show one notification of a tag.
    assert notices
    assert {tuple(notice) for notice in notices} == {("Reminder", "call mum", notices[0][2])}
    assert notices[0][2].startswith("run_")
    assert all(len(told(tab)) == 1 for tab in tabs)
    tabs[0].reload()
    seen_as_done(tabs[0])
    assert told(tabs[0]) == [], "what was told is not told again"


def test_where_it_is_not_allowed_nothing_is_told(new_person: NewPerson) -> None:
    person = new_person()
    person.context.add_init_script(REFUSED)
    person.sign_up().close()
    page = person.open("/dashboard/automation")
    turn_on(page)  # the browser refuses
    remind(person, page)
    seen_as_done(page)
    assert told(page) == []
