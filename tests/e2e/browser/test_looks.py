"""Looks, accessibility and what a browser is allowed to do."""

import re
from pathlib import Path

import httpx
import pytest
from natter_testing.stack import Natter
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import ROOT, NewPerson
from tests.e2e.browser.person import Chat, Person

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
ANSWER = "add a task: buy milk"


def serious_violations(page: Page) -> list[str]:
    """What axe finds wrong, seriously or critically, also inside the chat's shadow root."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


def overflows(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def look(page: Page, name: str, artifacts: Path) -> None:
    """Axe finds nothing serious, and nothing overflows, wide and on a phone; screenshots are kept."""
    for width, viewport in (("wide", WIDE), ("phone", PHONE)):
        page.set_viewport_size(viewport)  # pyright: ignore[reportArgumentType] - a TypedDict by another name
        page.wait_for_timeout(150)
        page.screenshot(path=artifacts / f"{name}-{width}.png")
        assert not overflows(page), f"{name} overflows on {width}"
        assert serious_violations(page) == [], f"{name} on {width}"


# Sixteen times axe over a whole page: a minute where the machine has nothing else to do.
@pytest.mark.timeout(300, func_only=True)
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])
def test_every_view_looks_right_and_is_accessible(scheme: str, new_person: NewPerson, artifacts: Path) -> None:
    person = new_person(color_scheme=scheme, reduced_motion="reduce")
    page = person.open("/")
    look(page, f"{scheme}-front", artifacts)
    page.goto("/sign-in")
    look(page, f"{scheme}-sign-in", artifacts)

    page = person.sign_up()
    chat = Chat(page)
    expect(chat.composer).to_be_visible()
    look(page, f"{scheme}-chat-start", artifacts)
    chat.say(ANSWER)
    expect(chat.badge("success")).to_have_count(1)
    expect(chat.stop_button).to_have_count(0)
    look(page, f"{scheme}-chat", artifacts)

    page.goto("/dashboard")
    expect(page.get_by_role("checkbox", name="buy milk")).to_be_visible()
    look(page, f"{scheme}-tasks", artifacts)
    page.get_by_role("checkbox", name="buy milk").click()
    page.get_by_role("tab", name="Open").click()
    expect(page.get_by_text("All done")).to_be_visible()
    look(page, f"{scheme}-tasks-empty", artifacts)
    page.goto("/dashboard/account")
    page.get_by_role("button", name="Delete account").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    look(page, f"{scheme}-account", artifacts)
    page.goto("/no/such/page")
    look(page, f"{scheme}-not-found", artifacts)


def test_the_colour_scheme_is_the_systems_until_one_is_chosen(new_person: NewPerson) -> None:
    person = new_person(color_scheme="dark")
    page = person.sign_up()
    assert is_dark(page)
    page.get_by_role("button", name="Colour scheme").click()
    page.get_by_role("menuitemradio", name="Light").click()
    assert not is_dark(page)
    # The chat follows.
    expect(Chat(page).composer).to_be_visible()
    chat_background = (
        "getComputedStyle(document.querySelector('openai-chatkit').shadowRoot.querySelector('.root')).colorScheme"
    )
    assert page.evaluate(chat_background) == "light"
    page.reload()
    assert not is_dark(page)
    page.get_by_role("button", name="Colour scheme").click()
    page.get_by_role("menuitemradio", name="System").click()
    assert is_dark(page)


def is_dark(page: Page) -> bool:
    lightness = page.evaluate(
        """() => {
            const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number);
            return (red + green + blue) / 3;
        }"""
    )
    return lightness < 100


@pytest.mark.parametrize(("chosen", "dark"), [("dark", True), ("light", False)])
def test_nothing_flashes_because_no_script_decides_the_colours(
    chosen: str, dark: bool, natter: Natter, new_person: NewPerson
) -> None:
    person = new_person(color_scheme="light" if dark else "dark", java_script_enabled=False)
    person.context.add_cookies([{"name": "natter-theme", "value": chosen, "url": natter.url}])
    assert is_dark(person.open("/sign-in")) is dark


def test_motion_is_reduced_where_that_is_wished(new_person: NewPerson) -> None:
    durations = {}
    for wish in ("no-preference", "reduce"):
        page = new_person(reduced_motion=wish).open("/")
        cursor = page.locator(".animate-pulse").first
        durations[wish] = cursor.evaluate("node => parseFloat(getComputedStyle(node).animationDuration)")
    assert durations["no-preference"] > 1
    assert durations["reduce"] < 0.001


def test_pages_allow_no_script_but_their_own(natter: Natter, person: Person) -> None:
    first, second = (httpx.get(f"{natter.url}/sign-in") for _ in range(2))
    policy = first.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts is not None
    assert "unsafe" not in scripts.group(1)
    assert "http" not in scripts.group(1)
    nonces = [re.search(r"'nonce-([^']+)'", page.headers["content-security-policy"]) for page in (first, second)]
    assert nonces[0] is not None
    assert nonces[1] is not None
    assert nonces[0].group(1) != nonces[1].group(1)
    assert first.headers["x-content-type-options"] == "nosniff"
    assert "x-powered-by" not in first.headers

    page = person.sign_up()
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.stolen = true\">')")
    for _ in range(150):  # the browser tells of it in its own time
        page.wait_for_timeout(100)
        if person.complaints:
            break
    assert page.evaluate("window.stolen") is None
    assert any("Content Security Policy" in complaint for complaint in person.complaints)
    person.complaints.clear()


# 1280 by 800 at 200 % has so many CSS pixels; and a phone that is held sideways.
@pytest.mark.parametrize("viewport", [{"width": 640, "height": 400}, {"width": 740, "height": 360}], ids=str)
def test_greeting_and_composer_are_in_view_where_there_is_little_height(
    viewport: dict[str, int], new_person: NewPerson
) -> None:
    page = new_person(viewport=viewport).sign_up()
    chat = Chat(page)
    expect(chat.composer).to_be_in_viewport(ratio=1)
    expect(chat.root.get_by_role("heading", level=2)).to_be_in_viewport(ratio=1)
    assert not overflows(page)


CONTRAST = """element => {
    const shadow = element.shadowRoot;
    const rgb = colour => {
        const context = new OffscreenCanvas(1, 1).getContext('2d');
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = colour => rgb(colour)
        .map(part => part / 255)
        .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const ratio = (one, other) => {
        const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const ground = getComputedStyle(shadow.querySelector('.root')).backgroundColor;
    const probe = document.createElement('span');
    probe.style.color = 'var(--focus)';
    shadow.querySelector('.chat').append(probe);
    const focus = getComputedStyle(probe).color;
    probe.remove();
    const bubble = rgb(getComputedStyle(shadow.querySelector('.bubble')).backgroundColor);
    return {
        border: ratio(getComputedStyle(shadow.querySelector('.composer')).borderTopColor, ground),
        focus: ratio(focus, ground),
        bubbleSpread: Math.max(...bubble) - Math.min(...bubble),
    };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_stand_out_and_the_accent_is_no_ground(scheme: str, new_person: NewPerson) -> None:
    page = new_person(color_scheme=scheme).sign_up()
    chat = Chat(page)
    chat.say("count to 3")
    chat.wait_for_word("3")
    found = chat.root.evaluate(CONTRAST)
    assert found["border"] >= 3, found
    assert found["focus"] >= 3, found
    assert found["bubbleSpread"] <= 16, found  # a neutral tone
