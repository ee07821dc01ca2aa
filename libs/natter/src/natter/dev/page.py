"""The page of `natter dev`: our ChatKit element on one origin with the services, for one person on this machine.

It does what the web app's proxy.ts does, without sign-in: requests go on to auth_edge and stream_relay with a token
that the browser never sees. So it listens on loopback alone, and only for its own pages.
"""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import jwt
import uvicorn
from actor_kit.uvicorn_internals import QuietServer
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from natter.servers.ports import LOOPBACK
from natter.tokens import AUDIENCE, ISSUER

USER: Final = "you"
TOKEN_SECONDS: Final = 300
PASSED_ON: Final = ("accept", "accept-language", "content-type", "idempotency-key", "last-event-id", "natter-assistant")
PASSED_ON_TOO: Final = ("natter-on-busy", "natter-time-zone")
KEPT_BACK: Final = frozenset({"connection", "content-length", "keep-alive", "server", "date", "transfer-encoding"})
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
HEAD_SECONDS_MAX: Final = 20.0
MODULES: Final = ("chatkit.js", "chatkit-chart.js", "chatkit-code.js", "chatkit-math.js")
"""The element, and what it loads when it first shows code, a formula or a chart."""
_ELEMENT_IN_THE_PACKAGE: Final = Path(__file__).parent / "chatkit.js"
_PAGE: Final = Path(__file__).parent / "page.html"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:;"
    " font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class PageSettings(BaseSettings):
    """What `natter dev` tells the page."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix="NATTER_PAGE_")

    port: int
    edge_url: str
    relay_url: str
    secret: SecretStr


def find_element() -> Path | None:
    """The ChatKit element: a checkout's build, or the one that came with the wheel."""
    for parent in Path(__file__).resolve().parents:
        built = parent / "web" / "chatkit-element" / "dist" / "chatkit.js"
        if built.exists():
            return built
    return _ELEMENT_IN_THE_PACKAGE if _ELEMENT_IN_THE_PACKAGE.exists() else None


@dataclass(frozen=True)
class Page:
    """The routes, and how a request goes on to a service."""

    settings: PageSettings
    element: Path
    http: httpx.AsyncClient

    @property
    def app(self) -> Starlette:
        methods = ["GET", "POST", "PATCH", "DELETE"]
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/page.js", self._script),
                *(Route(f"/{name}", self._module) for name in MODULES),
                Route("/readyz", self._ready),
                Route("/connections/{name}", self._connection),
                Route("/api/{path:path}", self._forward, methods=methods),
            ]
        )

    async def _page(self, request: Request) -> Response:
        if not self._is_ours(request):
            return _refused()
        return HTMLResponse(_PAGE.read_text(encoding="utf-8"), headers={"Content-Security-Policy": _POLICY})

    async def _script(self, _request: Request) -> Response:
        return FileResponse(_PAGE.with_suffix(".js"), media_type="text/javascript")

    async def _module(self, request: Request) -> Response:
        return FileResponse(self.element.with_name(request.url.path[1:]), media_type="text/javascript")

    async def _ready(self, _request: Request) -> Response:
        return PlainTextResponse("ok")

    async def _connection(self, request: Request) -> Response:
        """The pages of auth_edge about connections, whose addresses name no user."""
        name = request.path_params["name"]
        path = "callback" if name == "callback" else f"{name}/consent"
        return await self._sent(request, f"/api/{USER}/connections/{path}")

    async def _forward(self, request: Request) -> Response:
        return await self._sent(request, request.url.path)

    async def _sent(self, request: Request, path: str) -> Response:
        if not self._is_ours(request):
            return _refused()
        service = self.settings.relay_url if path.endswith("/stream") else self.settings.edge_url
        headers = {name: request.headers[name] for name in (*PASSED_ON, *PASSED_ON_TOO) if name in request.headers}
        body = await request.body()
        if len(body) > BODY_BYTES_MAX:
            return PlainTextResponse("too large", 413)
        asked = self.http.build_request(
            request.method,
            f"{service}{path}",
            params=request.query_params,
            content=body,
            headers={**headers, "Authorization": f"Bearer {self._token()}", "Accept-Encoding": "identity"},
        )
        try:
            answer = await self.http.send(asked, stream=True)
        except httpx.TransportError:
            return JSONResponse({"code": "unavailable", "title": "Natter is not answering right now"}, 503)
        kept = {name: value for name, value in answer.headers.items() if name not in KEPT_BACK}
        return StreamingResponse(_chunks(answer), answer.status_code, kept)

    def _is_ours(self, request: Request) -> bool:
        """No other page on this machine or in the world may use it: neither by a name of its own nor by a form."""
        own = {f"{host}:{self.settings.port}" for host in (LOOPBACK, "localhost")}
        origin = request.headers.get("origin")
        is_reading = request.method == "GET"
        from_here = origin is None or origin.removeprefix("http://") in own
        return request.headers.get("host") in own and (from_here or is_reading)

    def _token(self) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": USER, "iat": now, "exp": now + TOKEN_SECONDS}
        return jwt.encode(claims, self.settings.secret.get_secret_value(), algorithm="HS256")


async def _chunks(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.TransportError:  # the service was restarted: the element connects again
        return
    finally:
        await answer.aclose()


def _refused() -> Response:
    return JSONResponse({"code": "cross_origin", "title": "This request did not come from the page itself"}, 403)


async def serve(settings: PageSettings, element: Path) -> None:
    """Serve the page until a signal comes."""
    timeout = httpx.Timeout(HEAD_SECONDS_MAX, read=None)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False) as http:
        app = Page(settings, element, http).app
        config = uvicorn.Config(app, host=LOOPBACK, port=settings.port, log_config=None, timeout_graceful_shutdown=1)
        server = QuietServer(config)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, lambda: setattr(server, "should_exit", True))
        await server.serve()


if __name__ == "__main__":
    found = find_element()
    if found is None:
        sys.exit("the ChatKit element is not built: run `npm run build` in web/chatkit-element")
    asyncio.run(serve(PageSettings(), found))  # pyright: ignore[reportCallIssue] - from the environment
