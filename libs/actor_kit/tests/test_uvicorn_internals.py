"""uvicorn is inside as `uvicorn_internals` believes: an upgrade that changes it fails here, and says what."""

import asyncio
import inspect
from importlib.metadata import version

import uvicorn
from actor_kit.uvicorn_internals import BoundedProtocol, QuietServer
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

OVERRIDDEN = {
    "connection_made": ["self", "transport"],
    "connection_lost": ["self", "exc"],
    "data_received": ["self", "data"],
    "on_message_begin": ["self"],
    "on_headers_complete": ["self"],
    "on_message_complete": ["self"],
    "on_response_complete": ["self"],
    "pause_writing": ["self"],
    "resume_writing": ["self"],
    "send_400_response": ["self", "msg"],
}
READ = ("app", "config", "connections", "cycle", "loop", "transport")
READ_OF_CYCLE = ("more_body", "response_complete")


async def test_uvicorn_is_inside_as_we_believe() -> None:
    what = f"uvicorn {version('uvicorn')}"
    for name, parameters in OVERRIDDEN.items():
        found = getattr(HttpToolsProtocol, name, None)
        assert found is not None, f"{what} has no HttpToolsProtocol.{name}"
        assert list(inspect.signature(found).parameters) == parameters, f"{what}: HttpToolsProtocol.{name}"
    ours = {name for name in vars(BoundedProtocol) if callable(getattr(BoundedProtocol, name)) and name[:1] != "_"}
    assert ours == set(OVERRIDDEN), "what we override is in this list"

    config = uvicorn.Config(lambda *_: None, http=HttpToolsProtocol, loop="none")  # type: ignore[arg-type, return-value]
    config.load()
    protocol = HttpToolsProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    for name in READ:
        assert hasattr(protocol, name), f"{what}: HttpToolsProtocol.{name}"
    assert hasattr(config, "loaded_app"), f"{what}: Config.loaded_app"
    cycle = inspect.getsource(inspect.getmodule(HttpToolsProtocol).RequestResponseCycle)  # type: ignore[union-attr]
    for name in READ_OF_CYCLE:
        assert f"self.{name}" in cycle, f"{what}: RequestResponseCycle.{name}"
    assert list(inspect.signature(uvicorn.Server.capture_signals).parameters) == ["self"], f"{what}: capture_signals"
    assert list(inspect.signature(uvicorn.Server.shutdown).parameters) == ["self", "sockets"], f"{what}: shutdown"
    assert "for server in self.servers:\n            server.close()" in inspect.getsource(uvicorn.Server.shutdown)
    assert issubclass(QuietServer, uvicorn.Server)
