"""The element on a page, as a person uses it."""

from typing import Any

from playwright.sync_api import Page, expect


class Chat:
    """The element on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator("openai-chatkit")
        self.composer = self.root.get_by_role("textbox", name="Message")
        self.answers = self.root.locator(".message.assistant .answer")
        self.bubbles = self.root.locator(".message.user .bubble")
        self.stop_button = self.root.get_by_role("button", name="Stop", exact=True)

    def send(self, text: str) -> None:
        """Type and press Enter."""
        self.composer.fill(text)
        self.composer.press("Enter")

    def ask(self, text: str) -> None:
        """Send, and wait until the answer is complete."""
        before = self.count("response.end")
        self.send(text)
        self.page.wait_for_function(
            "before => window.events.filter(e => e.name === 'response.end').length > before", arg=before
        )

    def count(self, name: str) -> int:
        """How many events of a name the element has emitted."""
        return int(self.page.evaluate("name => window.events.filter(e => e.name === name).length", name))

    def events(self, name: str) -> list[Any]:
        """The details of the events of a name."""
        return self.page.evaluate("name => window.events.filter(e => e.name === name).map(e => e.detail)", name)

    def thread_id(self) -> str:
        """The thread on screen, as soon as it has an id."""
        self.page.wait_for_function("window.events.some(e => e.name === 'thread.change' && e.detail.threadId)")
        return self.events("thread.change")[-1]["threadId"]

    def answer_is(self, text: str, **arguments: Any) -> None:
        """The newest answer says exactly this, as soon as it is drawn."""
        expect(self.answers.last.locator(".markdown")).to_have_text(text, **arguments)


def numbers(count: int) -> str:
    """What `count to N` is answered with."""
    return " ".join(str(number) for number in range(1, count + 1))
