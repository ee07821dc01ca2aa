"""A hundred megabytes through the web app, as large as they are: cut nowhere, held nowhere."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from threading import Event, Thread

import httpx
import psutil
from natter_testing.stack import Natter

MEBIBYTE = 1024 * 1024
SIZE = 100 * MEBIBYTE
GROWTH_MAX = 64 * MEBIBYTE
"""Of one process, the third time: it takes Node a while to give back what it has used, and then it uses that again."""
PIECE = b"a line of a long text, one of many\n" * 1_872  # a little under 64 KiB


def pieces() -> Iterator[bytes]:
    sent = 0
    while sent < SIZE:
        piece = PIECE[: SIZE - sent]
        sent += len(piece)
        yield piece


class Memory:
    """The largest growth of each of some processes while the block runs."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._done = Event()
        self.grown = dict.fromkeys(pids, 0)

    def __enter__(self) -> "Memory":
        self._before = {name: process.memory_info().rss for name, process in self._processes.items()}
        self._thread = Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            for name, process in self._processes.items():
                self.grown[name] = max(self.grown[name], process.memory_info().rss - self._before[name])


def signed_in(origin: str) -> tuple[httpx.Client, str]:
    client = httpx.Client(base_url=origin, headers={"Origin": origin}, timeout=120)
    person = {"email": "files@natter.test", "password": "correct horse battery", "name": "Files"}
    client.post("/api/auth/sign-up/email", json=person).raise_for_status()
    answer = client.post("/api/auth/sign-in/email", json=person)
    assert answer.status_code == 200, answer.text
    return client, answer.json()["user"]["id"]


def carried(client: httpx.Client, user_id: str) -> tuple[str, httpx.Response]:
    """Upload it and read it again; its id, and what the upload was answered with."""
    new = {"name": "long.txt", "size": SIZE, "mime_type": "text/plain"}
    created = client.post(f"/api/{user_id}/attachments", json=new).json()
    upload = created["upload_descriptor"]
    stored = client.put(upload["url"], content=pieces(), headers=upload["headers"])
    sent, read = hashlib.sha256(), hashlib.sha256()
    for piece in pieces():
        sent.update(piece)
    assert (stored.status_code, stored.json()["sha256"]) == (200, sent.hexdigest()), stored.text
    with client.stream("GET", f"/api/{user_id}/attachments/{created['id']}/content") as answer:
        assert answer.status_code == 200
        for chunk in answer.iter_bytes():
            read.update(chunk)
    assert read.hexdigest() == sent.hexdigest()
    return created["id"], stored


def test_a_hundred_megabytes_go_through_the_web_app_and_back_at_bounded_memory(natter: Natter) -> None:
    client, user_id = signed_in(natter.url)
    with closing(client):
        for _ in range(2):
            carried(client, user_id)
        with Memory({name: natter.pid(name) for name in ("web", "auth_edge")}) as memory:
            attachment_id, stored = carried(client, user_id)
        part = client.get(stored.json()["url"], headers={"Range": "bytes=99999990-99999999"})
    assert max(memory.grown.values()) < GROWTH_MAX, memory.grown
    assert (part.status_code, len(part.content)) == (206, 10)
    stranger = httpx.get(f"{natter.url}/api/{user_id}/attachments/{attachment_id}/content")
    assert stranger.status_code == 401
