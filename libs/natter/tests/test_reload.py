"""A change in a project ends its runner, and nothing else; `natter up` starts it again."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from natter.data_directory import DataDirectory, StackState
from natter.dev import reload
from natter.dev.reload import Reloader

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_changed_file_ends_the_runners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "LOOK_SECONDS", 0.05)
    project = tmp_path / "desk"
    (project / "tools").mkdir(parents=True)
    (project / ".venv").mkdir()
    (project / "assistant.py").write_text("a = 1")
    directory = DataDirectory.open(project / ".natter")
    runner, store = (subprocess.Popen(SLEEPS) for _ in range(2))
    said: list[str] = []
    try:
        processes: dict[str, int | None] = {"agent_runner": runner.pid, "conversation_store": store.pid}
        directory.write_state(StackState(pid=os.getpid(), processes=processes))
        with Reloader(project, directory, said.append):
            time.sleep(0.2)
            (project / ".venv" / "other.py").write_text("not ours")
            (project / "notes.log").write_text("not watched")
            time.sleep(0.3)
            assert runner.poll() is None
            (project / "tools" / "new.py").write_text("b = 2")
            runner.wait(5)
        assert said == ["tools/new.py changed: the runner starts anew"]
        assert store.poll() is None
    finally:
        for process in (runner, store):
            process.kill()
            process.wait()
