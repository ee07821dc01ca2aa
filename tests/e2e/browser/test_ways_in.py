"""Ways into an account besides a password, where sign-up is closed."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
from natter.operating import accounts
from natter.servers.ports import free_port
from natter_testing.servers import temporary_directory
from natter_testing.stack import RunningNatter, natter_up
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import PASSWORD, Person, sign_out
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
    with temporary_directory() as directory, natter_up(directory, *ports, environment=environment) as running:
        yield running


def sign_up_invited(natter: RunningNatter, person: Person) -> Page:
    page = person.context.new_page()
    page.goto(links(natter, "invite", person.email))
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


def tokens_kept(natter: RunningNatter) -> set[str | None]:
    """What the accounts' table has of what providers gave, in a thread: Playwright has an event loop of its own."""

    async def read() -> set[str | None]:
        connection = await accounts.connect(natter.data_dir, None)
        try:
            rows = await connection.fetch('select "accessToken", "refreshToken", "idToken" from auth.account')
        finally:
            await connection.close()
        return {value for row in rows for value in row}

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(read())).result(30)


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
    assert tokens_kept(natter) == {None}


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
    expect(page.get_by_role("button", name="Connect Campus")).to_be_visible()
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
