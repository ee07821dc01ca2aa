"""What is costly to start is started once for all workers of a run."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from natter_testing.shared import shared

DEAD_PID = 2**22 + 1  # above what Linux gives


class Stack:
    """Something to start: how often it was, and whether it runs."""

    def __init__(self) -> None:
        self.starts = 0
        self.runs = False

    @contextmanager
    def start(self) -> Generator[dict[str, int]]:
        self.starts += 1
        self.runs = True
        yield {"number": self.starts}
        self.runs = False


def test_it_is_started_by_the_first_and_ended_when_the_last_has_done_with_it(tmp_path: Path) -> None:
    stack = Stack()
    first, second = (shared(tmp_path / "run" / "stack", stack.start) for _ in range(2))
    assert first.__enter__() == second.__enter__() == {"number": 1}
    ending = Thread(target=lambda: first.__exit__(None, None, None))
    ending.start()
    ending.join(0.2)
    assert ending.is_alive()
    assert stack.runs
    second.__exit__(None, None, None)
    ending.join(10)
    assert not ending.is_alive()
    assert not stack.runs
    with shared(tmp_path / "run" / "stack", stack.start) as told:
        assert told == {"number": 2}


def test_it_is_started_again_where_the_process_that_had_it_is_gone(tmp_path: Path) -> None:
    (tmp_path / "stack").write_text(f'[{DEAD_PID}, {{"number": 1}}]')
    stack = Stack()
    with shared(tmp_path / "stack", stack.start) as told:
        assert (told, stack.starts) == ({"number": 1}, 1)
