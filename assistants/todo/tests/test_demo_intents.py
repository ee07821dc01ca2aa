"""The demo model reads any message in linear time, and each phrase keeps its meaning."""

import re
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import islice, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from natter_todo.demo import intents
from natter_todo.demo.intents import (
    TEXT_CHARACTERS_MAX,
    Add,
    Clear,
    Complete,
    Count,
    Delete,
    ListAll,
    Move,
    Rename,
    Schedule,
    Step,
    Undo,
    names,
    parse,
    position_of,
)
from natter_todo.demo.planner import TOO_LONG, plan
from natter_todo.demo.when import When, read_when

SECONDS_MAX = 0.05
LARGE_CHARACTERS = 100_000
NOW = datetime(2026, 12, 1, 14, 5, tzinfo=ZoneInfo("Europe/Zurich"))  # a Tuesday

# What a pattern begins with, what it may repeat, and an end that makes it look for another way to match.
BEGINNINGS = (
    *("", "add a", "add tasks", "add tasks: a", "new", "count to", "count up to", "remind me to", "list", "show my"),
    *("complete", "mark", "mark a", "i finished", "reopen", "rename", "rename a", "delete", "delete a from my"),
    *("remind me", "move", "move a to", "set a due", "a is due", "move the date of a to", "clear all", "what"),
    "please",
)
REPEATED = (
    *(" ", "\n", "\t", "\r\n", "\u2003", ".", "!", "?", ". ", ",", ", ", ";", ":", " :", "#", '"', "a", "1", "a "),
    *("a, ", " and ", " then ", "and then ", ", and then ", "\nthen\n", "please ", ", please", "hi ", "hey, ", "hi,"),
    *("add ", "add a; ", "tasks ", "tasks: ", "to my ", " to my list", " from my ", "as done", " to ", " list"),
    *("on ", "every ", "every monday and ", "at 9 ", "5 may ", "before ", "due ", "in a ", "to the "),
    *("the ", "task ", "number ", "no. ", "open ", "rename a to b ", "mark a ", "count to 9 ", "w" * 50 + " "),
)
ENDS = ("x", "!x", " please")


def shortest_of_three(work: Callable[[], object]) -> float:
    """In seconds of this thread's work: what else the machine does is not counted."""

    def once() -> float:
        began = time.thread_time()
        work()
        return time.thread_time() - began

    return min(once() for _ in range(3))


def seconds_of(text: str) -> float:
    return shortest_of_three(lambda: plan([{"role": "user", "content": text}], frozenset({"add_task"}), NOW))


def too_slow(length: int, every: int) -> list[str]:
    slow: list[str] = []
    for beginning, repeated, end in islice(product(BEGINNINGS, REPEATED, ENDS), 0, None, every):
        text = f"{beginning}{repeated * (length // len(repeated))}"[: length - len(end)] + end
        began = time.thread_time()
        plan([{"role": "user", "content": text}], frozenset({"add_task"}), NOW)
        if time.thread_time() - began > SECONDS_MAX and seconds_of(text) > SECONDS_MAX:
            slow.append(f"{beginning!r} + {repeated!r} * n + {end!r}")
    return slow


@pytest.mark.slow
@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.thorough), 10])
@pytest.mark.parametrize("length", [TEXT_CHARACTERS_MAX, LARGE_CHARACTERS])
def test_no_message_takes_longer_than_the_bound(length: int, every: int) -> None:
    """All of 2,700 texts in `make test-thorough`, every tenth in every run."""
    assert too_slow(length, every) == []


@pytest.mark.thorough
def test_without_its_bound_on_the_length_it_is_linear_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quadratic pattern takes seconds for this many characters; a linear one, three milliseconds."""
    characters = 2 * TEXT_CHARACTERS_MAX
    monkeypatch.setattr(intents, "TEXT_CHARACTERS_MAX", characters)
    slow: list[str] = []
    for beginning, repeated in product(BEGINNINGS, REPEATED):
        text = f"{beginning}{repeated * (characters // len(repeated))}"[: characters - 1] + "x"
        began = time.thread_time()
        parse(text, NOW)
        if time.thread_time() - began > SECONDS_MAX and shortest_of_three(partial(parse, text, NOW)) > SECONDS_MAX:
            slow.append(f"{beginning!r} + {repeated!r} * n + 'x'")
    assert slow == []


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from("adnt ,.;:\n!?#1"), min_size=1, max_size=12), st.sampled_from(BEGINNINGS))
def test_whatever_is_repeated_is_read_in_time(repeated: str, beginning: str) -> None:
    text = f"{beginning} {repeated * TEXT_CHARACTERS_MAX}"[:TEXT_CHARACTERS_MAX]
    assert seconds_of(text) < SECONDS_MAX
    assert seconds_of(text[:-1] + "x") < SECONDS_MAX


@pytest.mark.parametrize("repeated", ["the ", "task ", "#", "number ", "1", " ", "no. ", "a"])
def test_the_longest_reference_and_title_are_compared_in_time(repeated: str) -> None:
    reference = repeated * (TEXT_CHARACTERS_MAX // len(repeated)) + "x"
    assert shortest_of_three(lambda: position_of(reference, 3)) < SECONDS_MAX
    assert shortest_of_three(lambda: names(reference, "a " + reference)) < SECONDS_MAX


def test_a_message_beyond_the_bound_is_told_so_and_nothing_is_done_for_its_beginning() -> None:
    long = "delete buy milk; " + "x" * TEXT_CHARACTERS_MAX
    assert plan([{"role": "user", "content": long}], frozenset({"add_task"})) == TOO_LONG
    assert re.search(r"10,000 characters", TOO_LONG)


MEANINGS: dict[str, list[Step]] = {
    "add a task: buy milk": [Add("buy milk")],
    "add task buy milk": [Add("buy milk")],
    "Add  a   task :\tbuy milk": [Add("buy milk")],
    "add apples": [Add("apples")],
    "add tools to my list": [Add("tools")],
    "create a new reminder called water the plants": [Add("water the plants")],
    "make me another todo named 'call mom'": [Add("call mom")],
    "new task: write to Ann, Bob and Cy": [Add("write to Ann, Bob and Cy")],
    "add tasks: a, b, and c": [Add("a"), Add("b"), Add("c")],
    "add these things to my todo list: milk and bread": [Add("milk"), Add("bread")],
    "Please add “buy milk” to my todo list, please!": [Add("buy milk")],
    "hey natter, can you add x?": [Add("x")],
    "remind me to call mom.": [Add("call mom")],
    "I need to sleep": [Add("sleep")],
    "count to 30": [Count(30)],
    "count from one up to 7": [Count(7)],
    "count to 999999999": [Count(100_000)],
    "list my tasks": [ListAll()],
    "what's on my list?": [ListAll()],
    "show my open tasks": [ListAll(completed=False)],
    "which tasks are done": [ListAll(completed=True)],
    "complete the first one": [Complete("the first one")],
    "mark buy milk as done": [Complete("buy milk")],
    "mark the last one finished": [Complete("the last one")],
    "I've finished task 2": [Complete("task 2")],
    "check off milk on my list": [Complete("milk")],
    "reopen the second": [Complete("the second", completed=False)],
    "rename call mom to call dad": [Rename("call mom", "call dad")],
    "change  a  into  b": [Rename("a", "b")],
    "delete buy milk from my todo list": [Delete("buy milk")],
    "remove it": [Delete("it")],
    "add a; add b\n\nadd c": [Add("a"), Add("b"), Add("c")],
    "add a, then list my tasks and then complete a": [Add("a"), ListAll(), Complete("a")],
    "add a and\nthen add b": [Add("a"), Add("b")],
    "add a. Then delete b. List my tasks.": [Add("a"), Delete("b"), ListAll()],
    "add a\r\nthen add b": [Add("a"), Add("b")],
    "call mum tomorrow at nine": [],
    "add call mum tomorrow at nine": [Add("call mum", When("2026-12-02T09:00+01:00"))],
    "remind me tomorrow at nine to call mum": [Add("call mum", When("2026-12-02T09:00+01:00"))],
    "remind me to pay the rent every month on the 1st": [Add("pay the rent", When("2026-12-01", "FREQ=MONTHLY"))],
    "add a task: clean up every Friday, please": [Add("clean up", When("2026-12-04", "FREQ=WEEKLY;BYDAY=FR"))],
    "add tasks: a tomorrow, b": [Add("a", When("2026-12-02")), Add("b")],
    "add tomorrow": [Add("tomorrow")],
    "add read chapter 9": [Add("read chapter 9")],
    "move the first one to tomorrow at nine": [Schedule("the first one", When("2026-12-02T09:00+01:00"))],
    "set the due date of milk to 5 January": [Schedule("milk", When("2027-01-05"))],
    "milk is due on Friday": [Schedule("milk", When("2026-12-04"))],
    "postpone it until next week": [Schedule("it", When("2026-12-07"))],
    "remove the date of milk": [Schedule("milk", None)],
    "change milk to tomorrow never dies": [Rename("milk", "tomorrow never dies")],
    "move milk to the top": [Move("milk", "first")],
    "put the first one at the end of my list": [Move("the first one", "last")],
    "move milk before bread": [Move("milk", "before", "bread")],
    "clear completed tasks": [Clear()],
    "delete all done tasks": [Clear()],
    "undo that": [Undo()],
    "bring it back": [Undo()],
    "what is due?": [ListAll(due=True)],
    "": [],
    "?!": [],
    "add": [],
    "what is the meaning of life?": [],
}


@pytest.mark.parametrize("text", MEANINGS)
def test_each_phrase_keeps_its_meaning(text: str) -> None:
    assert parse(text, NOW) == MEANINGS[text]


TIMES: dict[str, When | None] = {
    "today": When("2026-12-01"),
    "tonight": When("2026-12-01T20:00+01:00"),
    "tomorrow morning": When("2026-12-02T09:00+01:00"),
    "the day after tomorrow at noon": When("2026-12-03T12:00+01:00"),
    "on Tuesday": When("2026-12-08"),
    "this Tuesday": When("2026-12-01"),
    "next Friday at 5": When("2026-12-11T17:00+01:00"),
    "this weekend": When("2026-12-05"),
    "next month": When("2027-01-01"),
    "in two hours": When("2026-12-01T16:05+01:00"),
    "in 3 weeks": When("2026-12-22"),
    "in a month": When("2027-01-01"),
    "at 9": When("2026-12-02T09:00+01:00"),  # nine is over today
    "at half past three": When("2026-12-01T15:30+01:00"),
    "at quarter to nine in the evening": When("2026-12-01T20:45+01:00"),
    "at 05:00 tomorrow": When("2026-12-02T05:00+01:00"),
    "12 am tomorrow": When("2026-12-02T00:00+01:00"),
    "December 5th, 2027 at 9:30pm": When("2027-12-05T21:30+01:00"),
    "the 1st of March": When("2027-03-01"),
    "2026-12-24": When("2026-12-24"),
    "daily at 8am": When("2026-12-02T08:00+01:00", "FREQ=DAILY"),
    "every day at six": When("2026-12-01T18:00+01:00", "FREQ=DAILY"),
    "every other week": When("2026-12-01", "FREQ=WEEKLY;INTERVAL=2"),
    "every Monday and Thursday at 7 in the evening": When("2026-12-03T19:00+01:00", "FREQ=WEEKLY;BYDAY=MO,TH"),
    "on Tuesdays at 9": When("2026-12-08T09:00+01:00", "FREQ=WEEKLY;BYDAY=TU"),
    "every weekday": When("2026-12-01", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
    "every year on 29 February 2028": When("2028-02-29", "FREQ=YEARLY"),
    "on 31 February": None,
    "9": None,
    "tomorrow tomorrow": None,
    "at 25": None,
    "15 pm": None,
    "tomorrow or so": None,
    "": None,
}


@pytest.mark.parametrize("phrase", TIMES)
def test_each_phrase_of_time_keeps_its_meaning(phrase: str) -> None:
    assert read_when(phrase, NOW) == TIMES[phrase]


@pytest.mark.parametrize(
    ("phrase", "now", "expected"),
    [
        # The night to 29 March has no 02:30; hours that pass and hours on the wall are not the same.
        ("tomorrow at 02:30", "2026-03-28T12:00", "2026-03-29T03:30+02:00"),
        ("tomorrow at nine", "2026-03-28T12:00", "2026-03-29T09:00+02:00"),
        ("in two hours", "2026-03-29T01:30", "2026-03-29T04:30+02:00"),
        # The night to 25 October has 02:30 twice: the first one is meant.
        ("tomorrow at 02:30", "2026-10-24T12:00", "2026-10-25T02:30+02:00"),
        ("in two hours", "2026-10-25T01:30", "2026-10-25T02:30+01:00"),
        ("every day at 9", "2026-10-24T12:00", "2026-10-25T09:00+01:00"),
    ],
)
def test_the_clocks_may_change_in_between(phrase: str, now: str, expected: str) -> None:
    when = read_when(phrase, datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Zurich")))
    assert when is not None
    assert when.at == expected


@given(st.text(max_size=40), st.datetimes(datetime.fromisoformat("2001-01-01"), datetime.fromisoformat("2100-01-01")))
def test_whatever_is_said_is_time_or_not(phrase: str, now: datetime) -> None:
    when = read_when(phrase, now.replace(tzinfo=ZoneInfo("America/New_York")))
    if when is not None:
        datetime.fromisoformat(when.at)
