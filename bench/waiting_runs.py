"""Measure what a run costs that waits for its model, and how long a run waits for a slot.

    python -m bench.waiting_runs [slots]

First 100 runs arrive over two seconds and count to 200, a word every 20 ms: from the time that the store has stored a
run to the time that a runner has claimed it. Then the model says a word and nothing more: memory (RSS) and CPU are the
runner's own, so that they hold on a busy machine, too.
"""

import asyncio
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from contracts.errors import RetryableError
from contracts.replies import TurnBegun
from natter_testing.servers import migrate, start_nats, start_postgres

from tests.openai_server import OpenaiServer, text
from tests.runner_stack import RunnerStack, runner_stack

STEPS = (0, 128, 256)
LOOK_SECONDS = 10.0
WAIT_SECONDS_MAX = 180.0
BEGIN_AT_ONCE = 8
ARRIVALS = 100
ARRIVAL_SECONDS = 2.0
WORDS = 200


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        nats, accounts = start_nats(Path(directory))
        postgres, databases = start_postgres(Path(directory))
        try:
            async with OpenaiServer(script=[text("hello ", "never", stall_after_words=1)]).running() as provider:
                for part in (arrive, measure):
                    url = databases.create()
                    await asyncio.to_thread(migrate, url)
                    folder = Path(directory) / part.__name__
                    folder.mkdir()
                    own = runner_stack(folder, accounts.new_url(), url, warm=False, **environment(provider))
                    async with own as stack:
                        await part(stack, provider)
        finally:
            postgres.stop()
            nats.stop()


def environment(provider: OpenaiServer) -> dict[str, Any]:
    return {
        "OPENAI_API_KEY": "sk-bench",
        "OPENAI_BASE_URL": provider.base_url,
        "AGENT_RUNNER_MODEL": "scripted",
        "AGENT_RUNNER_MODELS_ALLOWED": "demo",
        "AGENT_RUNNER_DEMO_WORD_DELAY_MS": "20",
        "AGENT_RUNNER_FIRST_TOKEN_SECONDS_MAX": "600",
        "AGENT_RUNNER_NEXT_TOKEN_SECONDS_MAX": "600",
        "AGENT_RUNNER_SLOTS": sys.argv[1] if len(sys.argv) > 1 else "",
        "LOG_LEVEL": "warning",
    }


async def measure(stack: RunnerStack, provider: OpenaiServer) -> None:
    process = stack.services["runner0"].process
    assert process is not None
    runner = psutil.Process(process.pid)
    begun = 0
    first = 0
    print("| runs that wait | memory (MiB) | KiB a run | CPU (% of a core) |\n|---|---|---|---|")
    for count in STEPS:
        await begin(stack, provider, begun, count)
        begun = count
        await asyncio.sleep(2)
        before = sum(runner.cpu_times()[:2])
        await asyncio.sleep(LOOK_SECONDS)
        cpu = (sum(runner.cpu_times()[:2]) - before) / LOOK_SECONDS * 100
        memory = runner.memory_info().rss
        first = first or memory
        each = (memory - first) / 1024 / count if count else 0
        print(f"| {count} | {memory / 1_048_576:.0f} | {each:.0f} | {cpu:.1f} |")


async def arrive(stack: RunnerStack, _provider: OpenaiServer) -> None:
    """Let runs arrive over time, and print how long they waited for their runner."""

    async def one(number: int) -> float:
        await asyncio.sleep(ARRIVAL_SECONDS * number / ARRIVALS)
        user = f"arriving{number}"
        begun = await begin_one(stack, user, f"count to {WORDS}", inference_options={"model": "demo"})
        while True:
            with suppress(RetryableError):
                run = await stack.run(user, begun.run_id)
                if run.started_at is not None:
                    return (run.started_at - run.created_at).total_seconds()
            await asyncio.sleep(1)

    waits = sorted(await asyncio.gather(*map(one, range(ARRIVALS))))
    p50, last = waits[ARRIVALS // 2], waits[-1]
    print(f"{ARRIVALS} over {ARRIVAL_SECONDS:g} s: wait for a runner p50 {p50:.2f} s, last {last:.2f} s")


async def begin_one(stack: RunnerStack, user: str, words: str, **options: Any) -> TurnBegun:
    """Begin a run, again where the store has too much to do."""
    while True:
        try:
            return await stack.begin(user, words, **options)
        except RetryableError as error:
            await asyncio.sleep(error.retry_after_seconds or 0.2)


async def begin(stack: RunnerStack, provider: OpenaiServer, begun: int, count: int) -> None:
    """Begin runs of as many users, and wait until the model has been asked for each."""
    at_once = asyncio.Semaphore(BEGIN_AT_ONCE)

    async def one(number: int) -> None:
        async with at_once:
            await begin_one(stack, f"user{number}", "hello")

    await asyncio.gather(*map(one, range(begun, count)))
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while len(provider.requests) < count:
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main())
