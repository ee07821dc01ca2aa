"""What `natter up` shows is kept in files, and never holds up the services."""

import threading
import time
from pathlib import Path

import pytest
from natter import output
from natter.output import Output


def test_lines_are_shown_behind_their_name_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = Output(tmp_path / "logs")
    shown.progress("starting")
    shown.line("auth_edge", "[bold]not markup[/bold] \x1b[31mred\x1b[0m")
    shown.line("auth_edge", "a password", is_secret=True)
    shown.ready("http://127.0.0.1:3000")
    shown.close()
    said = capsys.readouterr()
    assert said.out == "ready http://127.0.0.1:3000\n"
    assert 'natter             │ {"service": "natter", "event": "starting"' in said.err
    assert "auth_edge          │ [bold]not markup[/bold] red" in said.err
    assert "a password" in said.err
    kept = (tmp_path / "logs" / "auth_edge.log").read_text()
    assert kept.startswith("[bold]not markup")
    assert "a password" not in kept


def test_a_reader_that_does_not_read_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "WAITING_LINES_MAX", 100)
    monkeypatch.setattr(output, "LAST_LINES_SECONDS_MAX", 0.2)
    reader = threading.Event()
    shown = Output(tmp_path / "logs")
    lines: list[str] = []

    def print_when_read(text: object) -> None:
        reader.wait(10)
        lines.append(str(text))

    monkeypatch.setattr(shown.console, "print", print_when_read)
    began = time.monotonic()
    for number in range(1_000):
        shown.line("agent_runner", f"line {number}")
    assert time.monotonic() - began < 1
    reader.set()
    shown.line("agent_runner", "the last line")
    shown.close()
    assert any("lines were left out" in line for line in lines)
    assert len(lines) <= 104
