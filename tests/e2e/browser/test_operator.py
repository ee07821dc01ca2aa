"""An operator sees what fails and is used, has a dead letter handled again, and leaves a trace; others see nothing."""

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import pytest
from actor_kit.bus import Bus
from contracts.events import AuditEvent, DeadLetter
from contracts.services import Service
from contracts.subjects import subject_of
from natter.__main__ import main
from natter.data_directory import DataDirectory
from natter.operator_bus import operator_bus, operator_settings
from natter_testing.stack import Natter
from playwright.sync_api import Page, expect
from pydantic import SecretStr
from typer.testing import CliRunner

from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import Chat, Person, fetch
from tests.e2e.browser.test_looks import overflows, serious_violations

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]

LETTER = DeadLetter(
    service="agent_runner",
    message="RunRequested",
    subject="run.gone.YWxpY2U.conv_1.requested",
    code="internal",
    detail="The handler failed.",
    deliveries_count=8,
    headers={},
    payload_base64="e30=",
)


ResultT = TypeVar("ResultT")


def in_a_thread(work: Callable[[], ResultT]) -> ResultT:
    """Playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work).result()


async def prepare(natter: Natter, user_id: str) -> None:
    """A run that failed, and a message that could not be handled."""
    connection = await asyncpg.connect(natter.state.database_url)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    await connection.execute("select set_config('app.system', 'on', false)")  # pyright: ignore[reportUnknownMemberType]
    await connection.execute(  # pyright: ignore[reportUnknownMemberType]
        "update chat.run set status = 'failed', error_code = 'model_timeout' where user_id = $1", user_id
    )
    await connection.close()  # pyright: ignore[reportUnknownMemberType]
    runner = Service.AGENT_RUNNER  # nobody else may give a message up
    password = DataDirectory.open(natter.data_dir).read_secrets().nats_password(runner)
    settings = operator_settings(natter.data_dir, None).model_copy(
        update={"nats_user": str(runner), "nats_password": SecretStr(password)}
    )
    async with Bus.open(settings, service=runner) as bus:
        await bus.publish_stored(subject_of(DeadLetter, service=runner, message="RunRequested"), LETTER.encode())


async def audited(natter: Natter) -> list[AuditEvent]:
    async with operator_bus(operator_settings(natter.data_dir, None)) as bus:
        messages, _ = await bus.direct_get("AUDIT", f"audit.{Service.AUTH_EDGE}.>")
        return [AuditEvent.decode(message.payload) for message in messages]


def sees_nothing(page: Page, other: Person) -> None:
    """A user: no page, no figures, nobody's account, and no way to give oneself the role."""
    assert page.goto("/operator").status == 404  # pyright: ignore[reportOptionalMemberAccess]
    status, problem = fetch(page, "GET", "/api/operator/overview")
    assert (status, problem["code"]) == (403, "operator_only")
    status, problem = fetch(page, "GET", f"/operator/reports/users?q={other.email}")
    assert (status, problem["code"]) == (403, "operator_only")
    assert page.goto(f"/operator/users/{other.user_id}").status == 404  # pyright: ignore[reportOptionalMemberAccess]
    fetch(page, "POST", "/api/auth/update-user", {"role": "operator"})
    assert fetch(page, "GET", "/api/operator/users")[0] == 403


def look_at_user_and_run(page: Page, person: Person) -> None:
    """One user, found by their id, and one of their runs: figures, and nothing that was said."""
    page.get_by_label("Name, e-mail address or id").fill(person.user_id)
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Users").get_by_role("link", name=person.email).click()
    runs = page.get_by_role("region", name="Runs").get_by_role("row")
    expect(runs).to_have_count(2)
    account = page.get_by_label("Account", exact=True).filter(has_text="Open sessions")
    expect(account).to_contain_text(re.compile(r"Open sessions\s*1\s*Signed out everywhere"))
    expect(page.get_by_text(person.email)).to_be_visible()
    expect(page.get_by_role("region", name="Usage by assistant").get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("region", name="Limits")).to_contain_text("no limit")
    conversations = page.get_by_role("region", name="Conversations")
    expect(conversations.get_by_role("row")).to_have_count(2)
    expect(conversations.get_by_role("button", name="Read")).to_have_count(0)  # no setting allows it
    assert "count to 3" not in page.content()
    assert (overflows(page), serious_violations(page)) == (False, [])
    page.set_viewport_size({"width": 360, "height": 740})
    assert not overflows(page)
    page.set_viewport_size({"width": 1280, "height": 800})

    runs.last.get_by_role("link").click()
    expect(page.get_by_label("Run", exact=True)).to_contain_text(re.compile(r"Trace\s*[0-9a-f]{32}"))
    expect(page.get_by_label("Run", exact=True)).to_contain_text("model_timeout")
    assert "count to 3" not in page.content()
    assert (overflows(page), serious_violations(page)) == (False, [])
    page.get_by_role("link", name="All runs").click()
    expect(page.get_by_role("tab", name="Runs")).to_have_attribute("aria-selected", "true")


def test_an_operator_looks_and_replays_and_others_see_nothing(natter: Natter, new_person: NewPerson) -> None:
    silent = new_person()
    silent.register()
    person = new_person(color_scheme="dark")
    page = person.sign_up()
    chat = Chat(page)
    chat.say("count to 3")
    chat.expect_counted_to(3)
    in_a_thread(lambda: asyncio.run(prepare(natter, person.user_id)))

    sees_nothing(page, silent)
    made = in_a_thread(
        lambda: CliRunner().invoke(main, ["users", "make-operator", person.email, "--data-dir", str(natter.data_dir)])
    )
    assert made.exit_code == 0, made.output
    page.wait_for_timeout(1_000)  # until the web app looks the session up again
    page.goto("/operator")
    failures = page.get_by_role("region", name="Failures")
    expect(failures.get_by_role("row").filter(has_text="model_timeout")).to_have_count(1)
    assert serious_violations(page) == []
    expect(page.get_by_role("img", name=re.compile(r"^Runs: \d+ in 30 days, most on"))).to_be_visible()

    page.get_by_role("tab", name="Overview").focus()
    page.keyboard.press("ArrowRight")
    users = page.get_by_role("region", name="Users").get_by_role("row")
    expect(users.filter(has_text=person.user_id)).to_contain_text(person.email)
    page.get_by_label("Name, e-mail address or id").fill(silent.email[3:].upper())
    page.keyboard.press("Enter")
    expect(users.filter(has_text=silent.user_id)).to_contain_text(silent.email)  # who has written nothing
    expect(users).to_have_count(2)
    look_at_user_and_run(page, person)

    page.get_by_role("tab", name="Usage").click()
    page.get_by_label("For each").select_option("user")
    expect(page.get_by_role("region", name="Usage").get_by_role("row").filter(has_text=person.email)).to_have_count(1)
    page.set_viewport_size({"width": 390, "height": 800})
    page.emulate_media(color_scheme="light")
    assert (overflows(page), serious_violations(page)) == (False, [])

    page.get_by_role("tab", name="Dead letters").click()
    row = page.get_by_role("region", name="Dead letters").get_by_role("row").filter(has_text="The handler failed.")
    row.get_by_role("button").click()
    expect(page.get_by_role("status").filter(has_text="was sent again")).to_be_visible()
    expect(row).to_have_count(0)

    mine = [
        event
        for event in in_a_thread(lambda: asyncio.run(audited(natter)))
        if event.details.get("operator") == person.user_id
    ]
    looked = {str(event.details.get("what")) for event in mine if event.action == "looked_at_by_operator"}
    assert looked == {"users", "usage", "user", "conversations", "runs", "run"}
    of_one = [event for event in mine if event.details.get("what") in {"user", "conversations", "run"}]
    assert {event.user_id for event in of_one} == {person.user_id}
    assert not [event for event in mine if event.action == "conversation_read_by_operator"]
    assert [event.action for event in mine].count("dead_letter_replayed") == 1
    assert "count to 3" not in json.dumps([event.model_dump(mode="json") for event in mine])
