"""Runs the public MCP conformance suite (@modelcontextprotocol/conformance) against a server behind a token."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from actor_kit.uvicorn_internals import QuietServer
from natter.servers.ports import free_port
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

SUITE = Path(__file__).parent
PROGRAM = SUITE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
NOT_APPLICABLE = SUITE / "not-applicable.yml"
SUITE_SECONDS_MAX = 60.0
# The scenarios about a server of tools. (One more passes for want of the suite's own tool, and means nothing.)
APPLICABLE = {
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-error",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
}
ROW = re.compile(r"^✓ (\S+): ([1-9]\d*) passed, 0 failed$", re.MULTILINE)


@asynccontextmanager
async def with_token(upstream: str, token: str) -> AsyncIterator[str]:
    """The address of a proxy that adds a token and changes nothing else: the suite has no way to give one."""

    async def forward(request: Request) -> Response:
        headers = [*request.headers.raw, (b"authorization", f"Bearer {token}".encode())]
        url = f"{upstream}{request.url.path}"
        sent = http.build_request(request.method, url, headers=headers, content=await request.body())
        answer = await http.send(sent, stream=True)
        kept = {name: value for name, value in answer.headers.items() if name not in ("content-length", "date")}
        return StreamingResponse(answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose))

    port = free_port()
    app = Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST", "DELETE"])])
    server = QuietServer(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1))
    async with httpx.AsyncClient(timeout=SUITE_SECONDS_MAX, trust_env=False) as http:
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await serving


def passed_scenarios(written: str) -> set[str]:
    """Those of which at least one check passed, and none failed."""
    return {name for name, _ in ROW.findall(written)}


async def run_suite(url: str) -> tuple[int, str]:
    """The suite's exit code (1 where a scenario ends other than `NOT_APPLICABLE` says) and what it wrote."""
    assert PROGRAM.exists(), "the conformance suite is not installed: run `make test-tools`"
    options = ["--url", url, "--suite", "all", "--expected-failures", str(NOT_APPLICABLE)]
    command = ["node", "--import", (SUITE / "node20.mjs").as_uri(), str(PROGRAM), "server", *options]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(SUITE_SECONDS_MAX):
            written, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, written.decode()
