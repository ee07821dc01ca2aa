"""The demo model reads any message in linear time, and each phrase keeps its meaning."""

import re
import time
from collections.abc import Callable
from functools import partial
from itertools import islice, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from natter_todo.demo import intents
from natter_todo.demo.intents import (
    TEXT_CHARACTERS_MAX,
    Add,
    Complete,
    Count,
    Delete,
    ListAll,
    Rename,
    Step,
    names,
    parse,
    position_of,
)
from natter_todo.demo.planner import TOO_LONG, plan

SECONDS_MAX = 0.05
LARGE_CHARACTERS = 100_000

# What a pattern begins with, what it may repeat, and an end that makes it look for another way to match.
BEGINNINGS = (
    *("", "add a", "add tasks", "add tasks: a", "new", "count to", "count up to", "remind me to", "list", "show my"),
    *("complete", "mark", "mark a", "i finished", "reopen", "rename", "rename a", "delete", "delete a from my"),
    "please",
)
REPEATED = (
    *(" ", "\n", "\t", "\r\n", "\u2003", ".", "!", "?", ". ", ",", ", ", ";", ":", " :", "#", '"', "a", "1", "a "),
    *("a, ", " and ", " then ", "and then ", ", and then ", "\nthen\n", "please ", ", please", "hi ", "hey, ", "hi,"),
    *("add ", "add a; ", "tasks ", "tasks: ", "to my ", " to my list", " from my ", "as done", " to ", " list"),
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
    return shortest_of_three(lambda: plan([{"role": "user", "content": text}], frozenset({"add_task"})))


def too_slow(length: int, every: int) -> list[str]:
    slow: list[str] = []
    for beginning, repeated, end in islice(product(BEGINNINGS, REPEATED, ENDS), 0, None, every):
        text = f"{beginning}{repeated * (length // len(repeated))}"[: length - len(end)] + end
        began = time.thread_time()
        plan([{"role": "user", "content": text}], frozenset({"add_task"}))
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
        parse(text)
        if time.thread_time() - began > SECONDS_MAX and shortest_of_three(partial(parse, text)) > SECONDS_MAX:
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
    "": [],
    "?!": [],
    "add": [],
    "what is the meaning of life?": [],
}


@pytest.mark.parametrize("text", MEANINGS)
def test_each_phrase_keeps_its_meaning(text: str) -> None:
    assert parse(text) == MEANINGS[text]
