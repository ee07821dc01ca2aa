"""The load: people with several tabs, who say things, watch the answers, lose their connection and come back."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from natter_testing.stack import RunningNatter

from tests.fault.nemesis.checker import is_terminal, run_of
from tests.fault.nemesis.history import Accepted, History, Message, Stored, Turn, View
from tests.sse import frames_of

USERS = ("ann", "bob", "cy * >")
"""The last one's name is full of what has a meaning in subjects."""
TABS_PER_USER = 2
COUNTS = ((3, 30), (30, 120), (120, 300))
ANSWER_SECONDS_MAX = 5.0
SILENCE_SECONDS_MAX = 15.0
"""A stream carries a comment every 10 s."""
RETRY_SECONDS_MAX = 1.0
WORTH_A_RETRY = frozenset({429, 503})
PAGE_MESSAGES = 100
DEALER = "dealer"
DECLINED = '{"error": "The user declined this call. Nothing was done."}'


async def load(
    natter: RunningNatter,
    history: History,
    seed: int,
    seconds: float,
    heal_seconds: float,
    *,
    has_dealer: bool = False,
) -> None:
    """Begin turns for so many seconds; then see what was begun to its end, as long as that makes sense.

    ``has_dealer``: the stack has that assistant (`dealer.py`), so that runs wait for their users as well.

    What is not done then stays as it is in the history, for the checker to find; so does what is stored.
    """
    random = Random(seed)
    async with contextlib.AsyncExitStack() as stack:
        people = [await stack.enter_async_context(person(natter, history, name, random.random())) for name in USERS]
        for one in people:
            one.has_dealer = has_dealer
        work = [asyncio.create_task(one.live(seconds)) for one in people]
        _done, late = await asyncio.wait(work, timeout=seconds + heal_seconds)
        for task in late:
            task.cancel()
        outcomes = await asyncio.gather(*work, return_exceptions=True)
        for error in outcomes:
            if isinstance(error, Exception):
                raise error
        history.note("clients", f"{len(late)} of {len(work)} people are still waiting" if late else "are done")
        for one in people:
            await one.read_stored(history.stored)


@contextlib.asynccontextmanager
async def person(natter: RunningNatter, history: History, name: str, seed: float) -> AsyncGenerator["Person"]:
    timeout = httpx.Timeout(ANSWER_SECONDS_MAX, read=SILENCE_SECONDS_MAX)
    async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
        yield Person(natter, history, client, name, Random(f"{name} {seed}"))


@dataclass
class Person:
    """A user with some tabs, and one more viewer that sees everything of the user."""

    natter: RunningNatter
    history: History
    client: httpx.AsyncClient
    name: str
    random: Random
    has_dealer: bool = False
    _turns_count: int = 0
    _views: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    async def live(self, seconds: float) -> None:
        """Talk in every tab for so many seconds, and return when every answer was seen to its end."""
        everything = View(f"{self.name}/all", self.name)
        self.history.views.append(everything)
        watching = asyncio.create_task(self._watch(everything, "stream"))
        try:
            await asyncio.gather(*(self._use_tab(f"{self.name}/{tab}", seconds) for tab in range(TABS_PER_USER)))
            await asyncio.gather(*self._views)
            while not self._has_seen_all_ends(everything):
                await asyncio.sleep(0.1)
        finally:
            for task in (watching, *self._views):
                task.cancel()
            await asyncio.gather(watching, *self._views, return_exceptions=True)

    def _has_seen_all_ends(self, everything: View) -> bool:
        ends = {frame.data["run_id"] for frame in everything.frames if is_terminal(frame)}
        return ends >= {run_of(turn) for turn in self.history.turns if turn.user == self.name}

    async def _use_tab(self, tab: str, seconds: float) -> None:
        """Say one thing after the other; sometimes before the answer is there, sometimes twice, with two viewers."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        where: dict[str, str] = {}
        views: list[asyncio.Task[None]] = []
        while loop.time() < ends_at:
            if self.random.random() < 0.6:
                await asyncio.gather(*views)
                where.pop("on_busy", None)
            if self.random.random() < 0.4:
                where = {}
            turn = self._new_turn()
            if turn.deal is not None:
                where = {"assistant_id": DEALER}
            twice = 1 + (self.random.random() < 0.3)
            accepted, *_ = await asyncio.gather(*(self._say(tab, turn, where) for _ in range(twice)))
            views = [self._begin_view(f"{tab} {turn.key} viewer {number}", accepted.run_id) for number in range(twice)]
            if turn.deal is not None:
                self._views.append(asyncio.create_task(self._decide(turn, accepted.run_id)))
                where = {}
            else:
                where = {"conversation_id": accepted.conversation_id, "on_busy": "enqueue"}
            await asyncio.sleep(self.random.uniform(0, 0.5))

    def _begin_view(self, name: str, run_id: str) -> asyncio.Task[None]:
        view = View(name, self.name, run_id)
        self.history.views.append(view)
        self._views.append(asyncio.create_task(self._watch(view, f"runs/{run_id}/stream")))
        return self._views[-1]

    def _new_turn(self) -> Turn:
        self._turns_count += 1
        number = self._turns_count
        key = f"{self.name.split()[0]}-{number}"
        if self.has_dealer and self.random.random() < 0.2:
            decision = self.random.choice(["approve", "approve", "decline"])
            expected = f"Dealt {key} fast." if decision == "approve" else DECLINED
            turn = Turn(self.name, key, f"deal {key}", expected, deal=decision)
        elif self.random.random() < 0.4:
            title = f"errand {key}"
            turn = Turn(self.name, key, f"add a task: {title}", f"Added “{title}” to your list.", title)
        else:
            to = self.random.randint(*self.random.choice(COUNTS))
            text = " ".join(str(one) for one in range(1, to + 1))
            turn = Turn(self.name, key, f"count to {to} ({key})", text)
        self.history.turns.append(turn)
        return turn

    # --- saying -------------------------------------------------------------------------------------------

    async def _say(self, tab: str, turn: Turn, where: Mapping[str, str]) -> Accepted:
        """Send a message, with the same key again and again, until it is accepted."""
        body = {"message": turn.message, **where}
        while True:
            try:
                answer = await self.client.post(
                    f"{self.natter.edge_url}/api/{self._path}/chat",
                    json=body,
                    headers={**self._headers, "Idempotency-Key": turn.key},
                    timeout=ANSWER_SECONDS_MAX,
                )
            except httpx.TransportError as error:
                self.history.note(tab, f"{turn.key} {turn.message!r}: {type(error).__name__}")
            else:
                if answer.status_code == 202:
                    told = answer.json()
                    accepted = Accepted(told["conversation_id"], told["message_id"], told["run_id"])
                    self.history.note(tab, f"{turn.key} {turn.message!r}: {accepted}")
                    turn.accepted.append(accepted)
                    return accepted
                self.history.note(tab, f"{turn.key} {turn.message!r}: {answer.status_code} {answer.text}")
                if answer.status_code not in WORTH_A_RETRY:
                    turn.refused.append(f"{answer.status_code} {answer.text}")
            await asyncio.sleep(self.random.uniform(0.1, RETRY_SECONDS_MAX))

    # --- deciding -----------------------------------------------------------------------------------------

    async def _decide(self, turn: Turn, run_id: str) -> None:
        """In another tab: look now and then what the run waits for, and decide it; twice at once, as two tabs would."""
        while True:
            await asyncio.sleep(self.random.uniform(0.1, RETRY_SECONDS_MAX))
            try:
                run = await self._read(f"runs/{run_id}")
            except httpx.HTTPError:
                continue  # what is refused for good is refused to who reads it at the end as well
            if run["status"] not in ("queued", "running", "waiting"):
                return
            for call in run["waiting_for"]:
                how = {"answer": {"q1": "fast"}} if call["kind"] == "question" else {"decision": turn.deal}
                said = {"call_id": call["call_id"], **how}
                await asyncio.gather(*(self._say_decision(turn, run_id, said) for _ in range(2)))

    async def _say_decision(self, turn: Turn, run_id: str, said: Mapping[str, Any]) -> None:
        url = f"{self.natter.edge_url}/api/{self._path}/runs/{run_id}/decisions"
        try:
            answer = await self.client.post(url, json=said, headers=self._headers, timeout=ANSWER_SECONDS_MAX)
        except httpx.TransportError as error:
            self.history.note(self.name, f"{turn.key} decided: {type(error).__name__}")
            return
        self.history.note(self.name, f"{turn.key} decided: {answer.status_code} {said}")
        if answer.status_code != 202 and answer.status_code not in WORTH_A_RETRY:
            turn.refused.append(f"{answer.status_code} {answer.text}")

    # --- watching -----------------------------------------------------------------------------------------

    async def _watch(self, view: View, path: str) -> None:
        """Watch a stream, cut off now and then, until the end of the run was seen and a return gets 204."""
        while not await self._connect(view, path):
            await asyncio.sleep(self.random.uniform(0, RETRY_SECONDS_MAX))

    async def _connect(self, view: View, path: str) -> bool:
        """One connection; says whether there is nothing more to come back for."""
        place = view.frames[-1].id if view.frames else "0"
        cut_after = self.random.choice([1, 5, 20, 60, None, None])
        url = f"{self.random.choice(self.natter.state.relay_urls)}/api/{self._path}/{path}"
        taken, why = 0, "was ended"
        try:
            async with self.client.stream("GET", url, headers={**self._headers, "Last-Event-ID": place}) as response:
                if response.status_code == 204 and view.frames and is_terminal(view.frames[-1]):
                    return True
                if response.status_code != 200:
                    why = str(response.status_code)
                    if response.status_code not in WORTH_A_RETRY:
                        view.refused.append(f"{response.status_code} after {place}")
                    return False
                async with contextlib.aclosing(frames_of(response)) as frames:
                    async for frame in frames:
                        view.frames.append(frame)
                        taken += 1
                        if taken == cut_after:
                            why = "was cut"
                            return False
        except httpx.TransportError as error:
            why = type(error).__name__
        finally:
            last = view.frames[-1].id if view.frames else "0"
            self.history.note(view.name, f"{taken} frames, {place} → {last}, {why}")
        return False

    # --- what is there at the end ---------------------------------------------------------------------------

    async def read_stored(self, stored: Stored) -> None:
        """Read everything of the user, as the user would."""
        stored.tasks += [(self.name, task["title"]) for task in await self._read_all("tasks")]
        for conversation in await self._read_all("conversations"):
            path = f"conversations/{conversation['id']}/messages"
            for row in await self._read_all(path, {"order": "asc"}):
                message = Message(self.name, conversation["id"], row["id"], row["role"], row["content"])
                stored.messages.append(message)
        for turn in self.history.turns:
            if turn.user == self.name and (run_id := run_of(turn)) is not None:
                stored.runs[run_id] = (await self._read(f"runs/{run_id}"))["status"]

    async def _read_all(self, path: str, options: dict[str, str] | None = None) -> Sequence[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            page = await self._read(path, {"limit": str(PAGE_MESSAGES), **(options or {}), **after})
            found += page["data"]
            if not page["has_more"]:
                return found
            after = {"after": page["after"]}

    async def _read(self, path: str, options: dict[str, str] | None = None) -> dict[str, Any]:
        url = f"{self.natter.edge_url}/api/{self._path}/{path}"
        answer = await self.client.get(url, params=options, headers=self._headers)
        answer.raise_for_status()
        return answer.json()

    @property
    def _path(self) -> str:
        return self.name.replace(" ", "%20").replace("*", "%2A").replace(">", "%3E")

    @property
    def _headers(self) -> dict[str, str]:
        return self.natter.headers(self.name)
