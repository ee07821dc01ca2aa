"""Judges a history: each rule is a promise of Natter, and yields a violation wherever it was broken. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from contracts.events import TERMINAL_RUN_EVENTS

from tests.fault.nemesis.history import History, Turn, View
from tests.sse import Frame

TEXT_DELTA = "assistant_message.content_part.text_delta"
PART_ENDS = ("assistant_message.content_part.added", "assistant_message.content_part.done")


class Violation(NamedTuple):
    """A broken promise. `run_id` where it is about one run."""

    rule: str
    what: str
    run_id: str | None = None


def violations(history: History) -> list[Violation]:
    """All that is wrong with a history."""
    return [violation for rule in RULES for violation in rule(history)]


# --- what clients were told ----------------------------------------------------------------------------------


def every_turn_is_accepted_as_one_run(history: History) -> Iterator[Violation]:
    """However often it was sent: the same key is the same turn, and nobody else's."""
    owner_of: dict[str, Turn] = {}
    for turn in history.turns:
        for answer in turn.refused:
            yield Violation("accepted", f"{turn.key} was answered {answer}")
        if not turn.accepted:
            yield Violation("accepted", f"{turn.key} was never accepted")
        if len(set(turn.accepted)) > 1:
            yield Violation("accepted", f"{turn.key} is more than one turn: {set(turn.accepted)}")
        for accepted in set(turn.accepted):
            if owner_of.setdefault(accepted.run_id, turn) is not turn:
                yield Violation("accepted", f"{turn.key} has the run of {owner_of[accepted.run_id].key}")


def every_message_is_stored_once(history: History) -> Iterator[Violation]:
    """One user row for a turn, with the id that was told, and no row that nobody asked for."""
    asked = {(turn.user, turn.message): turn for turn in history.turns}
    rows: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in history.stored.messages:
        if row.role == "user":
            rows[row.user, row.content].append((row.conversation_id, row.message_id))
    for user, message in rows.keys() - asked.keys():
        yield Violation("user row", f"nobody of {user} said {message!r}")
    for key, turn in asked.items():
        told = {(accepted.conversation_id, accepted.message_id) for accepted in turn.accepted}
        if turn.accepted and (len(rows[key]) != 1 or set(rows[key]) != told):
            yield Violation("user row", f"{turn.key} was told {told}; stored are {rows[key]}", run_of(turn))


def every_turn_has_one_answer(history: History) -> Iterator[Violation]:
    """A conversation's rows are its turns in the order in which they were asked, each with one answer behind it."""
    asked: dict[str, list[str]] = {}
    for turn in history.turns:
        if turn.accepted:
            asked.setdefault(turn.accepted[0].conversation_id, []).append(turn.message)
    for conversation_id, messages in asked.items():
        rows = [row for row in history.stored.messages if row.conversation_id == conversation_id]
        questions = [row.content for row in rows if row.role == "user"]
        if questions != messages:
            yield Violation("order", f"{conversation_id} was asked {messages} and stores {questions}")
        if [row.role for row in rows] != ["user", "assistant"] * len(messages):
            yield Violation("one answer", f"{conversation_id} has the rows {[row.role for row in rows]}")


def every_run_ends_once(history: History) -> Iterator[Violation]:
    """One terminal frame in each view, the last one of its run, and the same as what is stored: completed."""
    for turn in history.turns:
        run_id = run_of(turn)
        if run_id is None:
            continue
        status = history.stored.runs.get(run_id)
        if status != "completed":
            yield Violation("terminal", f"the run of {turn.key} is stored as {status}", run_id)
        for view in views_of(history, turn):
            ends = [frame.data["type"] for frame in events_of(view, run_id) if is_terminal(frame)]
            if ends != ["run.completed"]:
                yield Violation("terminal", f"{view.name} saw the end of {turn.key} as {ends}", run_id)
            elif view.run_id and not is_terminal(view.frames[-1]):
                yield Violation("terminal", f"{view.name} saw {view.frames[-1]} after the end of {turn.key}", run_id)


# --- what viewers saw ----------------------------------------------------------------------------------------


def every_id_rises(history: History) -> Iterator[Violation]:
    """Over all of a viewer's connections. A frame without an id of its own does not move its place."""
    for view in history.views:
        for answer in view.refused:
            yield Violation("stream", f"{view.name} was answered {answer}", view.run_id)
        place = 0
        for frame in view.frames:
            if frame.event == "reset":
                yield Violation("reset", f"{view.name} was told to forget what it has: {frame.data}", view.run_id)
            if frame.has_own_id and int(frame.id) <= place:
                yield Violation("ids", f"{view.name} saw {frame.id} after {place}", view.run_id)
            place = max(place, int(frame.id or 0))


def every_viewer_sees_every_event_once_in_order(history: History) -> Iterator[Violation]:
    """All views of a run are the same events, however often each was cut; only text may come in other pieces."""
    for turn in history.turns:
        run_id = run_of(turn)
        views = [view for view in history.views if run_id and view.run_id == run_id]
        if not views:
            continue
        whole = pieces(views[0].frames)
        for view in views[1:]:
            if (seen := pieces(view.frames)) != whole:
                yield Violation("events", difference(views[0].name, whole, view.name, seen), run_id)
        item_ids = {item_id for frame in views[0].frames if (item_id := item_of(frame))}
        common = [piece for piece in whole if piece[0] in {*item_ids, run_id}]
        for view in history.views:
            if view.run_id is None and view.user == turn.user:
                frames = [frame for frame in view.frames if key_of(frame) in {*item_ids, run_id}]
                if (seen := pieces(frames)) != common:
                    yield Violation("events", difference(views[0].name, common, view.name, seen), run_id)


def the_text_seen_is_the_text_asked_for_and_stored(history: History) -> Iterator[Violation]:
    """What the deltas of the answer spell, what its end says, what is stored, and what was asked for."""
    stored = {row.message_id: row.content for row in history.stored.messages if row.role == "assistant"}
    for turn in history.turns:
        run_id = run_of(turn)
        for view in history.views:
            if run_id is None or view.run_id != run_id:
                continue
            answers, problems = read_answers(view.frames)
            for problem in problems:
                yield Violation("text", f"{view.name}: {problem}", run_id)
            seen = {item_id: stored.get(item_id) for item_id in answers}
            if answers != seen:
                yield Violation("text", f"{view.name} saw {answers}; stored is {seen}", run_id)
            text = "".join(answers.values())
            if text != turn.expected and (turn.task is None or not text):
                yield Violation("text", f"{view.name} asked {turn.message!r} and saw {text!r}", run_id)


def every_task_that_was_told_as_added_is_there_once(history: History) -> Iterator[Violation]:
    """And no other: one that was not told as added may be there, but not twice. Its change is shown once."""
    counts = Counter(history.stored.tasks)
    asked = {(turn.user, turn.task): turn for turn in history.turns if turn.task is not None}
    for user, title in counts.keys() - asked.keys():
        yield Violation("task", f"nobody asked for the task {title!r} of {user}")
    answers = {(row.user, row.content) for row in history.stored.messages if row.role == "assistant"}
    for (user, title), turn in asked.items():
        is_told = (user, turn.expected) in answers
        count = counts[user, str(title)]
        if count > 1 or (is_told and count != 1):
            yield Violation(
                "task", f"{title!r} of {user} is there {count} times (told as added: {is_told})", run_of(turn)
            )
        for view in history.views:
            if view.user != user or view.run_id is not None:
                continue
            shown = sum(frame.event == "task" and frame.data["task"]["title"] == title for frame in view.frames)
            if shown != count:
                what = f"{view.name} saw {title!r} added {shown} times; it is there {count} times"
                yield Violation("task", what, run_of(turn))


def every_deal_is_made_as_it_was_decided(history: History) -> Iterator[Violation]:
    """What was approved by one call, what was declined by none; each wait is told with its end, in order."""
    calls: defaultdict[str, set[str]] = defaultdict(set)
    for what, call in history.stored.deals:
        calls[what].add(call)
    deals = {turn.key: turn for turn in history.turns if turn.deal is not None}
    for what in calls.keys() - deals.keys():
        yield Violation("deal", f"nobody asked for the deal {what!r}")
    for key, turn in deals.items():
        run_id = run_of(turn)
        wanted = turn.deal == "approve"
        if len(calls[key]) != wanted:
            yield Violation("deal", f"{key} ({turn.deal}) was made by {sorted(calls[key])}", run_id)
        if run_id is None:
            continue
        waits = range(1, 3 if wanted else 2)  # for the approval, and for how
        told = [(kind, wait) for wait in waits for kind in ("run.waiting", "run.resumed")]
        for view in views_of(history, turn):
            events = [frame.data for frame in events_of(view, run_id)]
            seen = [(data["type"], data["wait"]) for data in events if data["type"] in ("run.waiting", "run.resumed")]
            if seen != told:
                yield Violation("deal", f"{view.name} saw {key} wait as {seen}", run_id)


RULES = (
    every_turn_is_accepted_as_one_run,
    every_message_is_stored_once,
    every_turn_has_one_answer,
    every_run_ends_once,
    every_id_rises,
    every_viewer_sees_every_event_once_in_order,
    the_text_seen_is_the_text_asked_for_and_stored,
    every_task_that_was_told_as_added_is_there_once,
    every_deal_is_made_as_it_was_decided,
)


# --- reading frames ------------------------------------------------------------------------------------------


def run_of(turn: Turn) -> str | None:
    return turn.accepted[0].run_id if turn.accepted else None


def views_of(history: History, turn: Turn) -> list[View]:
    """The views in which a turn's run must be seen."""
    return [
        view
        for view in history.views
        if view.run_id == run_of(turn) or (view.run_id is None and view.user == turn.user)
    ]


def events_of(view: View, run_id: str) -> list[Frame]:
    return [frame for frame in view.frames if frame.event == "run" and frame.data["run_id"] == run_id]


def is_terminal(frame: Frame) -> bool:
    return frame.event == "run" and frame.data["type"] in TERMINAL_RUN_EVENTS


def item_of(frame: Frame) -> str | None:
    """The item that a ChatKit event is about."""
    return frame.data.get("item_id") or frame.data.get("item", {}).get("id")


def key_of(frame: Frame) -> str | None:
    """The item, or the run, that a frame is about."""
    return frame.data["run_id"] if frame.event == "run" else item_of(frame)


def pieces(frames: Sequence[Frame]) -> list[tuple[str | None, Any]]:
    """The events, each with what it is about, where text that follows on text of the same part is one piece."""
    found: list[tuple[str | None, Any]] = []
    for frame in frames:
        update = frame.data.get("update", {})
        if update.get("type") != TEXT_DELTA:
            found.append((key_of(frame), frame.data))
            continue
        part = ("text", update["content_index"])
        text = update["delta"]
        if found and found[-1][0] == item_of(frame) and isinstance(found[-1][1], tuple) and found[-1][1][:2] == part:
            text = found.pop()[1][2] + text
        found.append((item_of(frame), (*part, text)))
    return found


def difference(one: str, first: list[Any], other: str, second: list[Any]) -> str:
    """Where two lists of pieces part."""
    at = next(
        (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    return f"{one} and {other} part at event {at}: {first[at : at + 2]} … and {second[at : at + 2]} …"


def read_answers(frames: Sequence[Frame]) -> tuple[dict[str, str], list[str]]:
    """The assistant's messages as a client builds them from the events, by id; and what was wrong on the way."""
    texts: dict[str, str] = {}
    problems: list[str] = []
    for frame in frames:
        item_id, item, update = item_of(frame), frame.data.get("item", {}), frame.data.get("update", {})
        if item_id is None or item.get("type", "assistant_message") != "assistant_message":
            continue
        kind = frame.data["type"]
        if kind == "thread.item.removed":
            texts.pop(item_id, None)
        elif kind == "thread.item.added" and item_id in texts:
            problems.append(f"{item_id} was added twice")
        elif kind == "thread.item.added":
            texts[item_id] = ""
        elif update.get("type") == TEXT_DELTA:
            if item_id not in texts:
                problems.append(f"text came for {item_id}, which is not there")
            texts[item_id] = texts.get(item_id, "") + update["delta"]
        elif update.get("type") in PART_ENDS and update["content"]["text"] != texts.get(item_id):
            problems.append(f"a part of {item_id} says {update['content']['text']!r} after {texts.get(item_id)!r}")
        elif kind == "thread.item.done" and (text := text_of(item)) != texts.get(item_id):
            problems.append(f"{item_id} ends as {text!r} after {texts.get(item_id)!r}")
            texts[item_id] = text
    return texts, problems


def text_of(item: dict[str, Any]) -> str:
    return "".join(part["text"] for part in item["content"])
