"""More or fewer processes of a service while a stack runs: `natter scale` asks, `natter up` does it.

They meet in the data directory: the one writes `scale.json` and waits for `scaled.json`. A file, and not a socket: the
path of a socket has at most 107 bytes, and whoever may write in the directory owns the stack anyway.
"""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from contracts.services import Service

from natter.data_directory import DataDirectory, DataDirectoryInUseError
from natter.output import Output
from natter.plan import replicas_of_group
from natter.stack import SERVICES, Replica, Stack
from natter.supervision.program import ProgramFailedError
from natter.supervision.supervisor import Supervisor

LOOK_SECONDS = 0.2
DONE_SECONDS_MAX = 130.0
"""Somewhat longer than a program may take to start."""


class ScaleError(Exception):
    """It was not done; the text says why."""


def ask(directory: DataDirectory, scale: Mapping[str, int]) -> None:
    """Have the stack of this directory scaled, and return when that is done. Raises ScaleError."""
    if not is_running(directory):
        raise ScaleError(f"no stack runs on {directory.root}")
    request_id = secrets.token_hex(8)
    _write(directory.root / "scale.json", {"request_id": request_id, "scale": dict(scale)})
    deadline = time.monotonic() + DONE_SECONDS_MAX
    while time.monotonic() < deadline:
        answer = _read(directory.root / "scaled.json")
        if answer.get("request_id") == request_id:
            if answer.get("problem"):
                raise ScaleError(str(answer["problem"]))
            return
        if not is_running(directory):
            raise ScaleError("the stack was stopped")
        time.sleep(LOOK_SECONDS)
    raise ScaleError(f"the stack has not done it within {DONE_SECONDS_MAX:g} s")


def is_running(directory: DataDirectory) -> bool:
    """Whether a `natter up` holds the directory."""
    try:
        with directory.lock():
            return False
    except DataDirectoryInUseError:
        return True


class Scaler:
    """Does what is asked for in the data directory; `stack` is the one that runs now."""

    def __init__(self, stack: Stack, supervisor: Supervisor, output: Output) -> None:
        self.stack = stack
        self._supervisor = supervisor
        self._output = output
        self._asked = stack.directory.root / "scale.json"
        self._answer = stack.directory.root / "scaled.json"

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """Do what is asked for from now on, while the block runs."""
        self._asked.unlink(missing_ok=True)  # of an earlier stack
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            task.cancel()

    async def _listen(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            asked = _read(self._asked)
            if not asked:
                continue
            self._asked.unlink(missing_ok=True)
            problem = None
            try:
                for name, count in asked["scale"].items():
                    await self.scale(name, count)
            except (ScaleError, ProgramFailedError) as error:
                problem = str(error)
                self._output.line("natter", f"not scaled: {problem}")
            _write(self._answer, {"request_id": asked["request_id"], "problem": problem})

    async def scale(self, name: str, count: int) -> None:
        """Run ``count`` processes of a service, or of an assistant's runners (``agent_runner.ID``).

        The newest go first. Raises ScaleError; ProgramFailedError, and then runs what ran before.
        """
        service, _, assistant_id = name.partition(".")
        if service not in [*SERVICES] or (assistant_id and assistant_id not in self.stack.assistants):
            raise ScaleError(f"there is no {name} in this stack")
        group = [r for r in self.stack.replicas if (r.service, r.assistant_id or "") == (service, assistant_id)]
        self._output.line("natter", f"{name}: {len(group)} → {count}")
        port = group[0].http_port if group else 0
        more = replicas_of_group(Service(service), assistant_id or None, range(len(group) + 1, count + 1), port)
        await self._add(more)
        await self._remove(group[count:])

    async def _add(self, more: Sequence[Replica]) -> None:
        grown = replace(self.stack, replicas=[*self.stack.replicas, *more])
        names = {replica.name for replica in more}
        try:
            await self._supervisor.start([program for program in grown.services if program.name in names])
        except ProgramFailedError:
            await self._supervisor.remove(names)
            raise
        self.stack = grown

    async def _remove(self, fewer: Sequence[Replica]) -> None:
        await self._supervisor.remove({replica.name for replica in fewer})
        self.stack = replace(self.stack, replicas=[r for r in self.stack.replicas if r not in fewer])


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def _write(path: Path, value: Mapping[str, object]) -> None:
    """All of it at once: a reader sees the old or the new."""
    staged = path.with_suffix(".new")
    staged.write_text(json.dumps(value))
    staged.replace(path)
