"""What is forked is a process of its own, with its own environment, output and end."""

import signal
import time
from pathlib import Path

from natter_testing.warm_start import WarmProcess, start_warm


def start(log_file: Path, program: str, **environment: str) -> WarmProcess:
    """Run a program that a module of the standard library reads from its arguments."""
    with log_file.open("ab") as log:
        return start_warm("timeit", ["-n", "1", "-r", "1", program], environment, log)


def test_it_has_the_environment_that_was_given_and_no_other_and_its_own_exit_code(tmp_path: Path) -> None:
    said = tmp_path / "log"
    process = start(said, "import os; print(sorted(os.environ.items()), flush=True); os._exit(7)", ONLY="this")
    assert process.wait(20) == 7
    assert said.read_text() == "[('ONLY', 'this')]\n"


def test_one_that_is_killed_ends_alone(tmp_path: Path) -> None:
    one, other = (start(tmp_path / name, "import time; time.sleep(60)") for name in ("one", "other"))
    assert one.poll() is None
    one.kill()
    assert one.wait(20) == -signal.SIGKILL
    time.sleep(0.05)
    assert other.poll() is None
    other.send_signal(signal.SIGTERM)
    assert other.wait(20) == -signal.SIGTERM
