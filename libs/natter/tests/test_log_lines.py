"""The lines of NATS, Postgres and natter are told like a service's: as JSON, with their level, from one level on."""

import json
from pathlib import Path

import pytest
from natter.log_lines import read_line
from natter.output import Output

NATS = "[4242] [WRN] Healthcheck failed"
POSTGRES = "2026-12-01 00:15:38.123 UTC [77] ERROR:  relation is not there"


@pytest.mark.parametrize(
    ("name", "text", "level", "event"),
    [
        ("nats", NATS, "warning", "Healthcheck failed"),
        ("nats.2", "[1] [INF] Server is ready", "info", "Server is ready"),
        ("postgres", POSTGRES, "error", "relation is not there"),
        ("postgres", "2026-12-01 00:15:38.123 UTC [77] LOG:  ready", "info", "ready"),
        ("nats", "[1] [INF]", "info", ""),
        ("natter", "stopping", "info", "stopping"),
        ("postgres", "what is no line of a log", "info", "what is no line of a log"),
    ],
)
def test_level_and_words_are_told_apart(name: str, text: str, level: str, event: str) -> None:
    line = read_line(name, text)
    assert line is not None
    assert (line.level, line.event) == (level, event)


def test_what_is_json_already_or_a_services_own_is_left_as_it_is() -> None:
    assert read_line("natter", '{"event": "a"}') is None
    assert read_line("agent_runner", "Traceback (most recent call last):") is None


def kept(folder: Path, name: str, *, log_format: str, level: str) -> list[str]:
    shown = Output(folder / "logs", log_format=log_format, level=level)
    for text in (NATS if name == "nats" else POSTGRES, "the end"):
        shown.line(name, text)
    shown.close()
    file = folder / "logs" / f"{name}.log"
    return file.read_text().splitlines() if file.exists() else []


def test_a_file_of_nats_holds_one_json_object_a_line(tmp_path: Path) -> None:
    first, _ = [json.loads(line) for line in kept(tmp_path, "nats", log_format="json", level="info")]
    assert (first["service"], first["level"], first["event"]) == ("nats", "warning", "Healthcheck failed")
    assert first["timestamp"].endswith("Z")


def test_for_people_lines_stay_as_they_are_and_one_level_holds_for_all(tmp_path: Path) -> None:
    assert kept(tmp_path, "postgres", log_format="console", level="error") == [POSTGRES]
