"""The checker finds each kind of broken promise, planted into a history in which nothing is wrong."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from tests.fault.nemesis.checker import violations
from tests.fault.nemesis.faults import HOWS, plan_faults
from tests.fault.nemesis.history import Accepted, History, Message, Stored, Turn, View
from tests.sse import Frame

DEALT = "Dealt ann-3 fast."
ADDED = "Added “milk” to your list."


def answer_frames(turn: Turn, run_id: str, first_id: int, words: list[str]) -> list[Frame]:
    """What a viewer sees of a run that answers in these pieces."""
    item_id, text = f"msg_of_{run_id}", "".join(words)
    events: list[tuple[str, dict[str, Any]]] = [
        ("message", {"type": "thread.item.done", "item": {"type": "user_message", "id": f"msg_{turn.key}"}}),
        ("run", {"type": "run.started", "run_id": run_id}),
        ("message", {"type": "thread.item.added", "item": {"type": "assistant_message", "id": item_id}}),
        ("message", updated(item_id, "content_part.added", content={"text": ""})),
        *(("message", updated(item_id, "content_part.text_delta", content_index=0, delta=word)) for word in words),
        ("message", updated(item_id, "content_part.done", content={"text": text})),
        ("message", {"type": "thread.item.done", "item": assistant_item(item_id, text)}),
        ("run", {"type": "run.completed", "run_id": run_id}),
    ]
    return [Frame(str(first_id + at), event, data) for at, (event, data) in enumerate(events)]


def updated(item_id: str, what: str, **more: Any) -> dict[str, Any]:
    return {"type": "thread.item.updated", "item_id": item_id, "update": {"type": f"assistant_message.{what}", **more}}


def assistant_item(item_id: str, text: str) -> dict[str, Any]:
    return {"type": "assistant_message", "id": item_id, "content": [{"text": text}]}


def good_history() -> History:
    """Two turns in one conversation, each seen twice; the second viewer of the first got its text in one piece."""
    count = Turn("ann", "ann-1", "count to 3", "1 2 3", accepted=[Accepted("conv", "msg_ann-1", "run_1")] * 2)
    task = Turn("ann", "ann-2", "add milk", ADDED, "milk", accepted=[Accepted("conv", "msg_ann-2", "run_2")])
    counted = answer_frames(count, "run_1", 10, ["1", " 2", " 3"])
    added = answer_frames(task, "run_2", 30, [ADDED])
    merged = updated("msg_of_run_1", "content_part.text_delta", content_index=0, delta="1 2 3")
    shown = Frame("29", "task", {"type": "task.added", "task": {"title": "milk"}})
    third = [Accepted("conv_3", "msg_ann-3", "run_3")]
    deal = Turn("ann", "ann-3", "deal ann-3", DEALT, deal="approve", accepted=third)
    dealt = waiting_twice(answer_frames(deal, "run_3", 50, [DEALT]), "run_3")
    views = [
        View("first", "ann", "run_1", counted),
        View("late", "ann", "run_1", [*counted[:4], Frame("16", "message", merged), *counted[7:]]),
        View("second", "ann", "run_2", added),
        View("all", "ann", None, [*counted, shown, *added, *dealt]),
        View("third", "ann", "run_3", dealt),
    ]
    rows = [("msg_ann-1", "user", count.message), ("msg_of_run_1", "assistant", "1 2 3")]
    rows += [("msg_ann-2", "user", task.message), ("msg_of_run_2", "assistant", ADDED)]
    messages = [Message("ann", "conv", *row) for row in rows]
    rows = [("msg_ann-3", "user", deal.message), ("msg_of_run_3", "assistant", DEALT)]
    messages += [Message("ann", "conv_3", *row) for row in rows]
    runs = {"run_1": "completed", "run_2": "completed", "run_3": "completed"}
    deals = [("ann-3", "run_3/c1")] * 2  # it was executed again, by the same call
    return History([count, task, deal], views, Stored(messages, runs, [("ann", "milk")], deals))


def waiting_twice(frames: list[Frame], run_id: str) -> list[Frame]:
    """The same run, which waits for two decisions before it says anything."""
    waits = [
        Frame("", "run", {"type": kind, "run_id": run_id, "wait": wait})
        for wait in (1, 2)
        for kind in ("run.waiting", "run.resumed")
    ]
    whole = [*frames[:2], *waits, *frames[2:]]
    return [replace(frame, id=str(int(frames[0].id) + at)) for at, frame in enumerate(whole)]


def in_view(number: int, change: Callable[[list[Frame]], Any]) -> Callable[[History], Any]:
    return lambda history: change(history.views[number].frames)


def in_all_views_of_run_1(change: Callable[[list[Frame]], Any]) -> Callable[[History], Any]:
    return lambda history: [change(history.views[number].frames) for number in (0, 1, 3)]


def swap(frames: list[Frame]) -> None:
    """Two words change places, and each has the other's id: only the text tells."""
    one, other = frames[5], frames[6]
    frames[5:7] = [replace(other, id=one.id), replace(one, id=other.id)]


def say_again(frames: list[Frame]) -> None:
    at = next(at for at, frame in enumerate(frames) if "delta" in str(frame.data))
    frames.insert(at + 1, replace(frames[at], has_own_id=False))


def another_end(frames: list[Frame], kind: str) -> None:
    at = next(at for at, frame in enumerate(frames) if frame.data["type"] == "run.completed")
    frames[at] = replace(frames[at], data={"type": kind, "run_id": "run_1"})


def stored_row(message_id: str, **changes: Any) -> Callable[[History], Any]:
    """Change fields of the row with this id; without changes, lose it."""

    def change(history: History) -> None:
        messages = history.stored.messages
        at = next(at for at, row in enumerate(messages) if row.message_id == message_id)
        messages[at : at + 1] = [replace(messages[at], **changes)] if changes else []

    return change


PLANTED: dict[str, tuple[str, Callable[[History], Any]]] = {
    "a turn that was never accepted": ("accepted", lambda history: history.turns[0].accepted.clear()),
    "a second run for the same key": (
        "accepted",
        lambda history: history.turns[0].accepted.append(Accepted("conv", "msg_ann-1", "run_9")),
    ),
    "the run of another turn": (
        "accepted",
        lambda history: history.turns[1].accepted.__setitem__(0, history.turns[0].accepted[0]),
    ),
    "an answer without excuse": ("accepted", lambda history: history.turns[0].refused.append("500")),
    "a lost user row": ("user row", stored_row("msg_ann-1")),
    "a user row twice": ("user row", lambda history: history.stored.messages.append(history.stored.messages[0])),
    "a user row in another conversation": ("user row", stored_row("msg_ann-1", conversation_id="conv_2")),
    "a user row with another id": (
        "user row",
        lambda history: history.stored.messages.__setitem__(
            0, replace(history.stored.messages[0], message_id="msg_other")
        ),
    ),
    "a user row that nobody sent": (
        "user row",
        lambda history: history.stored.messages.append(Message("ann", "conv_2", "msg_9", "user", "who?")),
    ),
    "turns in another order": ("order", lambda history: history.stored.messages.reverse()),
    "a second answer": (
        "one answer",
        lambda history: history.stored.messages.insert(2, Message("ann", "conv", "msg_9", "assistant", "1 2 3")),
    ),
    "a lost answer": ("one answer", stored_row("msg_of_run_1")),
    "a run that is still running": ("terminal", lambda history: history.stored.runs.update(run_1="running")),
    "a run that failed": ("terminal", lambda history: history.stored.runs.update(run_1="failed")),
    "a run shown as failed": ("terminal", in_all_views_of_run_1(lambda frames: another_end(frames, "run.failed"))),
    "a view without an end": ("terminal", in_view(0, lambda frames: frames.pop())),
    "a second terminal frame": (
        "terminal",
        in_view(0, lambda frames: frames.append(replace(frames[-1], id="99"))),
    ),
    "something after the end": ("terminal", in_view(0, lambda frames: frames.append(replace(frames[-2], id="99")))),
    "the user's stream lacks an end": ("terminal", in_view(3, lambda frames: frames.pop())),
    "an id twice": ("ids", in_view(0, lambda frames: frames.insert(3, frames[2]))),
    "an id that falls": ("ids", in_view(0, lambda frames: frames.__setitem__(3, replace(frames[3], id="5")))),
    "a stream that was refused": ("stream", lambda history: history.views[0].refused.append("404 after 12")),
    "a viewer that is told to forget": (
        "reset",
        in_view(0, lambda frames: frames.insert(3, Frame("12", "reset", {"reason": "expired"}, has_own_id=False))),
    ),
    "an event that one viewer lacks": ("events", in_view(1, lambda frames: frames.pop(1))),
    "a word that one viewer lacks": ("events", in_view(0, lambda frames: frames.pop(5))),
    "an event that the user's stream lacks": ("events", in_view(3, lambda frames: frames.pop(2))),
    "an event twice": ("events", in_view(0, lambda frames: frames.insert(2, replace(frames[1], has_own_id=False)))),
    "words in another order": ("text", in_all_views_of_run_1(swap)),
    "a word that nobody saw": ("text", in_all_views_of_run_1(lambda frames: frames.pop(4))),
    "a word that everybody saw twice": ("text", in_all_views_of_run_1(say_again)),
    "text of an item that is not there": ("text", in_all_views_of_run_1(lambda frames: frames.pop(2))),
    "another text stored than seen": ("text", stored_row("msg_of_run_1", content="1 2")),
    "another text than was asked for": ("text", lambda history: setattr(history.turns[0], "expected", "1 2 3 4")),
    "a deal that was approved and not made": ("deal", lambda history: history.stored.deals.clear()),
    "a deal that was made twice": ("deal", lambda history: history.stored.deals.append(("ann-3", "run_3/c2"))),
    "a deal that nobody asked for": ("deal", lambda history: history.stored.deals.append(("ann-9", "run_9/c"))),
    "a deal that was made though it was declined": (
        "deal",
        lambda history: setattr(history.turns[2], "deal", "decline"),
    ),
    "a wait that was never told as over": (
        "deal",
        in_view(4, lambda frames: frames.remove(next(one for one in frames if one.data["type"] == "run.resumed"))),
    ),
    "a decision that was refused": ("accepted", lambda history: history.turns[2].refused.append("409 taken")),
    "a task that was told and is not there": ("task", lambda history: history.stored.tasks.clear()),
    "a task twice": ("task", lambda history: history.stored.tasks.append(("ann", "milk"))),
    "a task that nobody asked for": ("task", lambda history: history.stored.tasks.append(("ann", "bread"))),
    "a task of somebody else": ("task", lambda history: history.stored.tasks.append(("bob", "milk"))),
    "a task shown twice": (
        "task",
        in_view(3, lambda frames: frames.append(next(frame for frame in frames if frame.event == "task"))),
    ),
    "a task never shown": (
        "task",
        in_view(3, lambda frames: frames.remove(next(frame for frame in frames if frame.event == "task"))),
    ),
}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert violations(good_history()) == []


def test_a_withdrawn_attempt_and_a_task_that_could_not_be_added_are_no_violations() -> None:
    history = good_history()
    item = {"type": "thread.item.added", "item": {"type": "assistant_message", "id": "msg_dead"}}
    begun = [item, updated("msg_dead", "content_part.text_delta", content_index=0, delta="1 2")]
    dead = [*begun, {"type": "thread.item.removed", "item_id": "msg_dead"}]
    for view in (history.views[0], history.views[1], history.views[3]):
        at = next(at for at, frame in enumerate(view.frames) if frame.data["type"] == "run.started") + 1
        view.frames[at:at] = [Frame("11", "message", data, has_own_id=False) for data in dead]
    assert violations(history) == []

    sorry = "I could not add “milk”: the tools are away."
    task = history.turns[1]
    frames = answer_frames(task, "run_2", 30, [sorry])
    dealt = history.views[4]
    history.views[2:] = [
        View("second", "ann", "run_2", frames),
        View("all", "ann", None, history.views[0].frames + frames + dealt.frames),
        dealt,
    ]
    history.stored.messages[3] = replace(history.stored.messages[3], content=sorry)
    history.stored.tasks.clear()
    assert violations(history) == []


@pytest.mark.parametrize(("rule", "plant"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_violation_is_found(rule: str, plant: Callable[[History], Any]) -> None:
    history = deepcopy(good_history())
    plant(history)
    assert rule in {violation.rule for violation in violations(history)}


def test_two_minutes_have_everything_done_to_everybody_and_the_same_again_for_the_same_seed() -> None:
    victims = [f"victim {number}" for number in range(8)]
    for seed in range(100):
        faults = plan_faults(seed, 120, victims)
        assert faults == plan_faults(seed, 120, victims)
        assert {(fault.victim, fault.how) for fault in faults} == {(victim, how) for victim in victims for how in HOWS}
        assert all(fault.at + fault.pause_seconds <= 120 for fault in faults)
        for fault in faults:
            assert not any(
                other.victim == fault.victim and other.at < fault.at <= other.at + other.pause_seconds
                for other in faults
            )
