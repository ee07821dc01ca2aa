"""A whole Natter on this machine for tests, as `natter up` runs it; and what came of a message."""

import json
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

START_SECONDS_MAX = 180.0
STOP_SECONDS_MAX = 15.0
ANSWER_SECONDS_MAX = 60.0
LAST_LINES = 40
SEE_OTHER = 303
NO_CONTENT = 204
"""What a stream answers whose run has ended, and all of it was seen."""


class NatterDidNotStartError(Exception):
    """The text is what it said last."""


@dataclass(frozen=True)
class ToolCall:
    """A tool call of an answer: ``status`` is success, failure, interrupted or unknown."""

    name: str
    arguments: Any
    status: str
    result: Any


@dataclass(frozen=True)
class Answer:
    """What came of a message. ``status``: completed, failed, cancelled, or waiting; ``code`` says why it failed.

    ``waiting_for``: what an answer that is waiting waits for, each with its ``call_id``, ``kind``, ``tool``,
    ``arguments`` or ``form``.
    ``items``: what is stored of the conversation since the message. ``events``: every ChatKit event that a viewer saw.
    """

    conversation_id: str
    run_id: str
    status: str
    code: str | None
    items: tuple[dict[str, Any], ...]
    events: tuple[dict[str, Any], ...]
    waiting_for: tuple[dict[str, Any], ...] = ()
    message_id: str = ""
    user: str = "alice"
    place: str = "0"
    """The id of the last event that was seen."""

    @property
    def text(self) -> str:
        """The assistant's words."""
        said = [item["content"] for item in self.items if item["role"] == "assistant" and item["content"]]
        return "\n\n".join(said)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in their order."""
        return tuple(
            ToolCall(call["name"], call["arguments"], call["status"], call["result"])
            for item in self.items
            for call in item["tool_calls"]
        )


@dataclass
class Natter:
    """A running Natter. `ask` is a message of one user, and waits for the end of its answer."""

    edge_url: str
    relay_url: str
    directory: Path
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False), repr=False)

    def ask(
        self,
        message: str,
        *,
        user: str = "alice",
        conversation: str | None = None,
        assistant: str | None = None,
        seconds_max: float = ANSWER_SECONDS_MAX,
    ) -> Answer:
        """Send a message and return what came of it; ``conversation`` goes on with one, ``assistant`` begins with it.

        Raises httpx.HTTPStatusError where the message is refused, TimeoutError where the answer does not end in time.
        """
        sent = {"message": message, "conversation_id": conversation, "assistant_id": assistant}
        body = {name: value for name, value in sent.items() if value is not None}
        accepted = self.call("POST", "/chat", user=user, json=body).json()
        return self._answer(accepted, user, "0", seconds_max)

    def decide(self, asked: Answer, *, seconds_max: float = ANSWER_SECONDS_MAX, **decision: Any) -> Answer:
        """Decide the first thing that an answer waits for, and return what came of it.

        ``decision="approve"`` (and ``remember=True``) or ``"decline"`` (and ``reason="…"``); ``answer={…}`` to a form;
        ``output=…`` of a tool of the page; ``call_id``: another one than the first. Raises as `ask` does.
        """
        sent = {"call_id": asked.waiting_for[0]["call_id"], **decision}
        self.call("POST", f"/runs/{asked.run_id}/decisions", user=asked.user, json=sent)
        accepted = {
            "conversation_id": asked.conversation_id,
            "run_id": asked.run_id,
            "message_id": asked.message_id,
        }
        return self._answer(accepted, asked.user, asked.place, seconds_max)

    def act(
        self, shown: Answer, action: str, payload: Any = None, *, seconds_max: float = ANSWER_SECONDS_MAX
    ) -> Answer:
        """Do what a button of an answer's last widget does, and return what came of it. Raises as `ask` does."""
        seen = [event["item"] for event in shown.events if event["type"] == "thread.item.done"]
        widget = next(item for item in reversed(seen) if item["type"] == "widget")
        done = {"type": action, "payload": payload}
        params = {"thread_id": shown.conversation_id, "item_id": widget["id"], "action": done}
        url = f"{self.edge_url}/api/{quote(shown.user, safe='')}/chatkit"
        body = {"type": "threads.custom_action", "params": params}
        answered = self.http.post(url, headers=self._headers(shown.user), json=body)
        if answered.status_code != SEE_OTHER:
            answered.raise_for_status()
        run_id = answered.headers["location"].partition("/runs/")[2].partition("/")[0]
        last = {"conversation_id": shown.conversation_id, "run_id": run_id, "message_id": shown.items[-1]["id"]}
        answer = self._answer(last, shown.user, "0", seconds_max)
        return replace(answer, items=answer.items[1:])  # what stood there before

    def _answer(self, accepted: Mapping[str, Any], user: str, place: str, seconds_max: float) -> Answer:
        """What comes of a run behind a place, to its end, or to where it waits."""
        seen = list(self._watch(accepted["run_id"], user, time.monotonic() + seconds_max, place))
        run = self.call("GET", f"/runs/{accepted['run_id']}", user=user).json()
        return Answer(
            conversation_id=accepted["conversation_id"],
            run_id=accepted["run_id"],
            status=run["status"],
            code=run.get("error_code"),
            items=tuple(self._items(accepted, user)),
            events=tuple(event for _, event in seen if event is not None),
            waiting_for=tuple(run["waiting_for"]),
            message_id=accepted["message_id"],
            user=user,
            place=seen[-1][0] if seen else place,
        )

    def call(self, method: str, path: str, *, user: str = "alice", **request: Any) -> httpx.Response:
        """Any call of the HTTP interface, for that user. Raises httpx.HTTPStatusError."""
        url = f"{self.edge_url}/api/{quote(user, safe='')}{path}"
        return self.http.request(method, url, headers=self._headers(user), **request).raise_for_status()

    def _headers(self, user: str) -> dict[str, str]:
        command = [*COMMAND, "token", "--user", user, "--data-dir", str(self.directory)]
        if user not in self._tokens:
            minted = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
            self._tokens[user] = minted.stdout.strip()
        return {"Authorization": f"Bearer {self._tokens[user]}"}

    _tokens: dict[str, str] = field(default_factory=dict[str, str], repr=False)

    def _watch(
        self, run_id: str, user: str, deadline: float, last_id: str
    ) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Every event of the run, once, each with its id; after a lost connection from where it was."""
        url = f"{self.relay_url}/api/{quote(user, safe='')}/runs/{run_id}/stream"
        while time.monotonic() < deadline:
            headers = {**self._headers(user), "Last-Event-ID": last_id, "Accept": "text/event-stream"}
            try:
                with self.http.stream("GET", url, headers=headers) as stream:
                    if stream.status_code == NO_CONTENT:
                        return
                    stream.raise_for_status()
                    for name, event_id, data in _frames(stream.iter_lines()):
                        last_id = event_id or last_id
                        if name == "":
                            yield last_id, data
                        elif name == "run" and data["type"] in ENDS:
                            yield last_id, None
                            return
                        if time.monotonic() > deadline:
                            break
            except httpx.TransportError:
                time.sleep(0.1)
        raise TimeoutError(f"the answer did not end in time; logs are in {self.directory / 'logs'}")

    def _items(self, accepted: Mapping[str, Any], user: str) -> Iterator[dict[str, Any]]:
        path, after, is_since = f"/conversations/{accepted['conversation_id']}/messages", None, False
        while True:
            page = self.call(
                "GET", path, user=user, params={"limit": 100, **({"after": after} if after else {})}
            ).json()
            for item in page["data"]:
                is_since = is_since or item["id"] == accepted["message_id"]
                if is_since:
                    yield item
            after = page["after"]
            if not page["has_more"]:
                return


ENDS = ("run.completed", "run.failed", "run.cancelled", "run.waiting")
COMMAND = (sys.executable, "-m", "natter")


def _frames(lines: Iterator[str]) -> Iterator[tuple[str, str, Any]]:
    """Server-sent events as (name, id, JSON data)."""
    name, event_id, data = "", "", ""
    for line in lines:
        kind, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data:
                yield name, event_id, json.loads(data)
            name, event_id, data = "", "", ""
        elif kind == "":  # a comment: the stream is alive, and whoever reads may look at the time
            yield "comment", "", None
        elif kind == "event":
            name = value
        elif kind == "id":
            event_id = value
        elif kind == "data":
            data += value


class NatterProcess:
    """`natter up` as a child process, with the assistants that the project names. `start` returns when it is ready."""

    def __init__(self, directory: Path, project: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = environment
        self._project = project
        document = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
        assistants: dict[str, str] = document.get("tool", {}).get("natter", {}).get("assistants", {})
        options = [f"--assistant={name}={target}" for name, target in assistants.items()]
        places = ["--no-web", "--edge-port=0", "--relay-port=0", f"--data-dir={directory}"]
        self._command = [*COMMAND, "up", *places, *options]
        self._log = directory.with_name(f"{directory.name}.log")
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Natter:
        """Raises NatterDidNotStartError."""
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._project,
                env=dict(self._environment),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        watchdog = threading.Timer(START_SECONDS_MAX, self._process.kill)
        watchdog.start()
        assert self._process.stdout is not None
        is_ready = any(line.startswith("ready ") for line in self._process.stdout)
        watchdog.cancel()
        if not is_ready:
            self.stop()
            last = self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            raise NatterDidNotStartError("\n".join(["natter up did not start:", *last]))
        state = json.loads((self._directory / "stack.json").read_text())
        return Natter(state["edge_urls"][0], state["relay_urls"][0], self._directory)

    def stop(self) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
