"""auth_edge and conversation_store on an event loop of their own, for clients that are not asynchronous."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from auth_edge.app import create_app, open_edge
from auth_edge.server import build_server
from auth_edge.testing import edge_settings
from contracts.services import Service
from conversation_store.app import open_store
from conversation_store.settings import Settings as StoreSettings
from identity.local_issuer import LocalIssuer

START_SECONDS_MAX = 30


@dataclass
class ServedEdge:
    """Where it listens, and whose tokens it accepts."""

    url: str
    issuer: LocalIssuer


@contextmanager
def served_edge(nats_url: str, database_url: str, folder: Path, **values: Any) -> Generator[ServedEdge]:
    """The two services with the real HTTP server, until the block ends."""
    started, stop = threading.Event(), asyncio.Event()
    found: list[ServedEdge] = []
    loop = asyncio.new_event_loop()

    async def run() -> None:
        issuer = LocalIssuer.open(folder / "issuer")
        settings = edge_settings(nats_url, issuer, http_port=0, **values)
        store_settings = StoreSettings.model_validate({"nats_url": nats_url, "database_url": database_url})
        async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus:
            await provision(bus)
        app = create_app(settings)
        async with open_store(store_settings), open_edge(settings, app):
            server = build_server(app, settings)
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            found.append(ServedEdge(f"http://127.0.0.1:{port}", issuer))
            started.set()
            await stop.wait()
            server.should_exit = True
            await serving

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert started.wait(START_SECONDS_MAX), "auth_edge did not start"
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS_MAX)
        loop.close()
