"""The chat by finger."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.conftest import NewPerson
from tests.e2e.browser.person import Chat

pytestmark = [pytest.mark.whole_path, pytest.mark.timeout(120, func_only=True)]

TARGET_PIXELS_MIN = 44

MOVED_IN = """
    () => Promise.all(document.getAnimations()
        .filter((animation) => animation.effect.getComputedTiming().endTime !== Infinity)
        .map((animation) => animation.finished.catch(() => undefined)))
"""
"""A drawer that is still moving in is a little smaller than it will be."""
SMALL_TARGETS = """
    least => {
        const targets = "a[href], button, input, textarea, summary, [role=menuitem], [role=menuitemradio]";
        const roots = [document, document.querySelector("openai-chatkit")?.shadowRoot].filter(Boolean);
        const isShown = (node) => node.checkVisibility({visibilityProperty: true}) &&
            node.getBoundingClientRect().width > 1 && node.closest("[inert], .visually-hidden, .sr-only") === null;
        const isInText = (node) => node.matches("p a, li a, td a") && node.closest("nav") === null;
        const reacts = (node, x, y) => {
            const hit = node.getRootNode().elementFromPoint(x, y);
            return hit !== null && (node === hit || node.contains(hit));
        };
        const isLarge = (node) => {
            const {x, y, width, height} = node.getBoundingClientRect();
            if (width >= least - 0.5 && height >= least - 0.5) return true;
            const [middle, centre, reach] = [x + width / 2, y + height / 2, least / 2 - 1];
            const edges = [[-reach, 0], [reach, 0], [0, -reach], [0, reach]];
            return edges.every(([dx, dy]) => reacts(node, middle + dx, centre + dy));
        };
        return roots.flatMap((root) => [...root.querySelectorAll(targets)])
            .filter((node) => isShown(node) && !isInText(node) && !isLarge(node))
            .map((node) => {
                const {width, height} = node.getBoundingClientRect();
                const name = node.ariaLabel ?? node.textContent;
                return `${node.tagName} ${name} ${Math.round(width)}x${Math.round(height)}`;
            });
    }
"""


def small_targets(page: Page) -> list[str]:
    """What is too small for a finger, of what reacts to one; links within a text aside."""
    page.evaluate(MOVED_IN)
    return page.evaluate(SMALL_TARGETS, TARGET_PIXELS_MIN)


def test_targets_are_large_enough_for_a_finger(new_person: NewPerson) -> None:
    person = new_person(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = person.sign_up()
    chat = Chat(page)
    expect(chat.composer).not_to_be_focused()  # the keyboard would cover the page
    assert small_targets(page) == []
    chat.composer.fill("add a task: buy milk")
    chat.root.get_by_role("button", name="Send", exact=True).tap()  # Enter makes a line here
    expect(chat.badge("success")).to_have_count(1)
    expect(chat.stop_button).to_have_count(0)
    assert small_targets(page) == []
    chat.root.get_by_role("button", name="Sidebar").click()
    expect(page.get_by_role("dialog", name="Conversations").get_by_role("listitem")).to_have_count(1)
    assert small_targets(page) == []
    page.goto("/dashboard")
    expect(page.get_by_role("checkbox", name="buy milk")).to_be_visible()
    assert small_targets(page) == []
    page.goto("/dashboard/account")
    assert small_targets(page) == []
