"""Ways into an account, where sign-up is closed: invitations, OpenID Connect, passkeys; the pages by keyboard."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from natter.operating import roles
from natter.servers.ports import free_port
from natter_testing.servers import temporary_directory
from natter_testing.stack import RunningNatter, natter_up
from playwright.sync_api import CDPSession, Page, expect

from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import PASSWORD, Chat, Person, fetch, fill_credentials, sign_out
from tests.e2e.browser.test_accounts import links, sign_in
from tests.e2e.browser.test_looks import serious_violations
from tests.e2e.oidc_provider.server import OidcServer

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(240, func_only=True)]


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[OidcServer, OidcServer]]:
    """Acme makes accounts and is given a secret; Campus is for who has an account, and knows us by PKCE alone."""
    origin = f"http://127.0.0.1:{free_port()}"
    acme = OidcServer.new("acme", "Acme", origin, is_public=False)
    campus = OidcServer.new("campus", "Campus", origin, is_public=True)
    acme.start()  # Campus is away when Natter starts
    yield acme, campus
    acme.stop()
    campus.stop()


@pytest.fixture(scope="module")
def natter(built_web_app: None, providers: tuple[OidcServer, OidcServer]) -> Iterator[RunningNatter]:
    acme, campus = providers
    environment = {
        "NATTER_SIGN_UP": "invited",
        "NATTER_OIDC_PROVIDERS": json.dumps([{**acme.setting, "sign_up": True}, campus.setting]),
    }
    port = str(urlsplit(acme.redirect_uri).port)
    ports = ("--edge-port", "0", "--relay-port", "0", "--web-port", port)
    with (
        temporary_directory() as directory,
        natter_up(directory, *ports, "--demo-user", environment=environment) as running,
    ):
        yield running


def sign_up_invited(natter: RunningNatter, person: Person) -> Page:
    page = person.context.new_page()
    page.goto(links(natter, "invite", person.email))
    expect(page.get_by_label("E-mail")).to_have_value(person.email)  # the page is alive: it has read the link
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Start chatting").click()
    page.wait_for_url("**/dashboard/chat")
    return page


def continue_with(page: Page, provider: str) -> None:
    page.goto("/sign-in")
    page.get_by_role("button", name=f"Continue with {provider}").click()


def at_provider(page: Page, login: str) -> None:
    """Its own pages: a name, any password, and that one allows it."""
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def user_of(page: Page) -> dict[str, str]:
    return page.request.get("/api/auth/get-session").json()["user"]


def expect_refused(page: Page, code: str, words: str) -> None:
    page.wait_for_url(re.compile(rf"[?&]error={code}(&|$)"))
    expect(page.get_by_role("status").or_(page.get_by_role("alert")).filter(has_text=words)).to_be_visible()


def in_accounts(natter: RunningNatter, statement: str) -> list[tuple[Any, ...]]:
    """What the accounts' database answers, in a thread: Playwright has an event loop of its own."""

    async def ask() -> list[tuple[Any, ...]]:
        connection = await roles.enter(roles.accounts_database(natter.data_dir, None))
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(ask())).result(30)


def test_people_sign_in_at_providers_of_openid_connect(
    natter: RunningNatter, new_person: NewPerson, providers: tuple[OidcServer, OidcServer]
) -> None:
    acme, campus = providers
    ada, bob = new_person(), new_person()
    page = ada.open("/sign-in")
    assert serious_violations(page) == []
    continue_with(page, "Campus")
    expect(page.get_by_role("alert").filter(has_text="That provider is not answering")).to_be_visible()
    campus.start()
    user_id = sign_in_anew_and_again(page, acme, ada.email)
    connect_another(page, user_id)
    a_taken_address_needs_its_owner(natter, bob, ada)
    disconnect_all_but_one(page)
    others_are_refused_with_words(new_person)
    kept = in_accounts(natter, 'select "accessToken", "refreshToken", "idToken" from auth.account')
    assert set(kept) == {(None, None, None)}


def sign_in_anew_and_again(page: Page, acme: OidcServer, login: str) -> str:
    """The second time the provider signs with another key."""
    page.goto("/sign-in?next=%2Fdashboard%3Ffilter%3Ddone")
    with page.expect_request(f"{acme.issuer}/auth?**") as asked:
        page.get_by_role("button", name="Continue with Acme").click()
    query = parse_qs(urlsplit(asked.value.url).query)
    assert query["code_challenge_method"] == ["S256"]  # the provider refuses without, and checks what it is of
    assert query["scope"] == ["openid email profile"]
    assert len(query["nonce"][0]) >= 32
    at_provider(page, login)
    page.wait_for_url("**/dashboard?filter=done")
    first = user_of(page)
    assert (first["email"], first["name"]) == (login, f"{login} elsewhere")
    assert first["emailVerified"] is True
    page.goto("/dashboard/chat")
    sign_out(page)
    acme.stop()
    acme.start()
    continue_with(page, "Acme")
    at_provider(page, login)
    page.wait_for_url("**/dashboard/chat")
    assert user_of(page)["id"] == first["id"]
    return first["id"]


def connect_another(page: Page, user_id: str) -> None:
    """With another name there, for which nobody vouches: who is signed in at both has proved both."""
    page.goto("/dashboard/account")
    assert serious_violations(page) == []
    page.get_by_role("button", name="Connect Campus").click()
    at_provider(page, "unproven-ada@campus.test")
    expect(page.get_by_role("button", name="Disconnect Campus")).to_be_visible()
    page.goto("/dashboard/chat")
    sign_out(page)
    continue_with(page, "Campus")  # which still knows who this is
    page.wait_for_url("**/dashboard/chat")
    assert user_of(page)["id"] == user_id


def a_taken_address_needs_its_owner(natter: RunningNatter, bob: Person, ada: Person) -> None:
    page = sign_up_invited(natter, bob)
    bob_id = user_of(page)["id"]
    sign_out(page)
    continue_with(page, "Acme")
    at_provider(page, bob.email)
    expect_refused(page, "account_not_linked", "Sign in to it, then connect the two under Account")
    assert page.request.get("/api/auth/get-session").json() is None
    sign_in(page, bob.email, PASSWORD)
    page.wait_for_url("**/dashboard/chat")
    page.goto("/dashboard/account")
    page.get_by_role("button", name="Connect Acme").click()
    expect(page.get_by_role("button", name="Disconnect Acme")).to_be_visible()
    page.get_by_role("button", name="Connect Campus").click()
    at_provider(page, "unproven-ada@campus.test")
    expect_refused(page, "account_already_linked_to_different_user", "connected to another account here")
    page.goto("/dashboard/chat")
    sign_out(page)
    continue_with(page, "Acme")
    page.wait_for_url("**/dashboard/chat")
    assert user_of(page)["id"] == bob_id


def disconnect_all_but_one(page: Page) -> None:
    page.goto("/dashboard/account")
    page.get_by_role("button", name="Disconnect Campus").click()
    expect(page.get_by_role("button", name="Connect Campus", exact=True)).to_be_visible()
    page.get_by_role("button", name="Disconnect Acme").click()
    expect(page.get_by_role("alert").filter(has_text="only way into your account")).to_be_visible()
    page.goto("/dashboard/chat")
    sign_out(page)
    continue_with(page, "Campus")
    expect_refused(page, "email_not_found", "does not vouch for your e-mail address")


def others_are_refused_with_words(new_person: NewPerson) -> None:
    page = new_person().open("/sign-in")
    continue_with(page, "Campus")
    at_provider(page, "carol@campus.test")
    expect_refused(page, "signup_disabled", "accounts are made by invitation")
    continue_with(page, "Acme")
    page.get_by_role("link", name="Cancel").click()
    expect_refused(page, "access_denied", "You did not allow it there")


def test_an_invitation_is_good_once_and_for_one_address(natter: RunningNatter, new_person: NewPerson) -> None:
    person, other = new_person(), new_person()
    page = person.open("/sign-up")
    expect(page.get_by_text("Accounts are made by invitation here")).to_be_visible()
    fill_credentials(page, person.email, PASSWORD)
    page.get_by_role("button", name="Start chatting").click()
    expect_no_invitation(page)
    link = links(natter, "invite", person.email)
    for email in (other.email, person.email):
        page.goto("about:blank")
        page.goto(link)
        expect(page.get_by_label("E-mail")).to_have_value(person.email)
        fill_credentials(page, email, PASSWORD)
        page.get_by_role("button", name="Start chatting").click()
        if email == other.email:
            expect_no_invitation(page)
    page.wait_for_url("**/dashboard/chat")
    sign_out(page)
    expired = links(natter, "invite", other.email)
    past = "update auth.verification set \"expiresAt\" = now() where identifier like 'invitation:%'"
    in_accounts(natter, past)
    page = other.open("/sign-up")
    for used_or_expired in (link, expired):
        page.goto("about:blank")
        page.goto(used_or_expired)
        expect(page.get_by_label("E-mail")).not_to_have_value("")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Start chatting").click()
        expect_no_invitation(page)
    # Who starts Natter with --demo-user needs no invitation.
    [demo] = [
        re.search(r"sign in as (\S+) with the password (\S+)", line) for line in natter.output if "sign in as" in line
    ]
    assert demo is not None
    sign_in(page, demo[1], demo[2])
    expect(Chat(page).composer).to_be_visible()


def expect_no_invitation(page: Page) -> None:
    expect(page.get_by_role("alert").filter(has_text="this address has none that is still good")).to_be_visible()


def authenticator(page: Page) -> tuple[CDPSession, str]:
    """A device with passkeys that asks who somebody is: the browser's session, and its id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return session, session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]


def use_passkey(page: Page) -> None:
    page.goto("/sign-in")
    page.get_by_role("button", name="Use a passkey").click()


def test_a_passkey_signs_in_and_can_be_deleted(natter: RunningNatter, new_person: NewPerson) -> None:
    by_numbers = new_person()
    page = sign_up_invited(natter, by_numbers)
    page.goto("/dashboard/account")
    page.get_by_role("button", name="Add a passkey").click()
    expect(
        page.get_by_role("alert").filter(has_text="Open Natter by it: on its own machine as localhost")
    ).to_be_visible()

    person = new_person(natter.url.replace("127.0.0.1", "localhost"))
    person.email = by_numbers.email
    page = person.open("/sign-in")
    session, device = authenticator(page)
    sign_in(page, person.email, PASSWORD)
    page.wait_for_url("**/dashboard/chat")
    user_id = user_of(page)["id"]
    page.goto("/dashboard/account")
    page.get_by_label("Name of the passkey").fill("My laptop")
    page.get_by_role("button", name="Add a passkey").click()
    listed = page.get_by_role("list", name="Passkeys").get_by_role("listitem")
    expect(listed).to_have_count(1)
    expect(listed).to_contain_text("My laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="has a passkey for your account already")).to_be_visible()
    page.goto("/dashboard/chat")
    sign_out(page)
    use_passkey(page)
    page.wait_for_url("**/dashboard/chat")
    assert user_of(page)["id"] == user_id
    sign_out(page)
    # Somebody else has the device.
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    use_passkey(page)
    expect(page.get_by_role("alert").filter(has_text="No passkey was")).to_be_visible()
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    sign_in(page, person.email, PASSWORD)
    page.wait_for_url("**/dashboard/chat")
    page.goto("/dashboard/account")
    page.get_by_role("button", name="Delete My laptop").click()
    expect(listed).to_have_count(0)
    page.goto("/dashboard/chat")
    sign_out(page)
    use_passkey(page)
    expect(page.get_by_role("alert").filter(has_text="does not belong to an account here any more")).to_be_visible()
    an_account_with_a_passkey_can_be_deleted(natter, page, person)


def an_account_with_a_passkey_can_be_deleted(natter: RunningNatter, page: Page, person: Person) -> None:
    sign_in(page, person.email, PASSWORD)
    page.wait_for_url("**/dashboard/chat")
    page.goto("/dashboard/account")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("list", name="Passkeys").get_by_role("listitem")).to_have_count(1)
    assert fetch(page, "POST", "/api/auth/delete-user", {"password": PASSWORD})[0] == 200
    assert in_accounts(natter, "select count(*) from auth.passkey") == [(0,)]


def names_by_tab(page: Page, first: str, last: str) -> list[str]:
    """What the Tab key reaches from one control to another, each seen to be focused."""
    page.get_by_label(first, exact=True).or_(page.get_by_role("button", name=first, exact=True)).first.focus()
    names: list[str] = []
    while len(names) < 40 and names[-1:] != [last]:
        names.append(
            page.evaluate(
                """() => {
                    const at = document.activeElement;
                    const style = getComputedStyle(at);
                    const isSeen = style.outlineStyle !== "none" || style.boxShadow !== "none";
                    const label = at.labels?.[0]?.textContent ?? at.getAttribute("aria-label") ?? at.textContent;
                    return (isSeen ? "" : "unseen: ") + label.trim();
                }"""
            )
        )
        page.keyboard.press("Tab")
    return names


def test_the_door_and_the_account_by_keyboard_light_and_dark(natter: RunningNatter, new_person: NewPerson) -> None:
    person = new_person(reduced_motion="reduce")
    page = person.open("/sign-in")
    assert names_by_tab(page, "E-mail", "Continue with Campus") == [
        "E-mail",
        "Password",
        "Show password",
        "Forgot your password?",
        "Sign in",
        "Use a passkey",
        "Continue with Acme",
        "Continue with Campus",
    ]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for path in (
            "/sign-in",
            "/sign-in?error=account_not_linked",
            "/sign-up",
            "/forgot-password",
            "/reset-password",
        ):
            page.goto(path)
            assert serious_violations(page) == [], (scheme, path)
    page.close()
    page = sign_up_invited(natter, person)
    page.goto("/dashboard/account?error=account_already_linked_to_different_user")
    expect(page.get_by_role("list", name="Sessions").get_by_role("listitem")).to_have_count(1)
    reached = names_by_tab(page, "Name", "Delete account…")
    assert [name for name in reached if name.startswith("unseen")] == []
    expected = ("Save profile", "Current password", "New password", "Change password", "Name of the passkey")
    more = ("Add a passkey", "Connect Acme", "Connect Campus", "Sign out everywhere", "Export", "Delete account…")
    assert [name for name in reached if name in expected + more] == [*expected, *more]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)  # colours change over a moment
        assert serious_violations(page) == [], scheme
    page.get_by_role("button", name="Delete account").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your password")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Delete account")).to_be_focused()
