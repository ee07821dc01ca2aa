"""The processes around a run, without edge and relay: store, task tools and runners over real NATS and Postgres."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from actor_kit.bus import Bus, StoredMessage
from actor_kit.bus.admin import StreamAdmin
from actor_kit.provision import consumer_config, provision
from actor_kit.settings import ServiceSettings
from chatkit_protocol.reducer import Viewer
from contracts.commands import BeginTurn, CreateAttachment, FinishAttachment, UserMessage
from contracts.events import EVENT_HEADER, TERMINAL_RUN_EVENTS, ChatKitDelta
from contracts.identity import Principal
from contracts.ids import AttachmentId, new_file_key
from contracts.queries import GetRun, ListItems, ListTasks
from contracts.replies import ItemView, RunView, TaskView, TurnBegun
from contracts.services import Service
from contracts.streams import runs_mailbox
from contracts.subjects import subject_of
from file_store import FileStoreSettings, open_file_store
from natter.servers.ports import free_port
from natter_testing.servers import die_with_parent
from natter_testing.settings import Settings as TestSettings
from natter_testing.warm_start import WarmProcess, start_warm

START_SECONDS_MAX = 60.0
RUN_SECONDS_MAX = 40.0
STOP_SECONDS_MAX = 10.0


@dataclass
class RunningService:
    """One service as a child process, with its log in a file."""

    name: str
    module: str
    arguments: list[str]
    environment: dict[str, str]
    log_file: Path
    ready_port: int
    warm: bool
    process: WarmProcess | subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            if self.warm:
                self.process = start_warm(self.module, self.arguments, self.environment, log)
            else:
                command = [*die_with_parent(), sys.executable, "-m", self.module, *self.arguments]
                self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    async def wait_until_ready(self) -> None:
        deadline = asyncio.get_running_loop().time() + START_SECONDS_MAX
        while not await asyncio.to_thread(self.is_ready):
            if self.has_died or asyncio.get_running_loop().time() > deadline:
                tail = "\n".join(self.log_file.read_text(errors="replace").splitlines()[-25:])
                raise AssertionError(f"{self.name} is not ready:\n{tail}")
            await asyncio.sleep(0.05)

    def is_ready(self) -> bool:
        if self.has_died:
            return False
        address = f"http://127.0.0.1:{self.ready_port}/readyz"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=1) as answer:
            return answer.status == 200
        return False

    @property
    def has_died(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self) -> None:
        if self.process is None:
            return
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS_MAX)

    def is_paused(self) -> bool:
        """Whether the kernel has stopped it (Linux: state T)."""
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@dataclass
class RunnerStack:
    """Start it with `runner_stack`. ``bus`` may do everything: it plays the edge and the relay."""

    directory: Path
    nats_url: str
    database_url: str
    bus: Bus
    lease_seconds: float
    warm: bool
    services: dict[str, RunningService] = field(default_factory=dict)
    tools_port: int = field(default_factory=free_port)

    async def start(self, *, runners: int, assistants: Sequence[str], runner_environment: dict[str, str]) -> None:
        own = {"DATABASE_URL": self.database_url, "CONVERSATION_STORE_ASSISTANTS": ",".join(assistants)}
        store = self.add_service("store", ["conversation_store"], {**own, **TestSettings().shared_secrets})
        tools = self.add_service("tools", ["natter_todo.task_tools", "--http"], {"HTTP_PORT": str(self.tools_port)})
        for service in (store, tools):
            service.start()
        for number in range(runners):
            self.add_runner(f"runner{number}", runner_environment).start()
        for service in self.services.values():
            await service.wait_until_ready()

    def add_runner(self, name: str, environment: dict[str, str]) -> RunningService:
        return self.add_service(name, ["agent_runner"], self.runner_environment(environment))

    def runner_environment(self, environment: dict[str, str]) -> dict[str, str]:
        return {
            "AGENT_RUNNER_TASK_TOOLS_URL": f"http://127.0.0.1:{self.tools_port}/mcp",
            "AGENT_RUNNER_LEASE_SECONDS": str(self.lease_seconds),
            "AGENT_RUNNER_LEASE_RENEWAL_SECONDS": str(self.lease_seconds / 4),
            "AGENT_RUNNER_DEMO_WORD_DELAY_MS": "5",
            **environment,
        }

    def add_service(self, name: str, command: Sequence[str], environment: dict[str, str]) -> RunningService:
        port = free_port()
        own = {
            "PATH": os.environ["PATH"],
            "NATS_URL": self.nats_url,
            "METRICS_PORT": str(port),
            "DRAIN_TIMEOUT_SECONDS": "1.5",
            **environment,
        }
        service = RunningService(
            name, command[0], list(command[1:]), own, self.directory / f"{name}.log", port, self.warm
        )
        self.services[name] = service
        return service

    def stop(self) -> None:
        for service in self.services.values():
            service.send(signal.SIGCONT)
            service.send(signal.SIGTERM)
        for service in self.services.values():
            service.stop()

    # --- as the edge and a viewer see it -----------------------------------------------------------------

    async def begin(
        self,
        user_id: str,
        text: str,
        conversation_id: str | None = None,
        *,
        assistant_id: str | None = None,
        **options: Any,
    ) -> TurnBegun:
        message = UserMessage(text=text, content=({"type": "input_text", "text": text},), **options)
        return await self.bus.request(
            BeginTurn(
                principal=Principal(user_id=user_id),
                conversation_id=conversation_id,
                assistant_id=assistant_id,
                input=message,
            )
        )

    async def attach(self, user_id: str, name: str, mime_type: str, data: bytes, **known: int) -> AttachmentId:
        """Upload a file as the edge does when it has looked at it; ``known``: a picture's width and height."""

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        principal = Principal(user_id=user_id)
        create = CreateAttachment(principal=principal, name=name, mime_type=mime_type, size_bytes=len(data))
        attachment_id = (await self.bus.request(create)).attachment.attachment_id
        key = new_file_key(attachment_id)
        stored = await open_file_store(FileStoreSettings(), self.bus).put(key, chunks(), bytes_max=len(data))
        await self.bus.request(
            FinishAttachment(
                principal=principal,
                attachment_id=attachment_id,
                file_key=key,
                mime_type=mime_type,
                size_bytes=stored.size_bytes,
                sha256=stored.sha256,
                **known,
            )
        )
        return attachment_id

    async def deltas(self, user_id: str, begun: TurnBegun) -> list[StoredMessage]:
        """Everything on the run's subject so far."""
        subject = subject_of(ChatKitDelta, user_id=user_id, conversation_id=begun.conversation_id, run_id=begun.run_id)
        messages: list[StoredMessage] = []
        pending = 1
        while pending:
            start = messages[-1].sequence + 1 if messages else 1
            batch, pending = await self.bus.direct_get("DELTAS", subject, from_sequence=start)
            messages.extend(batch)
            if not batch:
                break
        return messages

    async def watch(self, user_id: str, begun: TurnBegun, *, seconds_max: float = RUN_SECONDS_MAX) -> "Watched":
        """Wait for the end of a run, and return what a viewer saw of it."""
        deadline = asyncio.get_running_loop().time() + seconds_max
        while True:
            watched = Watched.of(await self.deltas(user_id, begun))
            if watched.end is not None:
                return watched
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"the run did not end: {watched.run_events}\n{self.logs()}")
            await asyncio.sleep(0.05)

    async def ask(self, user_id: str, text: str, conversation_id: str | None = None) -> tuple[TurnBegun, "Watched"]:
        begun = await self.begin(user_id, text, conversation_id)
        return begun, await self.watch(user_id, begun)

    async def run(self, user_id: str, run_id: str) -> RunView:
        return (await self.bus.request(GetRun(principal=Principal(user_id=user_id), run_id=run_id))).run

    async def items(self, user_id: str, conversation_id: str, *, messages_only: bool = False) -> list[ItemView]:
        query = ListItems(
            principal=Principal(user_id=user_id),
            conversation_id=conversation_id,
            limit=100,
            messages_only=messages_only,
        )
        return list((await self.bus.request(query)).data)

    async def tasks(self, user_id: str) -> list[TaskView]:
        return list((await self.bus.request(ListTasks(principal=Principal(user_id=user_id)))).data)

    def logs(self) -> str:
        """The last lines of every service."""
        return "\n".join(
            f"--- {name}\n" + "\n".join(service.log_file.read_text(errors="replace").splitlines()[-15:])
            for name, service in self.services.items()
            if service.log_file.exists()
        )


@dataclass
class Watched:
    """What a viewer saw: items built from the events, and the run's control frames."""

    viewer: Viewer
    events: list[dict[str, Any]]
    run_events: list[dict[str, Any]]

    @classmethod
    def of(cls, messages: list[StoredMessage]) -> "Watched":
        watched = cls(Viewer(), [], [])
        for message in messages:
            body = json.loads(message.payload)
            if message.headers.get(EVENT_HEADER) == "run":
                watched.run_events.append(body)
            else:
                watched.events.append(body)
                watched.viewer.apply(body)
        return watched

    @property
    def end(self) -> dict[str, Any] | None:
        ends = [event for event in self.run_events if event["type"] in TERMINAL_RUN_EVENTS]
        assert len(ends) <= 1, f"more than one end: {ends}"
        return ends[0] if ends else None


@contextlib.asynccontextmanager
async def runner_stack(
    directory: Path,
    nats_url: str,
    database_url: str,
    *,
    runners: int = 1,
    lease_seconds: float = 8.0,
    assistants: Sequence[str] = ("todo",),
    warm: bool = True,
    **runner_environment: str,
) -> AsyncIterator[RunnerStack]:
    """A running stack with ``runners`` runners; stopped at the end. ``assistants``: who may be written to.

    Services start warm (natter_testing.warm_start); a benchmark has them start as in production.
    """
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus:
        await provision(bus, assistants=assistants)
        for assistant_id in assistants:
            mailbox = replace(runs_mailbox(assistant_id), ack_wait_seconds=lease_seconds)
            await StreamAdmin(bus.client).create_consumer(mailbox.stream, consumer_config(mailbox))
        stack = RunnerStack(directory, nats_url, database_url, bus, lease_seconds, warm)
        try:
            await stack.start(runners=runners, assistants=assistants, runner_environment=runner_environment)
            yield stack
        finally:
            stack.stop()
