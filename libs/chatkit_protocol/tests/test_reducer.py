"""What events build up, however they are cut; and the contradictions that a viewer notices."""

from datetime import UTC, datetime
from typing import Any

import pytest
from chatkit_protocol import events, items
from chatkit_protocol.reducer import BrokenStreamError, Shown, Viewer
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def message(*texts: str) -> dict[str, Any]:
    return items.assistant_message("msg_1", "conv_1", NOW, [items.output_text(text) for text in texts])


def workflow(*tasks: dict[str, Any]) -> dict[str, Any]:
    return items.workflow("wf_1", "conv_1", NOW, "custom", list(tasks))


def answer_of(parts: list[list[str]]) -> list[dict[str, Any]]:
    """The events of a message whose parts come in these deltas, without its end."""
    told = [events.item_added(message())]
    for at, deltas in enumerate(parts):
        told.append(events.part_added("msg_1", at, items.output_text("")))
        told += [events.text_delta("msg_1", at, delta) for delta in deltas]
    return told


@given(st.lists(st.lists(st.text(max_size=4), max_size=5), max_size=4), st.booleans(), st.booleans())
def test_deltas_and_the_end_build_the_same_item(parts: list[list[str]], is_asked_often: bool, ends: bool) -> None:
    shown = Shown()
    whole = message(*["".join(deltas) for deltas in parts])
    for event in [*answer_of(parts), *([events.item_done(whole)] if ends else [])]:
        shown.apply(event)
        if is_asked_often:
            shown.whole_items()
    assert shown.whole_items() == [whole]


def test_an_event_stays_as_it_is_whatever_is_built_on_it() -> None:
    told = [*answer_of([["a"]]), events.item_added(workflow()), events.task_changed("wf_1", "added", 0, {"type": "x"})]
    before = events.encode({"all": told})
    shown = Shown()
    for event in told:
        shown.apply(event)
    shown.whole_items()
    assert events.encode({"all": told}) == before


def test_tasks_are_added_and_changed_in_place() -> None:
    shown = Shown()
    for event in (
        events.item_added(workflow()),
        events.task_changed("wf_1", "added", 0, {"n": 0}),
        events.task_changed("wf_1", "added", 1, {"n": 1}),
        events.task_changed("wf_1", "updated", 0, {"n": 2}),
    ):
        shown.apply(event)
    assert shown.whole_items() == [workflow({"n": 2}, {"n": 1})]


def test_what_was_removed_is_gone_with_its_text_and_what_is_said_of_it_later_is_ignored() -> None:
    shown = Shown()
    for event in [
        *answer_of([["dead "]]),
        events.item_removed("msg_1"),
        events.text_delta("msg_1", 0, "late "),
        *answer_of([["new"]]),
    ]:
        shown.apply(event)
    assert shown.whole_items() == [message("new")]


@pytest.mark.parametrize(
    "told",
    [
        [events.text_delta("msg_1", 0, "x")],
        [*answer_of([]), events.text_delta("msg_1", 0, "x")],
        [events.item_added(message()), events.item_added(message())],
        [events.item_added(workflow()), events.task_changed("wf_1", "added", 1, {})],
    ],
    ids=["of nothing", "of no part", "added twice", "a task left out"],
)
def test_a_viewer_notices_a_contradiction(told: list[dict[str, Any]]) -> None:
    viewer = Viewer()
    for event in told[:-1]:
        viewer.apply(event)
    with pytest.raises(BrokenStreamError):
        viewer.apply(told[-1])


def test_a_viewer_tells_a_text_that_was_never_stored_from_one_that_was() -> None:
    viewer = Viewer()
    for event in answer_of([["He", "llo"]]):
        viewer.apply(event)
    viewer.apply(events.part_done("msg_1", 0, items.output_text("Hello")))
    assert (viewer.texts(), viewer.stored_texts()) == (["Hello"], [""])
    viewer.apply(events.item_done(message("Hello")))
    assert viewer.texts() == viewer.stored_texts() == ["Hello"]
