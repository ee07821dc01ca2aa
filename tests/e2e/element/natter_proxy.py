"""One origin for the page and for Natter without its web app: serves the test pages and adds the person's token.

Run as `python -m tests.e2e.element.natter_proxy EDGE_URL RELAY_URL`; prints its port when it listens. The web app's
proxy.ts does the same with a session; here `POST /tokens/{user}` says what a person's requests carry.
"""

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
MODULE = HERE.parents[2] / "web" / "chatkit-element" / "dist" / "chatkit.js"
STREAM = re.compile(r"/stream$")
FORWARDED = ("content-type", "accept", "idempotency-key", "natter-on-busy", "last-event-id")
RETURNED = ("content-type", "cache-control", "retry-after", "natter-active-run", "natter-resume-from")


class Proxy:
    """Forwards /api/… to auth_edge, streams to stream_relay."""

    def __init__(self, edge_url: str, relay_url: str) -> None:
        self.edge_url, self.relay_url = edge_url, relay_url
        self.tokens: dict[str, str] = {}
        self.client = httpx.AsyncClient(timeout=httpx.Timeout(30, read=60), trust_env=False)

    async def forward(self, request: Request) -> Response:
        """Any call of the page."""
        is_stream = STREAM.search(request.url.path) is not None
        base = self.relay_url if is_stream else self.edge_url
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        token = self.tokens.get(request.path_params["user"], "")
        outgoing = self.client.build_request(
            request.method,
            f"{base}{request.url.path}",
            params=request.query_params,
            headers={**headers, "Authorization": f"Bearer {token}"},
            content=await request.body(),
        )
        try:
            answer = await self.client.send(outgoing, stream=True)
        except httpx.HTTPError:
            return Response(status_code=502)
        kept = {name: answer.headers[name] for name in RETURNED if name in answer.headers}
        if "location" in answer.headers:  # absolute without the web app: the page stays on its origin
            kept["location"] = str(httpx.URL(answer.headers["location"]).raw_path, "ascii")
        return StreamingResponse(self._body(answer), answer.status_code, kept)

    async def _body(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in answer.aiter_raw():
                yield chunk
        finally:
            await answer.aclose()

    async def replace_token(self, request: Request) -> Response:
        """POST /tokens/{user}: what is sent from now on."""
        self.tokens[request.path_params["user"]] = (await request.body()).decode()
        return Response(status_code=204)

    def routes(self) -> Starlette:
        """The whole application."""
        methods = ["GET", "POST", "PATCH", "DELETE"]
        return Starlette(
            routes=[
                Route("/api/{user}/{path:path}", self.forward, methods=methods),
                Route("/tokens/{user}", self.replace_token, methods=["POST"]),
                Route("/chatkit.js", lambda _request: FileResponse(MODULE, media_type="text/javascript")),
                Mount("/", StaticFiles(directory=HERE / "static", html=True)),
            ]
        )


async def main() -> None:
    """Listen on a free port until told to stop."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    edge_url, relay_url = sys.argv[1:]
    config = uvicorn.Config(Proxy(edge_url, relay_url).routes(), log_level="critical", timeout_graceful_shutdown=1)
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - this is how the tests learn the port
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(main())
