"""What both servers of the element's tests serve beside their answers: the element and the pages that hold it."""

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
PACKAGE = HERE.parents[2] / "web" / "chatkit-element"


def page_routes() -> list[BaseRoute]:
    """The element as it is built, the React pages, and the plain ones; they come last, for they take every path."""
    return [
        *(
            Route(f"/{name}", _module(name))
            for name in ("chatkit.js", "chatkit-chart.js", "chatkit-code.js", "chatkit-math.js")
        ),
        Mount("/built", StaticFiles(directory=PACKAGE / "dist-test", check_dir=False)),
        Mount("/", StaticFiles(directory=HERE / "static", html=True)),
    ]


def _module(name: str) -> Callable[[Request], Response]:
    return lambda _request: FileResponse(PACKAGE / "dist" / name, media_type="text/javascript")


async def serve(app: Starlette) -> None:
    """Listen on a free port, print it, and answer until told to stop."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - this is how the tests learn the port
    await uvicorn.Server(config).serve(sockets=[listener])
