"""The nemesis: decides from a seed who is killed or paused and when, and does it to the processes of a stack."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

import psutil
from natter.supervision.orphans import MARKER
from natter_testing.stack import RunningNatter

from tests.fault.nemesis.history import History

How = Literal["kill -9", "SIGTERM", "SIGSTOP"]
HOWS: tuple[How, ...] = ("kill -9", "SIGTERM", "SIGSTOP")
GAP_SECONDS = (1.5, 5.0)
PAUSES_SECONDS = ((0.3, 3.0), (3.0, 9.0), (9.0, 13.0), (20.0, 22.0))
"""A pause is as short as a hiccup, shorter than a lease, longer than a lease, or longer than a watchdog's patience."""
FIND_SECONDS_MAX = 30.0


@dataclass(frozen=True)
class Fault:
    """Something to do to a process of the stack, `at` so many seconds after the beginning."""

    at: float
    victim: str
    how: How
    pause_seconds: float = 0.0

    def __str__(self) -> str:
        pause = f" for {self.pause_seconds:.1f} s" if self.how == "SIGSTOP" else ""
        return f"{self.how}{pause}"


def plan_faults(seed: int, seconds: float, victims: Sequence[str]) -> list[Fault]:
    """What to do in so many seconds. In each round every victim has its turn; in three, it had everything.

    Nobody is hit while it is paused, and no pause is longer than the time that is left.
    """
    random = Random(seed)
    faults: list[Fault] = []
    ways = {victim: random.sample(HOWS, len(HOWS)) for victim in victims}
    paused_until = dict.fromkeys(victims, 0.0)
    waiting: list[str] = []
    number, at = 0, random.uniform(*GAP_SECONDS)
    while at < seconds:
        if not waiting:
            waiting = random.sample(list(victims), len(victims))
        victim = next((victim for victim in waiting if paused_until[victim] < at), None)
        if victim is not None:
            waiting.remove(victim)
            how = ways[victim][(number // len(victims)) % len(HOWS)]
            pause = min(random.uniform(*random.choice(PAUSES_SECONDS)), seconds - at) if how == "SIGSTOP" else 0.0
            paused_until[victim] = at + pause
            faults.append(Fault(at, victim, how, pause))
            number += 1
        at += random.uniform(*GAP_SECONDS)
    return faults


async def torment(natter: RunningNatter, faults: Sequence[Fault], history: History) -> None:
    """Do it all, each at its time; returns when nothing is paused any more."""

    async def do(fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        processes = await _processes_of(natter, fault.victim)
        history.note(f"! {fault.victim}", f"{fault} (process {processes[0].pid})")
        if fault.how == "kill -9":
            processes[0].kill()
        elif fault.how == "SIGTERM":
            processes[0].terminate()
        else:
            await _pause(processes, fault.pause_seconds)
            history.note(f"! {fault.victim}", "SIGCONT")

    async with asyncio.TaskGroup() as group:
        for fault in faults:
            group.create_task(do(fault))


async def _pause(processes: Sequence[psutil.Process], seconds: float) -> None:
    try:
        _send(processes, signal.SIGSTOP)
        await asyncio.sleep(seconds)
    finally:
        _send(processes, signal.SIGCONT)


def _send(processes: Sequence[psutil.Process], what: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(what)


async def _processes_of(natter: RunningNatter, victim: str) -> list[psutil.Process]:
    """The process of a victim and those that it started (Postgres has many); waits while it is being started again."""
    async with asyncio.timeout(FIND_SECONDS_MAX):
        while True:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(natter.state.processes.get(victim) or 0)
                if process.environ().get(MARKER) == str(natter.data_dir.resolve()):
                    return [process, *process.children(recursive=True)]
            await asyncio.sleep(0.1)
