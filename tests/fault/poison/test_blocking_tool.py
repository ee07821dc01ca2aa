"""A tool that blocks the event loop of its runner counts for its run; the runs beside it go on, and count nothing."""

import asyncio
import json
from pathlib import Path

from actor_kit.watchdog import STALLED_EXIT_CODE

from tests.runner_stack import runner_stack

ENDED_SECONDS_MAX = 30.0


async def test_a_tool_that_blocks_is_told_of_and_the_answer_beside_it_is_finished(
    tmp_path: Path, nats_url: str, database_url: str
) -> None:
    blocking_path = str(Path(__file__).parent / "blocking")
    async with runner_stack(
        tmp_path,
        nats_url,
        database_url,
        lease_seconds=2,
        warm=False,  # for `sitecustomize`, which Python reads when it starts
        PYTHONPATH=blocking_path,
        LOOP_STALL_SECONDS_MAX="2",
    ) as stack:
        beside = await stack.begin("alice", "count to 600")
        async with asyncio.timeout(10):
            while len(await stack.deltas("alice", beside)) < 20:
                await asyncio.sleep(0.05)
        blocking = await stack.begin("trudy", "add a task: block with a tool")
        runner = stack.services["runner0"]
        assert runner.process is not None
        assert await asyncio.to_thread(runner.process.wait, ENDED_SECONDS_MAX) == STALLED_EXIT_CODE
        log = [json.loads(line) for line in runner.log_file.read_text().splitlines() if line.startswith("{")]
        assert [line["run_id"] for line in log if line["event"] == "run.stalled"] == [blocking.run_id]
        [stalled] = [line for line in log if line["event"] == "loop.stalled"]
        assert "in blocking_call" in stalled["stack"]
        runner.start()
        await runner.wait_until_ready()
        seen = await stack.watch("alice", beside)
        assert seen.end is not None
        assert seen.end["type"] == "run.completed"
        assert seen.viewer.texts() == [" ".join(str(number) for number in range(1, 601))]
        assert (await stack.run("trudy", blocking.run_id)).status == "running"
