"""A process starts, logs one JSON object a line with its trace and run, and stops in order on SIGTERM."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import gc
gc.disable()  # as the `__main__` of a service while it imports
import asyncio
import resource
import structlog
from actor_kit.lifecycle import load_settings, run_until_stopped
from actor_kit.settings import ServiceSettings
from actor_kit.telemetry import traced
from contracts.services import Service

async def main(stop):
    with traced({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}):
        with structlog.contextvars.bound_contextvars(run_id="run_1"):
            structlog.get_logger().info(
                "work.started",
                open_files=resource.getrlimit(resource.RLIMIT_NOFILE),
                collects=gc.isenabled(),
                frozen=gc.get_freeze_count() > 0,
            )
    await stop.wait()

resource.setrlimit(resource.RLIMIT_NOFILE, (128, 512))
run_until_stopped(Service.AGENT_RUNNER, load_settings(ServiceSettings), main)
"""


def start(tmp_path: Path, text: str = PROGRAM, **environment: str) -> subprocess.Popen[str]:
    program = tmp_path / "program.py"
    program.write_text(text)
    return subprocess.Popen(
        [sys.executable, str(program)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_signal_stops_the_service_and_the_log_tells_its_life(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path)
    assert process.stderr is not None
    lines: list[dict[str, Any]] = []
    while not lines or lines[-1]["event"] != "work.started":
        lines.append(json.loads(process.stderr.readline()))
    process.send_signal(number)
    rest = process.communicate(timeout=10)[1]
    lines += [json.loads(line) for line in rest.splitlines()]
    assert process.returncode == 0
    assert [line["event"] for line in lines] == ["service.starting", "work.started", "service.stopped"]
    assert lines[1]["run_id"] == "run_1"
    assert lines[1]["open_files"] == [512, 512]  # as many as the machine's operator allows
    assert (lines[1]["collects"], lines[1]["frozen"]) == (
        True,
        True,
    )  # garbage is looked for, in what came after the imports
    assert lines[1]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert {line["service"] for line in lines} == {"agent_runner"}


def test_a_service_that_still_waits_for_its_servers_stops_on_a_signal_too(tmp_path: Path) -> None:
    deaf = PROGRAM.replace("await stop.wait()", "await asyncio.Event().wait()")
    process = start(tmp_path, deaf, DRAIN_TIMEOUT_SECONDS="0.1")
    assert process.stderr is not None
    while json.loads(process.stderr.readline())["event"] != "work.started":
        pass
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=10)[1]
    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in rest.splitlines()] == ["service.cancelled", "service.stopped"]


def test_a_wrong_setting_is_named_without_its_value(tmp_path: Path) -> None:
    process = start(tmp_path, METRICS_PORT="secret-value")
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert "METRICS_PORT" in errors
    assert "secret-value" not in errors
