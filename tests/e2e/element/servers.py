"""The two kinds of server that the element is tested against, behind one interface for the tests."""

import json
import subprocess
import sys
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from natter_testing.servers import die_with_parent
from natter_testing.stack import RunningNatter

ROOT = Path(__file__).parents[3]
MODEL_ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-scripted",
    "AGENT_RUNNER_MODEL": "scripted",
    "AGENT_RUNNER_MODELS_ALLOWED": "small,big",
    "AGENT_RUNNER_MODEL_ATTEMPTS_MAX": "1",
}


@dataclass(frozen=True)
class Server:
    """A server as a test uses it: addresses of pages, and a way to cause faults and to ask what happened."""

    origin: str
    chatkit: str
    """The path of the ChatKit endpoint."""
    attributes: dict[str, str] = field(default_factory=dict)
    """What the element is told of this server, at least."""
    durable_chatkit: str = ""
    durable_attributes: dict[str, str] = field(default_factory=dict)
    failure_words: dict[str, str] = field(default_factory=dict)
    upload: str = ""
    """Where a form with a file goes."""
    download: str = ""
    """Where a file is, with its id."""
    """By phrase: what the person reads when the answer fails."""

    def control(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Cause a fault or ask what happened."""
        return control(self.origin, do, **arguments)

    def requests(self) -> list[dict[str, Any]]:
        """The ChatKit requests so far."""
        return self.control("state")["requests"]

    def url(self, options: dict[str, Any] | None = None, page: str = "plain.html", **query: str) -> str:
        """The address of a page with these options."""
        return self._address(page, self.chatkit, options, self.attributes, query)

    def durable_url(self, options: dict[str, Any] | None = None, **attributes: str) -> str:
        """The plain page with everything that a durable server can do."""
        attributes = {**self.durable_attributes, **attributes}
        return self._address("plain.html", self.durable_chatkit, options, attributes, {})

    def _address(
        self,
        page: str,
        chatkit: str,
        options: dict[str, Any] | None,
        attributes: dict[str, str],
        query: dict[str, str],
    ) -> str:
        told = {"url": chatkit, "options": json.dumps(options or {}), "attributes": json.dumps(attributes)}
        return f"{self.origin}/{page}?{urllib.parse.urlencode({**told, **query})}"


@dataclass(frozen=True)
class Person(Server):
    """Natter, for one user whom no other test knows."""

    stack: RunningNatter = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - always given
    user: str = ""

    def control(self, do: str, **arguments: Any) -> dict[str, Any]:
        """The same; what is seeded is this person's."""
        of_user = {"user": self.user} if do in {"seed", "threads", "token"} else {}
        return control(self.origin, do, **of_user, **arguments)

    def set_token(self, token: str) -> None:
        """What the page's requests carry from now on."""
        self.control("token", token=token)


def stock_server(origin: str) -> Server:
    """The stock ChatKitServer, and its durable variant."""
    return Server(
        origin,
        chatkit="/chatkit",
        durable_chatkit="/durable/chatkit",
        durable_attributes={
            "data-resume": "/durable/conversations/{thread_id}/stream",
            "data-stop-url": "/durable/runs/{run_id}/cancel",
            "data-search-url": "/durable/conversations?q={query}",
            "data-on-busy": "enqueue",
        },
        failure_words={"fail": "The model is away.", "crash": "Something went wrong"},
        upload="/upload",
        download="/files/{attachment_id}",
    )


def natter_of_a_new_person(natter: RunningNatter, origin: str) -> Person:
    """Natter with its own settings: it is durable by nature."""
    user = f"person-{uuid.uuid4().hex[:8]}"
    api = f"/api/{user}"
    attributes = {
        "data-resume": f"{api}/conversations/{{thread_id}}/stream",
        "data-stop-url": f"{api}/runs/{{run_id}}/cancel",
    }
    person = Person(
        origin,
        chatkit=f"{api}/chatkit",
        attributes=attributes,
        durable_chatkit=f"{api}/chatkit",
        durable_attributes={
            **attributes,
            "data-search-url": f"{api}/conversations?q={{query}}",
            "data-on-busy": "enqueue",
        },
        failure_words={"fail": "The model provider cannot be reached", "crash": "broken off or could not be read"},
        upload=f"{api}/attachments",
        download=f"{api}/attachments/{{attachment_id}}/content",
        stack=natter,
        user=user,
    )
    person.set_token(natter.token(user))
    return person


def natter_environment(origin: str) -> dict[str, str]:
    """Natter's real runner, with a model and one more MCP server that do as the script says."""
    script = str(Path(__file__).parent / "scripted_tools.py")
    tools = {"name": "scripted", "command": sys.executable, "args": [script], "ask": "never"}
    return {
        **MODEL_ENVIRONMENT,
        "OPENAI_BASE_URL": f"{origin}/model/v1",
        "AGENT_RUNNER_MCP_SERVERS": json.dumps([tools]),
    }


def control(origin: str, do: str, **arguments: Any) -> dict[str, Any]:
    """Tell one of this folder's servers something."""
    body = json.dumps({"do": do, **arguments}).encode()
    request = urllib.request.Request(f"{origin}/control", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def start_server(module: str) -> subprocess.Popen[str]:
    """One of this folder's servers; it prints its port when it listens, and ends with the tests however they end."""
    return subprocess.Popen(
        [*die_with_parent(), sys.executable, "-m", f"tests.e2e.element.{module}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def origin_of(process: subprocess.Popen[str]) -> str:
    """Where a server that was started listens."""
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    assert port, "the server did not start"
    return f"http://127.0.0.1:{port}"


def stop_server(process: subprocess.Popen[str]) -> None:
    """End a server."""
    process.terminate()
    process.wait(timeout=10)
    if process.stdout:
        process.stdout.close()
