"""Model servers that were not written for Natter: aimock (npm), and the LiteLLM proxy (PyPI) in front of it."""

import asyncio
import json
import os
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from natter.servers.ports import free_port
from natter_testing.servers import die_with_parent

HERE = Path(__file__).parent
AIMOCK = HERE / "node_modules/@copilotkit/aimock/dist/cli.js"
LITELLM = HERE / ".venv/bin/litellm"
LITELLM_EXTRA = HERE / ".extra"
"""What agent-runner[litellm] installs beside the runner."""
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
WORD_DELAY_MS = 15


@dataclass
class ModelServer:
    """A model server as a child process; ``base_url`` is what OpenAI's client is given."""

    process: subprocess.Popen[bytes]
    port: int
    api_key: str
    log_file: Path
    health: str

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def wait_until_ready(self) -> None:
        async with asyncio.timeout(START_SECONDS_MAX), httpx.AsyncClient(trust_env=False) as http:
            while True:
                assert self.process.poll() is None, self.log_file.read_text(errors="replace")[-2_000:]
                try:
                    if (await http.get(f"http://127.0.0.1:{self.port}{self.health}")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)

    async def requests(self) -> list[dict[str, Any]]:
        """The bodies that aimock was sent, in order."""
        async with httpx.AsyncClient(trust_env=False) as http:
            journal = (await http.get(f"http://127.0.0.1:{self.port}/__aimock/journal")).json()
        return [entry["body"] for entry in journal if entry["body"]]


@asynccontextmanager
async def aimock(
    directory: Path, fixtures: Sequence[dict[str, Any]], *, otherwise: str | None = None
) -> AsyncIterator[ModelServer]:
    """aimock with these fixtures. What none of them matches goes on to ``otherwise``, the address of another server."""
    assert AIMOCK.exists(), "aimock is not installed: run `make test-tools`"
    file = directory / "fixtures.json"
    file.write_text(json.dumps({"fixtures": list(fixtures)}))
    proxy = ["--proxy-only", "--provider-openai", otherwise] if otherwise else ["--strict"]
    speed = ["--latency", str(WORD_DELAY_MS), "--chunk-size", "6"]
    command = ["node", str(AIMOCK), "-f", str(file), "--journal-max", "0", "--log-level", "warn", *speed, *proxy]
    with _running(command, directory / "aimock.log", {}, "any", "/health") as server:
        await server.wait_until_ready()
        yield server


@asynccontextmanager
async def litellm(directory: Path, upstream: str) -> AsyncIterator[ModelServer]:
    """The LiteLLM proxy, starting: it speaks both APIs itself, and asks ``upstream`` by Chat Completions.

    It takes seconds to start: wait for it where it is needed.
    """
    parameters = {"model": "deepseek/scripted", "api_base": upstream, "api_key": "any"}
    config = directory / "litellm.yaml"
    config.write_text(json.dumps({"model_list": [{"model_name": "scripted", "litellm_params": parameters}]}))
    key = f"sk-{secrets.token_hex(24)}"
    environment = {"LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [str(LITELLM), "--config", str(config), "--host", "127.0.0.1"]
    with _running(command, directory / "litellm.log", environment, key, "/health/liveliness") as server:
        yield server


@contextmanager
def _running(
    command: list[str], log_file: Path, environment: dict[str, str], key: str, health: str
) -> Iterator[ModelServer]:
    port = free_port()
    own = {"PATH": os.environ["PATH"], "HOME": str(log_file.parent), **environment}
    with log_file.open("wb") as log:
        process = subprocess.Popen([*die_with_parent(), *command, "--port", str(port)], env=own, stdout=log, stderr=log)
    try:
        yield ModelServer(process, port, key, log_file, health)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
