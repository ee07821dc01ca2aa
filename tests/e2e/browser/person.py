"""A person at a browser: signs up, types, reads."""

import itertools
import re
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from playwright.sync_api import BrowserContext, Locator, Page, expect

PASSWORD = "correct horse battery"
numbers = itertools.count(time.time_ns())


@dataclass
class Person:
    """One browser profile. `complaints` has what no page of ours may cause."""

    context: BrowserContext
    origin: str
    email: str = field(default_factory=lambda: f"person{next(numbers)}@natter.test")
    user_id: str = ""
    complaints: list[str] = field(default_factory=list[str])

    def open(self, path: str, origin: str | None = None) -> Page:
        """A new tab."""
        page = self.context.new_page()
        page.goto(f"{origin or self.origin}{path}")
        return page

    def register(self) -> None:
        """Make an account, and a session of it in this browser: what the forms ask for, without their pages.

        From an address of this person's own, because sign-ins are counted by address.
        """
        number = next(numbers) % 2**22
        address = f"127.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        transport = httpx.HTTPTransport(local_address=address)
        account = {"email": self.email, "password": PASSWORD, "name": self.email.partition("@")[0]}
        with httpx.Client(base_url=self.origin, headers={"origin": self.origin}, transport=transport) as client:
            client.post("/api/auth/sign-up/email", json=account, timeout=30).raise_for_status()
            answer = client.post("/api/auth/sign-in/email", json=account, timeout=30).raise_for_status()
            self.user_id = answer.json()["user"]["id"]
            for cookie in client.cookies.jar:
                self.context.add_cookies([{"name": cookie.name, "value": cookie.value or "", "url": self.origin}])

    def sign_up(self, path: str = "/dashboard/chat") -> Page:
        """Register, and open a tab there."""
        self.register()
        return self.open(path)

    def sign_up_by_form(self) -> Page:
        """Through the front page; returns the tab, which shows the chat."""
        page = self.open("/")
        fill_credentials(page, self.email, PASSWORD)
        page.get_by_role("button", name="Start chatting").click()
        page.wait_for_url("**/dashboard/chat")
        session = page.request.get("/api/auth/get-session").json()
        self.user_id = session["user"]["id"]
        return page

    @property
    def cookie_header(self) -> str:
        """What this browser sends as `Cookie`: for somebody who has stolen it."""
        return "; ".join(f"{cookie.get('name')}={cookie.get('value')}" for cookie in self.context.cookies())

    def api(self, page: Page, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """`fetch` in the page, below /api/{user_id}: status and JSON."""
        return fetch(page, method, f"/api/{self.user_id}{path}", body)


def fetch(page: Page, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """`fetch` in the page: status and JSON (None where there is none)."""
    return page.evaluate(
        """async ([method, path, body]) => {
            const init = {method, headers: {"content-type": "application/json"}};
            const response = await fetch(path, body === null ? init : {...init, body: JSON.stringify(body)});
            const text = await response.text();
            let json = null;
            try { json = JSON.parse(text); } catch {}
            return [response.status, json];
        }""",
        [method, path, body],
    )


def fill_credentials(page: Page, email: str, password: str) -> None:
    """The sign-in or the sign-up form."""
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)


def sign_out(page: Page) -> None:
    """By the account menu."""
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url("**/sign-in")


class Chat:
    """The chat of a tab, as a person sees it; an address is opened first where one is given."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator("openai-chatkit")
        self.composer = self.root.get_by_role("textbox", name="Message")
        self.bubbles = self.root.locator(".message.user .bubble")
        self.answers = self.root.locator(".message.assistant .answer .markdown")
        self.stop_button = self.root.get_by_role("button", name="Stop", exact=True)

    def say(self, text: str) -> None:
        self.composer.fill(text)
        self.composer.press("Enter")

    def badge(self, state: str) -> Locator:
        """The badges of tool calls in a state: running, success, failed, interrupted."""
        return self.root.locator(f".badge[data-state={state}]")

    @property
    def conversation_id(self) -> str:
        self.page.wait_for_url(re.compile(r"conversation=."))
        return self.page.url.partition("conversation=")[2]

    def wait_for_word(self, word: str) -> None:
        """The newest answer holds the word."""
        expect(self.answers.last).to_contain_text(re.compile(rf"\b{word}\b"), timeout=20_000)

    def expect_counted_to(self, last: int) -> None:
        """Exactly one answer, which counts from 1 to `last`, each number once."""
        counted = " ".join(str(number) for number in range(1, last + 1))
        expect(self.answers).to_have_count(1)
        expect(self.answers).to_have_text(re.compile(rf"^\s*{counted}\s*$"), timeout=30_000)
