"""People with accounts who talk to the assistant through the web app, whatever is restarted meanwhile."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Self

import httpx

ANSWER_SECONDS_MAX = 90
PAUSE_SECONDS = 0.3
AWAY = 503
"""What may be tried again: nobody has it, and whoever said so knew."""


@dataclass
class Person:
    """Adds one todo after the other, each in a conversation of its own; repeats what failed with the same key."""

    http: httpx.Client
    user_id: str
    titles: list[str] = field(default_factory=list[str])
    lost: list[str] = field(default_factory=list[str])
    """Requests that failed though somebody had accepted their connection, and answers that were none."""
    waited: int = 0
    """How often it was refused or told to come again."""

    @classmethod
    @contextmanager
    def signed_up(cls, url: str, origin: str | None = None) -> Iterator[Self]:
        """Somebody new, at an address of the web app; ``origin`` is the one that browsers know."""
        headers = {"Origin": origin or url}
        with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as http:
            name = os.urandom(4).hex()
            account = {"email": f"{name}@example.com", "password": "a long password", "name": name}
            signed_up = http.post("/api/auth/sign-up/email", json=account)
            assert signed_up.status_code == 200, signed_up.text
            signed_in = http.post("/api/auth/sign-in/email", json=account)
            assert signed_in.status_code == 200, signed_in.text
            # As a header: the jar would keep it for this one address, and a restarted container may have another.
            http.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
            http.cookies.clear()
            yield cls(http, signed_in.json()["user"]["id"])

    def add_task(self, title: str) -> None:
        """Say it until it is accepted, and read the answer to its end."""
        self.titles.append(title)
        self.watch(self.say(f"add a task: {title}"))

    def say(self, message: str) -> str:
        """Send a message with one key until it is accepted. Returns the address of its stream."""
        key = {"Idempotency-Key": os.urandom(8).hex()}
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                answer = self.http.post(f"/api/{self.user_id}/chat", json={"message": message}, headers=key)
            except httpx.ConnectError:
                self.waited += 1
            except httpx.TransportError as error:
                self.lost.append(f"POST: {error!r}")
            else:
                if answer.status_code == 202:
                    return answer.json()["stream_url"]
                if answer.status_code == AWAY and "retry-after" in answer.headers:
                    self.waited += 1
                else:
                    self.lost.append(f"POST: {answer.status_code} {answer.text}")
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"nobody accepts {message!r}: {self.lost}")

    def watch(self, stream_url: str) -> None:
        """Read a run's events to the last one, each once, over as many connections as that takes."""
        ids: list[int] = []
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while time.monotonic() < deadline:
            place = {"Last-Event-ID": str(ids[-1])} if ids else {}
            try:
                with self.http.stream("GET", stream_url, headers=place) as response:
                    for line in response.iter_lines() if response.status_code == 200 else ():
                        if line.startswith("id: "):
                            ids.append(int(line.removeprefix("id: ")))
                        if "run.completed" in line:
                            assert ids == sorted(set(ids)), "an event came twice"
                            return
                        assert "run.failed" not in line, line
            except httpx.TransportError:
                pass  # the stream was cut: it is opened again behind the last event
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"{stream_url} does not end: {len(ids)} events")

    def tasks(self) -> list[str]:
        """The titles of all tasks, sorted."""
        return sorted(task["title"] for task in self._all("tasks"))

    def check(self) -> int:
        """Every question and its answer are there once, and the todos that it says were added, once.

        Returns how many the assistant could not add, and said so: its tools found nobody for longer than they wait.
        """
        tasks = self.tasks()
        assert len(set(tasks)) == len(tasks), "a todo was added twice"
        refused = set(self.titles)
        for conversation in self._all("conversations"):
            messages = self._all(f"conversations/{conversation['id']}/messages", {"order": "asc"})
            question, answer = [one for one in messages if one["type"] in ("user_message", "assistant_message")]
            assert (question["role"], answer["role"]) == ("user", "assistant")
            title = question["content"].removeprefix("add a task: ")
            if f"Added “{title}”" in answer["content"]:
                assert title in tasks, answer
                refused.remove(title)
        assert len(self.titles) == len(self._all("conversations"))
        return len(refused)

    def _all(self, what: str, options: dict[str, str] | None = None) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        page = {"has_more": True, "after": ""}
        while page["has_more"]:
            after = {"after": str(page["after"])} if found else {}
            answer = self.http.get(f"/api/{self.user_id}/{what}", params={**(options or {}), **after, "limit": "100"})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += page["data"]
        return found


@contextmanager
def busy(people: Sequence[Person], what: str) -> Iterator[None]:
    """All of them add todos while the block runs, and then read what they were promised. Raises what a person met."""
    stop, errors = threading.Event(), list[BaseException]()

    def live(person: Person) -> None:
        number = 0
        while not stop.is_set() and not errors:
            number += 1
            try:
                person.add_task(f"{what} {number}")
            except BaseException as error:  # noqa: BLE001  raised below
                errors.append(error)

    threads = [threading.Thread(target=live, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


@contextmanager
def crowd(count: int, url: str, origin: str | None = None) -> Iterator[list[Person]]:
    """So many people."""
    with ExitStack() as stack:
        yield [stack.enter_context(Person.signed_up(url, origin)) for _ in range(count)]
