"""The browser of all end-to-end tests: the same Chromium, started the same way."""

import contextlib
from collections.abc import Generator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

SYSTEM_CHROMIUM = [Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium")]
"""The shell is the same browser without windows, and needs a quarter less of a core."""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that beeps, and nobody who has to allow it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@contextlib.contextmanager
def chromium() -> Generator[Browser]:
    """The system's Chromium where there is one, else Playwright's own; closed at the end.

    For one file at a time: its driver keeps an event loop running, which tests of other files must not meet.
    """
    with sync_playwright() as playwright:
        executable = next((str(path) for path in SYSTEM_CHROMIUM if path.exists()), None)
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()
