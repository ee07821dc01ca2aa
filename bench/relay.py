"""Measure stream_relay: `python -m bench.relay [attach|idle|fanout|catchup …] [--response sse_starlette]`.

A real NATS server, the relay as a process of its own, and viewers over sockets in this one. Figures go to stdout.
"""

import argparse
import asyncio
import statistics
import time

import uvloop

from bench.relay_at_work import Bench, Run, Viewer, first_bytes, open_many, relay

IDLE_VIEWERS = 5000


async def attach(bench: Bench) -> dict[str, float]:
    """From the request to the first byte of the body, each with a viewer that is the run's first and only one."""
    times: list[float] = []
    for _ in range(300):
        run = Run(bench.bus)
        await run.begin()
        await run.say("hello")
        times.append(await first_bytes(bench, run.path, b"retry:"))
    run, shared = Run(bench.bus), []
    await run.begin()
    shared = [await first_bytes(bench, run.path, b"retry:") for _ in range(300)]
    return {**of("attach_ms", times), **of("attach_shared_ms", shared)}


async def catchup(bench: Bench) -> dict[str, float]:
    """From the request until the last of 600 deltas is there."""
    run = Run(bench.bus)
    await run.begin()
    for number in range(599):
        await run.say(f"word{number} ")
    last = await run.say("the-end")
    times = [await first_bytes(bench, run.path, b"the-end") for _ in range(60)]
    first = last - 599
    before = bench.cpu_seconds()
    resumed = [await first_bytes(bench, run.path, b"the-end", last_event_id=str(first)) for _ in range(60)]
    cpu_ms = (bench.cpu_seconds() - before) / len(resumed) * 1000
    return {**of("catchup_600_ms", times), **of("catchup_600_resumed_ms", resumed), "catchup_600_cpu_ms": cpu_ms}


async def idle(bench: Bench) -> dict[str, float]:
    """Memory of a viewer that has nothing to see: each of a user of its own, so each with a subscription."""
    wanted = [(f"/api/user{number}/stream", f"user{number}") for number in range(IDLE_VIEWERS)]
    return await idle_figures(bench, "idle", wanted)


async def idle_shared(bench: Bench) -> dict[str, float]:
    """The same where all look at one run, over one subscription."""
    run = Run(bench.bus)
    await run.begin()
    return await idle_figures(bench, "idle_shared", [(run.path, "alice")] * IDLE_VIEWERS)


async def idle_figures(bench: Bench, name: str, wanted: list[tuple[str, str]]) -> dict[str, float]:
    first = await open_many(bench, wanted[:1])
    before = bench.process.memory_info().rss
    started = time.perf_counter()
    transports = first + await open_many(bench, wanted[1:])
    opened_seconds = time.perf_counter() - started
    await asyncio.sleep(2)
    cpu = bench.cpu_seconds()
    await asyncio.sleep(15)
    figures = {
        f"{name}_kib_per_viewer": (bench.process.memory_info().rss - before) / IDLE_VIEWERS / 1024,
        f"{name}_cpu_percent": (bench.cpu_seconds() - cpu) / 15 * 100,
        f"{name}_opened_per_second": IDLE_VIEWERS / opened_seconds,
    }
    for transport in transports:
        transport.close()
    return figures


async def fanout(bench: Bench, viewers_count: int = 1000, per_second: int = 50, seconds: int = 10) -> dict[str, float]:
    """From publishing a delta until each viewer has it, with publisher, NATS, relay and viewers on this machine."""
    run = Run(bench.bus)
    await run.begin()
    lags: list[float] = []
    counts = [0] * viewers_count
    loop = asyncio.get_running_loop()
    transports: list[asyncio.Transport] = []

    def viewer(number: int) -> Viewer:
        rest = b""

        def on_bytes(data: bytes) -> None:
            nonlocal rest
            now = time.perf_counter_ns()
            parts = (rest + data).split(b"@")
            rest = parts.pop() if len(parts) % 2 else b"@".join((parts.pop(-2), parts.pop()))
            for stamp in parts[1::2]:
                lags.append((now - int(stamp)) / 1e6)
                counts[number] += 1

        return Viewer(bench.request(run.path, "alice"), on_bytes)

    for number in range(viewers_count):
        transport, _ = await loop.create_connection(lambda number=number: viewer(number), "127.0.0.1", bench.port)
        transports.append(transport)
    await asyncio.sleep(2)
    cpu, started = bench.cpu_seconds(), time.perf_counter()
    for number in range(per_second * seconds):
        await asyncio.sleep(max(0, started + number / per_second - time.perf_counter()))
        await run.say(f"@{time.perf_counter_ns()}@")
    took = time.perf_counter() - started
    await asyncio.sleep(5)
    used_seconds = bench.cpu_seconds() - cpu
    for transport in transports:
        transport.close()
    complete = sum(count == per_second * seconds for count in counts)
    return {
        **of("fanout_lag_ms", lags),
        "fanout_complete_viewers": complete,
        "fanout_cpu_us_per_viewer_and_delta": used_seconds / len(lags) * 1e6,
        "fanout_relay_cpu_percent": used_seconds / took * 100,
    }


def of(name: str, values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        f"{name}_p50": statistics.median(ordered),
        f"{name}_p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
    }


MEASUREMENTS = {"attach": attach, "catchup": catchup, "fanout": fanout, "idle": idle, "idle_shared": idle_shared}


async def measure(names: list[str], response: str = "own") -> dict[str, float]:
    """Run measurements, each with a relay of its own; figures by name."""
    figures: dict[str, float] = {}
    for name in names:
        async with relay(response) as bench:
            figures |= await MEASUREMENTS[name](bench)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *MEASUREMENTS], default=[])
    parser.add_argument("--response", choices=["own", "sse_starlette"], default="own")
    arguments = parser.parse_args()
    figures = uvloop.run(measure(arguments.names or list(MEASUREMENTS), arguments.response))
    for name, value in figures.items():
        print(f"{name:40} {value:10.2f}")


if __name__ == "__main__":
    main()
