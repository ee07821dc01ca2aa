"""Accounts and sessions, as a person meets them and as an intruder does."""

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from typing import Any

import httpx
import pytest
from natter_testing.stack import Natter
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import ROOT, NewPerson
from tests.e2e.browser.person import PASSWORD, Chat, Person, fetch, fill_credentials, sign_out

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]

SIGN_INS_MAX = 30
GUESSES_MAX = 40


def test_a_first_visitor_is_one_form_away_from_a_chat(person: Person) -> None:
    page = person.sign_up_by_form()
    expect(Chat(page).composer).to_be_visible()


def test_signing_in_leads_back_to_the_page_that_was_asked_for(new_person: NewPerson) -> None:
    person = new_person()
    sign_out(person.sign_up())
    page = person.open("/dashboard?filter=done")
    expect(page).to_have_url(f"{person.origin}/sign-in?next=%2Fdashboard%3Ffilter%3Ddone")
    fill_credentials(page, person.email, PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard?filter=done")
    expect(page.get_by_role("tab", name="Done")).to_have_attribute("aria-selected", "true")


def test_a_link_to_elsewhere_is_not_followed_after_signing_in(person: Person) -> None:
    page = person.sign_up()
    for target in ("//evil.test", "https://evil.test/dashboard", "/dashboard\\@evil.test"):
        page.goto(f"/sign-in?next={target}")
        expect(page).to_have_url(f"{person.origin}/dashboard/chat")


def test_wrong_words_are_explained_and_an_address_has_one_account(new_person: NewPerson) -> None:
    person = new_person()
    person.register()
    page = new_person().open("/sign-in")
    fill_credentials(page, person.email, "not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="do not belong together")).to_be_visible()
    page.goto("/sign-up")
    fill_credentials(page, person.email, "another password")
    page.get_by_role("button", name="Start chatting").click()
    expect(page.get_by_role("alert").filter(has_text="If you had an account, sign in")).to_be_visible()


def test_signing_up_tells_nobody_whether_an_address_is_taken_and_the_door_is_audited(natter: Natter) -> None:
    email = f"{os.urandom(4).hex()}@example.com"
    answers: list[dict[str, Any]] = []
    seconds: list[float] = []
    transport = httpx.HTTPTransport(local_address="127.0.0.9")
    with httpx.Client(base_url=natter.url, headers={"origin": natter.url}, transport=transport, timeout=20) as client:

        def post(door: str, **account: str) -> httpx.Response:
            return client.post(f"/api/auth/{door}/email", json={"email": email, "name": "Al", **account})

        for password in ("the owner's password", "somebody else's"):
            started = time.monotonic()
            answer = post("sign-up", password=password)
            seconds.append(time.monotonic() - started)
            assert (answer.status_code, answer.cookies) == (200, httpx.Cookies())
            answers.append(answer.json())
        assert answers[0].keys() == answers[1].keys()
        assert answers[0]["user"].keys() == answers[1]["user"].keys()
        assert answers[0]["user"]["id"] != answers[1]["user"]["id"]
        assert min(seconds) > 0.49  # both wait for a step of half a second
        refused = [
            post("sign-up", password=PASSWORD, name="x" * 101, email=one).json() for one in (email, f"n.{email}")
        ]
        assert refused[0] == refused[1]

        assert post("sign-in", password="somebody else's").status_code == 401
        for _ in range(SIGN_INS_MAX + 1):  # whoever knows the password is not held to be guessing
            assert post("sign-in", password="the owner's password").status_code == 200
        assert client.post("/api/auth/sign-out", json={}).status_code == 200
    audited = [event for event in audit_of(natter, answers[0]["user"]["id"]) if event["service"] == "auth_edge"]
    assert [event["action"] for event in audited[:2]] == ["sign_up", "sign_in_failed"]
    assert audited[1]["details"] == {"attempts": 1}
    assert {event["action"] for event in audited[2:]} == {"sign_in", "sign_out"}  # those may overtake one another
    assert email not in str(audited)


def audit_of(natter: Natter, user_id: str) -> list[dict[str, Any]]:
    """What `natter audit` prints when the last sign-out is there, which nobody waited for."""
    audit = [sys.executable, "-m", "natter", "audit", "--user", user_id, "--json", "--data-dir", str(natter.data_dir)]
    deadline = time.monotonic() + 10
    while True:
        said = subprocess.run(audit, capture_output=True, text=True, check=True, timeout=30).stdout
        events = [json.loads(line) for line in said.splitlines()]
        if any(event["action"] == "sign_out" for event in events) or time.monotonic() > deadline:
            return events
        time.sleep(0.2)


def test_guessing_passwords_is_slowed_down_whatever_address_is_claimed(natter: Natter, person: Person) -> None:
    email = person.email
    assert [status for status, _ in guesses(natter, "127.0.0.2", email, SIGN_INS_MAX + 1)] == [401] * SIGN_INS_MAX + [
        429
    ]
    # Many addresses are of no use against one account; others sign in from there.
    left = GUESSES_MAX - SIGN_INS_MAX
    answers = guesses(natter, "127.0.0.3", email, left + 1)
    assert [status for status, _ in answers] == [401] * left + [429]
    assert answers[-1][1] == "TOO_MANY_GUESSES"
    assert guesses(natter, "127.0.0.3", f"another.{email}", 1)[0][0] == 401


def guesses(natter: Natter, address: str, email: str, count: int) -> list[tuple[int, str | None]]:
    """Wrong passwords from an address of this machine that the next tests do not use: status and code of each."""
    elsewhere = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=natter.url, headers={"origin": natter.url}, transport=elsewhere) as guesser:
        answers = [
            guesser.post(
                "/api/auth/sign-in/email",
                json={"email": email, "password": f"guess number {number}"},
                headers={"x-forwarded-for": f"10.0.0.{number}", "x-natter-client-address": f"10.0.1.{number}"},
            )
            for number in range(count)
        ]
    return [(answer.status_code, answer.json().get("code")) for answer in answers]


def test_without_a_session_pages_lead_to_sign_in_and_calls_get_a_problem(natter: Natter) -> None:
    with httpx.Client(base_url=natter.url) as stranger:
        page = stranger.get("/dashboard/chat?conversation=conv_1")
        assert page.status_code == 307
        assert page.headers["location"].endswith("/sign-in?next=%2Fdashboard%2Fchat%3Fconversation%3Dconv_1")
        for path in ("/api/alice/tasks", "/api/alice/stream", "/api/alice/runs/run_1/stream"):
            answer = stranger.get(path)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["code"] == "unauthenticated"


def test_the_browser_never_sees_a_token_nor_where_the_services_are(natter: Natter, person: Person) -> None:
    page = person.sign_up_by_form()
    session = page.request.get("/api/auth/get-session")
    assert "set-auth-jwt" not in session.headers
    assert page.request.get("/api/auth/token").status == 404
    answer = page.request.get(f"/api/{person.user_id}/tasks")
    assert answer.status == 200
    told = str(answer.headers).lower()
    for secret in (natter.edge_url, natter.relay_url, "x-middleware", "uvicorn", "set-cookie", "eyj"):
        assert secret.lower() not in told
    [session_cookie] = [cookie for cookie in person.context.cookies() if "session_token" in cookie.get("name", "")]
    assert session_cookie.get("httpOnly")
    assert session_cookie.get("sameSite") == "Lax"


def test_a_page_of_another_origin_cannot_act_for_a_person(natter: Natter, person: Person) -> None:
    person.register()
    with httpx.Client(base_url=natter.url, headers={"cookie": person.cookie_header}) as forger:
        title = {"title": "forged"}
        refused = forger.post(f"/api/{person.user_id}/tasks", json=title, headers={"origin": "http://127.0.0.1:9"})
        assert (refused.status_code, refused.json()["code"]) == (403, "cross_origin")
        assert (
            forger.post(f"/api/{person.user_id}/tasks", json=title, headers={"origin": natter.url}).status_code == 201
        )


def test_the_api_has_no_other_names_and_nothing_is_fetched_for_strangers(natter: Natter, person: Person) -> None:
    """Next.js has ways of its own to reach a path; none of them leads past proxy.ts."""
    person.register()
    with httpx.Client(base_url=natter.url, headers={"cookie": person.cookie_header}) as client:
        build = (ROOT / "web" / ".next" / "BUILD_ID").read_text()
        for path in (f"/_next/data/{build}/api/{person.user_id}/tasks{end}" for end in ("", ".json")):
            assert client.get(path).status_code == 404
        assert client.get("/gallery").status_code == 404, "the development server's page is in the build"
        assert client.request("TRACE", "/api/auth/ok").status_code == 405
        assert client.get("/_next/image?url=%2Ficon.svg&w=64&q=75").status_code in (400, 404)
        script = re.findall(r"/_next/static/[^\"\\]+\.js", client.get("/dashboard/chat").text)[0]
        assert client.get(script).headers["x-content-type-options"] == "nosniff"


def test_signing_out_ends_access_within_a_second_and_in_every_tab(person: Person) -> None:
    page = person.sign_up()
    other_tab = person.open("/dashboard")
    expect(other_tab.get_by_text("Nothing to do yet")).to_be_visible()
    with httpx.Client(base_url=person.origin, headers={"cookie": person.cookie_header}) as thief:
        assert thief.get(f"/api/{person.user_id}/tasks").status_code == 200
        with page.expect_response("**/api/auth/sign-out"):
            sign_out(page)
        time.sleep(1)
        assert thief.get(f"/api/{person.user_id}/tasks").status_code == 401
        assert thief.get("/dashboard").status_code == 307
    page.wait_for_url("**/sign-in")
    other_tab.wait_for_url("**/sign-in?next=**")


def chat_token(person: Person, page: Page) -> str:
    """A token of its own for a chat, as OpenAI's element asks for it."""
    status, session = person.api(page, "POST", "/chatkit/session", {})
    assert status == 201
    return session["client_secret"]


def is_revoked(person: Person, token: str) -> bool:
    """Whether the services have forgotten a chat token."""
    answer = httpx.post(
        f"{person.origin}/api/{person.user_id}/chatkit",
        headers={"authorization": f"Bearer {token}"},
        json={"type": "threads.list", "params": {}},
    )
    return answer.status_code == 401 and answer.json()["reason"] == "token_revoked"


def test_a_new_password_ends_the_other_sessions_and_what_they_have_given(new_person: NewPerson) -> None:
    person, elsewhere = new_person(), new_person()
    page = person.sign_up("/dashboard/account")
    second = elsewhere.open("/sign-in")
    assert fetch(second, "POST", "/api/auth/sign-in/email", {"email": person.email, "password": PASSWORD})[0] == 200
    given = chat_token(person, second)
    assert not is_revoked(person, given)
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill("another good password")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    assert is_revoked(person, given)
    assert person.api(page, "GET", "/tasks")[0] == 200
    time.sleep(1)
    assert fetch(second, "GET", f"/api/{person.user_id}/tasks")[0] == 401


def test_signing_out_everywhere_ends_all_sessions_and_what_they_have_given(new_person: NewPerson) -> None:
    person, elsewhere = new_person(), new_person()
    page = person.sign_up("/dashboard/account")
    second = elsewhere.open("/sign-in")
    assert fetch(second, "POST", "/api/auth/sign-in/email", {"email": person.email, "password": PASSWORD})[0] == 200
    given = [chat_token(person, page), chat_token(person, second)]
    page.get_by_role("button", name="Sign out everywhere").click()
    page.wait_for_url("**/sign-in")
    assert all(is_revoked(person, token) for token in given)
    time.sleep(1)
    assert fetch(second, "GET", f"/api/{person.user_id}/tasks")[0] == 401


def test_other_sessions_can_be_ended_and_this_one_goes_on(new_person: NewPerson) -> None:
    """What the page asks meanwhile with the token that it had is asked again with a new one."""
    person = new_person()
    page = person.sign_up()
    given = chat_token(person, page)
    with httpx.Client(base_url=person.origin, headers={"cookie": person.cookie_header}) as other_replica:
        assert fetch(page, "POST", "/api/auth/revoke-other-sessions", {})[0] == 200
        assert is_revoked(person, given)
        assert other_replica.get(f"/api/{person.user_id}/tasks").status_code == 200


def test_a_session_elsewhere_is_seen_and_ended(new_person: NewPerson) -> None:
    person, elsewhere = new_person(), new_person()
    person.register()
    second = elsewhere.open("/sign-in")
    assert fetch(second, "POST", "/api/auth/sign-in/email", {"email": person.email, "password": PASSWORD})[0] == 200
    given = chat_token(person, second)
    page = person.open("/dashboard/account")
    sessions = page.get_by_role("list", name="Sessions").get_by_role("listitem")
    expect(sessions).to_have_count(2)
    expect(sessions.first).to_contain_text("This one")
    sessions.nth(1).get_by_role("button", name="Sign out").click()
    expect(sessions).to_have_count(1)
    assert is_revoked(person, given)
    time.sleep(1)
    assert fetch(second, "GET", f"/api/{person.user_id}/tasks")[0] == 401
    assert person.api(page, "GET", "/tasks")[0] == 200
    status, listed = fetch(page, "GET", "/api/auth/sessions")
    assert status == 200
    assert "token" not in listed[0]
    stranger = new_person()
    strange_page = stranger.sign_up()
    for session_id in (listed[0]["id"], "nobodys"):
        status, answer = fetch(strange_page, "POST", "/api/auth/end-session", {"id": session_id})
        assert (status, answer["code"]) == (404, "SESSION_GONE")
    page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_text("Your profile is saved")).to_be_visible()


def test_what_an_account_says_of_itself_is_bounded(person: Person) -> None:
    page = person.sign_up()
    for change, code in (({"name": "n" * 101}, "INVALID_NAME"), ({"image": "javascript:1"}, "INVALID_IMAGE")):
        status, answer = fetch(page, "POST", "/api/auth/update-user", change)
        assert (status, answer["code"]) == (400, code)
    large = {"email": "large@natter.test", "password": PASSWORD, "name": "n" * 70_000}
    assert fetch(page, "POST", "/api/auth/sign-up/email", large)[0] == 413
    assert fetch(page, "POST", "/api/auth/update-user", {"name": "Ada"})[0] == 200


def test_deleting_the_account_erases_everything(natter: Natter, person: Person) -> None:
    page = person.sign_up("/dashboard/account")
    assert person.api(page, "POST", "/tasks", {"title": "leave no trace"})[0] == 201
    page.get_by_role("button", name="Delete account").click()
    page.get_by_label("Your password").fill("not the password")
    page.get_by_role("button", name="Delete everything").click()
    expect(page.get_by_role("alert").filter(has_text="not your current password")).to_be_visible()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Delete everything").click()
    expect(page.get_by_text("Your account is deleted")).to_be_visible()
    page.wait_for_timeout(2_000)  # its stream has been refused meanwhile
    with page.expect_download() as download:
        page.get_by_role("link", name="Keep it").click()
    receipt = json.loads(download.value.path().read_text())
    assert receipt["counts"]["tasks"] == 1
    assert person.user_id not in str(receipt)
    page.get_by_role("link", name="Done").click()
    page.wait_for_url(f"{person.origin}/")
    time.sleep(1)  # no token of the very second of the erasure holds
    left = httpx.get(f"{natter.edge_url}/api/{person.user_id}/tasks", headers=natter.headers(person.user_id))
    # 401: tokens from before the account was deleted are revoked.
    assert left.status_code in {401, 404} or (left.status_code, left.json()["data"]) == (200, [])
    credentials = {"email": person.email, "password": PASSWORD}
    assert fetch(page, "POST", "/api/auth/sign-in/email", credentials)[0] in {401, 429}


def test_everything_about_a_person_can_be_exported(person: Person) -> None:
    page = person.sign_up("/dashboard/account")
    person.api(page, "POST", "/tasks", {"title": "take me along"})
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert "take me along" in archive.read("natter-export.json").decode()
