"""A backup is walked back: yesterday's database with today's streams, then today's database with no streams at all."""

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from natter.__main__ import main
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up
from typer.testing import CliRunner

pytestmark = [pytest.mark.whole_path, pytest.mark.thorough]

NOTES = b"a line of notes\n" * 40_000


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, list(arguments))


def say(natter: RunningNatter, message: str, **more: Any) -> dict[str, Any]:
    url = f"{natter.edge_url}/api/alice/chat"
    answer = httpx.post(url, json={"message": message, **more}, headers=natter.headers("alice"))
    assert answer.status_code == 202, answer.text
    return answer.json()


def status_of(natter: RunningNatter, run_id: str) -> int | str:
    answer = httpx.get(f"{natter.edge_url}/api/alice/runs/{run_id}", headers=natter.headers("alice"))
    return answer.json()["status"] if answer.status_code == 200 else answer.status_code


def wait_for_end(natter: RunningNatter, run_id: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while status_of(natter, run_id) != "completed":
        assert time.monotonic() < deadline, status_of(natter, run_id)
        time.sleep(0.1)


def upload(natter: RunningNatter, content: bytes) -> str:
    """The path of its bytes."""
    url, headers = f"{natter.edge_url}/api/alice/attachments", natter.headers("alice")
    answer = httpx.post(url, files={"file": ("notes.txt", content)}, headers=headers)
    assert answer.status_code == 201, answer.text
    return f"/api/alice/attachments/{answer.json()['id']}/content"


def read(natter: RunningNatter, path: str) -> bytes | int:
    answer = httpx.get(f"{natter.edge_url}{path}", headers=natter.headers("alice"))
    return answer.content if answer.status_code == 200 else answer.status_code


def messages_of(natter: RunningNatter, conversation_id: str) -> list[str]:
    url = f"{natter.edge_url}/api/alice/conversations/{conversation_id}/messages"
    return [one["content"] for one in httpx.get(url, headers=natter.headers("alice")).json()["data"]]


def stream(natter: RunningNatter, path: str, last_event_id: str) -> tuple[int, str]:
    """The status and the first second of a stream."""
    said = ""
    headers = {**natter.headers("alice"), "Last-Event-ID": last_event_id}
    try:
        with httpx.stream("GET", f"{natter.relay_url}/api/alice/{path}", headers=headers, timeout=1) as answer:
            for part in answer.iter_text():
                said += part
            return answer.status_code, said
    except httpx.ReadTimeout:
        return 200, said


def test_a_restored_database_and_the_streams_do_not_contradict_each_other() -> None:
    with temporary_directory() as directory:
        data, kept, today = directory / "data", directory / "yesterday", directory / "today"
        with natter_up(data, *WITHOUT_WEB) as natter:
            before = say(natter, "count to 3")
            wait_for_end(natter, before["run_id"])
            file = upload(natter, NOTES)
            kept_it = run("backup", str(kept), "--data-dir", str(data))
            assert (kept_it.exit_code, "with 1 files" in kept_it.stdout) == (0, True), kept_it.output
            assert run("backup", str(kept), "--data-dir", str(data)).exit_code == 1  # never over another
            assert run("restore", str(kept), "--data-dir", str(data), "--yes").exit_code == 1  # a stack runs on it
            after = say(natter, "count to 4", conversation_id=before["conversation_id"])
            wait_for_end(natter, after["run_id"])
            lost = say(natter, "count to 5")
            wait_for_end(natter, lost["run_id"])
            # One that waits in RUNS when all of it is stopped.
            assert run("scale", "agent_runner=0", "--data-dir", str(data)).exit_code == 0
            waiting = say(natter, "count to 6")
        yesterdays_database_and_todays_streams(data, kept, today, file, before, after, lost, waiting)


def yesterdays_database_and_todays_streams(
    data: Path, kept: Path, today: Path, file: str, *turns: dict[str, Any]
) -> None:
    before, after, lost, waiting = turns
    assert run("restore", str(kept), "--data-dir", str(data), "--yes").exit_code == 0
    assert (data / "secrets.json").stat().st_mode & 0o077 == 0
    with natter_up(data, *WITHOUT_WEB) as natter:
        assert messages_of(natter, before["conversation_id"])[0] == "count to 3"
        assert len(messages_of(natter, before["conversation_id"])) == 2
        assert read(natter, file) == NOTES
        for gone in (after, lost, waiting):
            assert status_of(natter, gone["run_id"]) == 404
            # Its own user is shown what DELTAS still has of it, and nothing else; 404 where that is nothing.
            status, said = stream(natter, f"runs/{gone['run_id']}/stream", "1")
            assert status == 404 or gone["run_id"] in said or "reset" in said
        conversation = f"conversations/{before['conversation_id']}/stream"
        status, said = stream(natter, conversation, "9" * 15)
        assert status == 200
        assert "event: reset" in said or "id:" in said
        again = say(natter, "count to 7", conversation_id=before["conversation_id"])
        wait_for_end(natter, again["run_id"])
        assert len(messages_of(natter, before["conversation_id"])) == 4
        settled = json.loads(run("status", "--json", "--data-dir", str(data)).stdout)
        assert settled["queues"] == [{"assistant": "todo", "pending": 0, "ack_pending": 0}]
        assert "there are no dead letters" in run("dead-letters", "list", "--data-dir", str(data)).stdout
        # The other way round: a run that the database knows, and no stream does.
        assert run("scale", "agent_runner=0", "--data-dir", str(data)).exit_code == 0
        known = say(natter, "count to 8", conversation_id=before["conversation_id"])
        assert run("backup", str(today), "--data-dir", str(data)).exit_code == 0
        natter.stop(signal.SIGTERM)
    shutil.rmtree(data / "nats")
    restored = run("restore", str(today), "--data-dir", str(data), "--yes")
    assert (restored.exit_code, "1 files" in restored.stdout) == (0, True), restored.output
    with natter_up(data, *WITHOUT_WEB, environment={"RUN_OVERDUE_SECONDS": "1", "SWEEP_SECONDS": "0.5"}) as natter:
        wait_for_end(natter, known["run_id"])
        assert len(messages_of(natter, before["conversation_id"])) == 6
        assert read(natter, file) == NOTES
        status, said = stream(natter, f"runs/{known['run_id']}/stream", "5")
        assert status in (200, 204)
