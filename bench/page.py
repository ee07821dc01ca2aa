"""Measure what a person at the chat page waits for: `python -m bench.page [--samples 10]`.

A whole `natter up` with the built web app and the demo model, in Chromium on the same machine. Times are taken in the
page, from the event (a key, a click, the start of a reload) to the first frame that shows what is waited for. Each
sample is a conversation of its own. Prints the figures beside the bars of the project, and writes docs/bench/page.json.
"""

import argparse
import gzip
import json
import os
import statistics
from pathlib import Path
from typing import Any

from natter.settings import Settings
from natter.web_app import find_web_app
from natter_testing.servers import temporary_directory
from natter_testing.stack import natter_up
from playwright.sync_api import Page, Response, expect

from bench.loads import RESULTS, ROOT, machine
from tests.e2e.browser.person import Chat, Person
from tests.e2e.chromium import chromium

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
WORDS, WORDS_BEFORE_RELOAD = 400, 20
BARS = {
    "own bubble, ms": 14,
    "first word, ms": 131,
    "reload in mid-answer, ms": 310,
    "Stop, ms": 71,
    "layout shift": 0.0004,
    "axe violations": 0,
    "script of the page, gzip bytes": 333 * 1024,
}
"""What was measured when the bars were set (the first word took 74 to 131 ms); the bundle's is a test as well."""

# In each document before its own scripts.
WATCH = """
window.bench = {
    shift: 0,
    all: (selector) => [...document.querySelector('openai-chatkit')?.shadowRoot?.querySelectorAll(selector) ?? []],
    words: () => bench.all('.message.assistant .answer .markdown').at(-1)?.innerText.match(/\\S+/g) ?? [],
    until: (condition) => new Promise((resolve) => {
        const look = () => condition() ? resolve(performance.now()) : requestAnimationFrame(look);
        requestAnimationFrame(look);
    }),
    next: (type) => new Promise((resolve) => {
        addEventListener(type, (event) => resolve(event.timeStamp), {capture: true, once: true});
    }),
};
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) bench.shift += entry.value;
}).observe({type: 'layout-shift', buffered: true});
"""
WATCH_SENDING = """() => {
    const watched = async () => {
        const sent = await bench.next('keydown');
        const bubble = await bench.until(() => bench.all('.message.user .bubble').length === 1);
        const word = await bench.until(() => bench.words().length > 0);
        return {'own bubble, ms': bubble - sent, 'first word, ms': word - sent};
    };
    bench.watched = watched();
}"""
WATCH_STOPPING = """() => {
    const watched = async () => {
        const clicked = await bench.next('click');
        return await bench.until(() => bench.all('.turn-note')[0]?.innerText.includes('Stopped')) - clicked;
    };
    bench.watched = watched();
}"""


def sample(page: Page) -> dict[str, float]:
    """One conversation: send, reload in mid-answer, stop."""
    page.goto("/dashboard/chat")
    chat = Chat(page)
    expect(chat.composer).to_be_focused()
    page.wait_for_timeout(500)  # what a page loads when it is idle is loaded
    chat.composer.fill(f"count to {WORDS}")
    page.evaluate(WATCH_SENDING)
    page.keyboard.press("Enter")
    found: dict[str, float] = page.evaluate("bench.watched")
    seen: int = page.evaluate(
        "async (least) => { await bench.until(() => bench.words().length >= least); return bench.words().length; }",
        WORDS_BEFORE_RELOAD,
    )
    shift: float = page.evaluate("bench.shift")
    page.reload(wait_until="commit")
    found["reload in mid-answer, ms"] = page.evaluate("(seen) => bench.until(() => bench.words().length >= seen)", seen)
    expect(chat.stop_button).to_be_visible()
    page.evaluate(WATCH_STOPPING)
    chat.stop_button.click()
    found["Stop, ms"] = page.evaluate("bench.watched")
    return found | {"layout shift": max(shift, page.evaluate("bench.shift"))}


def violations(page: Page) -> int:
    """How many rules axe finds broken, of any weight, also inside the chat's shadow root."""
    page.evaluate(AXE.read_text())
    return page.evaluate("async () => (await axe.run(document)).violations.length")


def script_bytes(person: Person) -> int:
    """All scripts of the page, each compressed, in a browser that has none of them."""
    page = person.context.new_page()
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))  # noqa: PLW0108 - no built-ins here
    page.goto("/dashboard/chat")
    expect(Chat(page).composer).to_be_visible()
    page.wait_for_timeout(500)
    scripts = {one.url: one.body() for one in responses if one.request.resource_type == "script"}
    return sum(len(gzip.compress(body)) for body in scripts.values())


def measure(samples: int, directory: Path) -> dict[str, list[float]]:
    find_web_app(Settings(), print)  # a build takes longer than a start may
    ports = ("--edge-port", "0", "--relay-port", "0", "--web-port", "0")
    with natter_up(directory, *ports) as natter, chromium() as browser:
        context = browser.new_context(base_url=natter.url, viewport={"width": 1280, "height": 800})
        context.add_init_script(WATCH)
        person = Person(context, natter.url)
        page = person.sign_up()
        sample(page)  # the first answer of a stack that has just started is not what people meet
        taken = [sample(page) for _ in range(samples)]
        figures = {name: [one[name] for one in taken] for name in taken[0]}
        figures["axe violations"] = [violations(page)]
        figures["script of the page, gzip bytes"] = [script_bytes(person)]
        context.close()
        return figures


def main(samples: int) -> None:
    found: dict[str, Any] = {"machine": machine(), "samples": samples, "figures": {}}
    with temporary_directory() as directory:
        figures = measure(samples, directory)
    found["machine"]["load_after"] = round(os.getloadavg()[0], 1)
    print(f"load {found['machine']['load_before']} before, {found['machine']['load_after']} after; {samples} samples")
    for name, values in figures.items():
        middle, least, most = (round(value, 4) for value in (statistics.median(values), min(values), max(values)))
        found["figures"][name] = {"median": middle, "least": least, "most": most, "bar": BARS[name]}
        print(f"{name:<32} {middle:>10g}   ({least:g} to {most:g}; bar {BARS[name]:g})")
    (RESULTS / "page.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10)
    main(parser.parse_args().samples)
