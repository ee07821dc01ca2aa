"""What an operator is told to do is done, word for word, to a stack that runs: the contracts test and the runbook."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
# The commands that the runbook uses, as far as it uses them, for machines without them.
JQ = """
import json, sys
_, _, path, file = sys.argv
value = json.load(open(file))
for name in path.split(".")[1:]:
    value = value[name]
print(value)
"""
NATS = """
import argparse, asyncio, os, nats
parser = argparse.ArgumentParser()
parser.add_argument("--inbox-prefix", default="_INBOX")
parser.add_argument("--replies", type=int, default=1)
for name in ("command", "subject", "body"):
    parser.add_argument(name)
asked = parser.parse_args()
assert asked.command == "request"

async def main():
    url, user, password = (os.environ[name] for name in ("NATS_URL", "NATS_USER", "NATS_PASSWORD"))
    bus = await nats.connect(url, user=user, password=password, inbox_prefix=asked.inbox_prefix)
    inbox = bus.new_inbox()
    subscription = await bus.subscribe(inbox)
    await bus.publish(asked.subject, asked.body.encode(), reply=inbox)
    try:
        while True:
            print((await subscription.next_msg(2)).data.decode())
            if asked.replies == 1:
                break
    except nats.errors.TimeoutError:
        pass
    await bus.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with temporary_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def natter(folder: Path) -> Iterator[RunningNatter]:
    """A stack without runners, in `.natter` of the folder, where a person's commands look for it."""
    with natter_up(folder / ".natter", *WITHOUT_WEB, "--scale", "agent_runner=0") as natter:
        yield natter


@pytest.mark.whole_path
def test_the_contracts_of_a_running_stack_are_tested_when_it_has_no_runner(natter: RunningNatter) -> None:
    command = [sys.executable, "-m", "natter", "contracts", "test", "--data-dir", str(natter.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed, 0 failed$", done.stdout, re.M)


@pytest.mark.whole_path
def test_the_runbooks_nats_commands_are_answered(natter: RunningNatter, folder: Path) -> None:
    programs = folder / "bin"
    programs.mkdir()
    for name, source in (("jq", JQ), ("nats", NATS)):
        (programs / name).write_text(f"#!{sys.executable}\n{source}")
        (programs / name).chmod(0o755)
    (block,) = (text for text in re.findall(r"```sh\n(.*?)```", RUNBOOK.read_text(), re.S) if "$SRV" in text)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-eu", "-c", block], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for service in ("conversation_store", "task_tools", "stream_relay", "auth_edge"):
        assert f'"name":"{service}"' in done.stdout.replace(" ", ""), service
    assert '"num_requests"' in done.stdout
