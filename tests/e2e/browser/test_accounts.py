"""Accounts that recover: forgotten passwords, confirmed and changed addresses, with a real SMTP server."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default as modern
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from natter.servers.ports import free_port
from natter_testing.servers import temporary_directory
from natter_testing.stack import RunningNatter, natter_up
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import PASSWORD, Chat, Person, fetch, fill_credentials, sign_out
from tests.e2e.browser.test_looks import serious_violations

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(240, func_only=True)]

NEW_PASSWORD = "a staple of another battery"
SENDER = "natter@natter.test"
LINK = re.compile(r"http\S+#\S+")


@dataclass
class Mailbox:
    """An SMTP server, and what it has taken."""

    port: int = field(default_factory=free_port)
    taken: list[EmailMessage] = field(default_factory=list[EmailMessage])
    controller: Controller | None = None

    def open(self) -> None:
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def close(self) -> None:
        assert self.controller is not None
        self.controller.stop()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        message = BytesParser(policy=modern).parsebytes(envelope.content)
        self.taken.append(message)
        return "250 taken"

    def to(self, address: str) -> list[EmailMessage]:
        return [message for message in self.taken if message["to"] == address]

    def wait_for(self, address: str, count: int) -> EmailMessage:
        """The e-mail to an address that comes as such a one."""
        deadline = time.monotonic() + 15
        while len(self.to(address)) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.to(address)[count - 1]

    def link(self, address: str, count: int) -> str:
        """The link in that e-mail: the same in both of its bodies."""
        message = self.wait_for(address, count)
        assert message["from"] == f"Natter <{SENDER}>"
        plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
        assert plain is not None
        assert html is not None
        (link,) = LINK.findall(plain.get_content())
        assert link in html.get_content()
        return link


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    opened = Mailbox()
    opened.open()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def natter(built_web_app: None, mailbox: Mailbox) -> Iterator[RunningNatter]:
    """A stack that sends e-mails, and lets nobody in whose address is not confirmed."""
    environment = {
        "NATTER_SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}",
        "NATTER_MAIL_FROM": f"Natter <{SENDER}>",
        "NATTER_EMAIL_CONFIRMATION": "required",
    }
    ports = ("--edge-port", "0", "--relay-port", "0", "--web-port", "0")
    with temporary_directory() as directory, natter_up(directory, *ports, environment=environment) as running:
        yield running


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/sign-in")
    fill_credentials(page, email, password)
    page.get_by_role("button", name="Sign in").click()


def confirm(page: Page, link: str) -> None:
    page.goto("about:blank")  # two links that differ behind the # alone are one page
    page.goto(link)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("that is confirmed")).to_be_visible()


def choose_password(page: Page, link: str, password: str) -> None:
    page.goto("about:blank")
    page.goto(link)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Save the new password").click()


def links(natter: RunningNatter, *arguments: str) -> str:
    command = [sys.executable, "-m", "natter", "users", *arguments, "--data-dir", str(natter.data_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def test_an_address_is_confirmed_a_password_forgotten_and_the_address_changed(
    natter: RunningNatter, new_person: NewPerson, mailbox: Mailbox
) -> None:
    mail, person = mailbox, new_person()
    page = person.open("/")
    fill_credentials(page, person.email, PASSWORD)
    page.get_by_role("button", name="Start chatting").click()
    expect(page.get_by_text("A link is on its way")).to_be_visible()
    # Nothing tells a new address from one that is taken, not even to who has just made the account.
    body = {"email": person.email, "password": PASSWORD}
    assert fetch(page, "POST", "/api/auth/sign-in/email", body)[1]["code"] == "INVALID_EMAIL_OR_PASSWORD"
    assert fetch(page, "POST", "/api/auth/sign-up/email", {**body, "name": "x", "password": "another one"})[0] == 200
    first = mail.link(person.email, 1)
    assert "You have an account" in mail.wait_for(person.email, 3)["subject"]
    confirm(page, first)
    sign_in(page, person.email, PASSWORD)
    page.wait_for_url("**/dashboard/chat")
    expect(Chat(page).composer).to_be_visible()
    person.user_id = page.request.get("/api/auth/get-session").json()["user"]["id"]

    forget_the_password(natter, new_person, mail, person, page)
    change_the_address(mail, person, page)


def forget_the_password(
    natter: RunningNatter, new_person: NewPerson, mail: Mailbox, person: Person, page: Page
) -> None:
    came = len(mail.to(person.email))
    elsewhere = new_person().open("/sign-in")
    elsewhere.get_by_role("link", name="Forgot your password?").click()
    elsewhere.wait_for_url("**/forgot-password")
    mail.close()
    elsewhere.get_by_label("E-mail").fill("nobody@natter.test")  # it is said whoever it is about
    elsewhere.get_by_role("button", name="Send me a link").click()
    expect(elsewhere.get_by_role("alert").filter(has_text="cannot be sent right now")).to_be_visible()
    mail.open()
    for address in ("nobody@natter.test", person.email):
        elsewhere.goto("/forgot-password")
        elsewhere.get_by_label("E-mail").fill(address)
        assert serious_violations(elsewhere) == []
        elsewhere.get_by_role("button", name="Send me a link").click()
        expect(elsewhere.get_by_text("If there is an account")).to_be_visible()
    link = mail.link(person.email, came + 1)
    assert mail.to("nobody@natter.test") == []
    choose_password(elsewhere, link, NEW_PASSWORD)
    expect(elsewhere.get_by_text("signed out everywhere")).to_be_visible()
    page.wait_for_url("**/sign-in?**")  # the old session is over, in an open tab as well
    choose_password(elsewhere, link, PASSWORD)
    expect(elsewhere.get_by_role("alert").filter(has_text="used before")).to_be_visible()
    sign_in(elsewhere, person.email, PASSWORD)
    expect(elsewhere.get_by_role("alert").filter(has_text="do not belong together")).to_be_visible()
    # An operator's link does the same, without an e-mail.
    choose_password(elsewhere, links(natter, "reset-password", person.email), PASSWORD)
    expect(elsewhere.get_by_text("signed out everywhere")).to_be_visible()
    sign_in(page, person.email, PASSWORD)
    page.wait_for_url("**/dashboard/**")


def change_the_address(mail: Mailbox, person: Person, page: Page) -> None:
    came = len(mail.to(person.email))
    changed = f"changed.{person.email}"
    page.goto("/dashboard/account")
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    page.get_by_label("New address").fill(changed)
    assert serious_violations(page) == []
    page.get_by_role("button", name="Change address").click()
    expect(page.get_by_text("a link is on its way")).to_be_visible()
    confirm(page, mail.link(person.email, came + 1))
    second = mail.link(changed, 1)
    cookies = page.context.cookies()
    page.context.clear_cookies()
    page.goto("about:blank")
    page.goto(second)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert").filter(has_text="Sign in first")).to_be_visible()
    page.context.add_cookies(cookies)  # pyright: ignore[reportArgumentType] - as they came
    confirm(page, second)
    page.goto("/dashboard/chat")
    sign_out(page)
    sign_in(page, changed, PASSWORD)
    page.wait_for_url("**/dashboard/**")
