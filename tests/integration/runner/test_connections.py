"""A user's own tools at a foreign MCP server: asked for in the conversation, allowed, refreshed, withdrawn, taken over.

The authorization server is the MCP SDK's (`tests/oauth_mcp.py`); the edge's part, which keeps what the browser brings
back, is played by its command.
"""

import asyncio
import hashlib
import json
import signal
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from contracts.assistants import Requester
from contracts.commands import BeginTurn, DecideCall, DeleteConnection, RecordConsent, UserMessage
from contracts.identity import Principal
from contracts.queries import ListConnections
from contracts.replies import ConnectionView, RunView, TurnBegun
from mcp.shared.auth import OAuthClientInformationFull
from pydantic import AnyUrl

from tests.foreign_mcp import ForeignServer
from tests.oauth_mcp import SCOPE, CalendarServer
from tests.openai_server import OpenaiServer, text, tool
from tests.runner_stack import RunnerStack, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONSENT_SECONDS_MAX = 4
LEASE_SECONDS = 2.0
CONSENT_PAGE = "http://chat.test/connections/calendar"
WIKI_SECRET = "of-a-client-that-was-registered-by-hand"
SCRIPTS = {
    "FIRST": [tool("connect_calendar"), tool("book", title="dentist"), text("booked")],
    "LATER": [tool("book", title="cinema"), text("booked")],
    "REFUSED": [tool("connect_calendar"), text("then not")],
    "SILENT": [tool("connect_calendar"), text("too late")],
    "KILLED": [tool("connect_calendar"), tool("book", title="walk"), text("booked")],
    "WIKI": [tool("connect_wiki"), tool("book", title="page"), text("booked")],
    "CLAIM": [tool("echo", words="hello"), text("echoed")],
    "NOBODY": [text("nothing")],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calendar() -> AsyncIterator[CalendarServer]:
    async with CalendarServer().running() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wiki() -> AsyncIterator[CalendarServer]:
    """One that lets no client register itself."""
    by_hand = OAuthClientInformationFull(
        client_id="natter-by-hand",
        client_secret=WIKI_SECRET,
        redirect_uris=[AnyUrl("http://chat.test/connections/callback")],
        token_endpoint_auth_method="client_secret_basic",
        scope=SCOPE,
    )
    server = CalendarServer(person="gina.at.wiki", registers=False, clients={by_hand.client_id: by_hand})
    async with server.running() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crm() -> AsyncIterator[ForeignServer]:
    async with ForeignServer().running() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[OpenaiServer]:
    async with OpenaiServer(scripts={}).running() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory,
    module_nats_url: str,
    module_database_url: str,
    provider: OpenaiServer,
    calendar: CalendarServer,
    wiki: CalendarServer,
    crm: ForeignServer,
) -> AsyncIterator[RunnerStack]:
    by_hand = {"client_id": "natter-by-hand", "client_secret": WIKI_SECRET, "scope": SCOPE}
    servers = [
        {"name": "calendar", "url": calendar.url, "oauth": {}},
        {"name": "wiki", "url": wiki.url, "oauth": by_hand},
        {"name": "crm", "url": crm.url, "headers": {"X-Acting-For": "{claims.email}/{claims.tenant}"}},
    ]
    servers = [{**server, "ask": "never"} for server in servers]
    async with runner_stack(
        tmp_path_factory.mktemp("connections"),
        module_nats_url,
        module_database_url,
        lease_seconds=LEASE_SECONDS,
        OPENAI_API_KEY="sk-test",
        OPENAI_BASE_URL=provider.base_url,
        AGENT_RUNNER_MODEL="scripted",
        AGENT_RUNNER_MCP_SERVERS=json.dumps(servers),
        AGENT_RUNNER_CONNECTION_SECRETS="s" * 32,
        AGENT_RUNNER_PUBLIC_URL="http://chat.test",
        AGENT_RUNNER_CONSENT_SECONDS_MAX=str(CONSENT_SECONDS_MAX),
    ) as running:
        yield running


async def question(stack: RunnerStack, user_id: str) -> ConnectionView:
    """Wait until the user is asked."""
    async with asyncio.timeout(20):
        while True:
            listed = await stack.bus.request(ListConnections(principal=Principal(user_id=user_id)))
            for view in listed.data:
                if view.status == "asked":
                    return view
            await asyncio.sleep(0.05)


async def waits(stack: RunnerStack, user_id: str, begun: TurnBegun) -> RunView:
    async with asyncio.timeout(20):
        while (run := await stack.run(user_id, begun.run_id)).status != "waiting":
            await asyncio.sleep(0.05)
        return run


async def answer(stack: RunnerStack, calendar: CalendarServer, user_id: str) -> None:
    """What the browser and the edge do: go there, come back, keep what came."""
    asked = await question(stack, user_id)
    back = await calendar.visit(asked.authorization_url or "")
    consent = RecordConsent(
        principal=Principal(user_id=user_id),
        state_hash=hashlib.sha256(back["state"].encode()).hexdigest(),
        code=back.get("code"),
        issuer=back.get("iss"),
        error=back.get("error"),
    )
    await stack.bus.request(consent)


def outputs(provider: OpenaiServer, word: str) -> list[Any]:
    """What the model of the run whose message holds a word was told of its calls."""
    last = [request for request in provider.requests if word in json.dumps(request)][-1]
    return [item["output"] for item in last["input"] if item.get("type") == "function_call_output"]


def tools_offered(provider: OpenaiServer, word: str) -> list[set[str]]:
    asked = [request for request in provider.requests if word in json.dumps(request)]
    return [{one["name"] for one in request["tools"]} & {"book", "connect_calendar"} for request in asked]


async def connected(stack: RunnerStack, provider: OpenaiServer, calendar: CalendarServer, user_id: str) -> None:
    provider.scripts["FIRST"] = list(SCRIPTS["FIRST"])
    begun = await stack.begin(user_id, "FIRST, book the dentist")
    await answer(stack, calendar, user_id)
    assert (await stack.watch(user_id, begun)).end is not None


async def test_a_call_asks_the_user_in_the_conversation_and_goes_on_when_they_have_allowed_it(
    stack: RunnerStack, provider: OpenaiServer, calendar: CalendarServer, module_database_url: str
) -> None:
    provider.scripts["FIRST"] = list(SCRIPTS["FIRST"])
    begun = await stack.begin("alice", "FIRST, book the dentist")
    asked = await question(stack, "alice")
    assert (asked.label, asked.scope, asked.status) == ("Calendar", SCOPE, "asked")
    shown = json.dumps([json.loads(one.payload) for one in await stack.deltas("alice", begun)])
    assert f"[Connect Calendar]({CONSENT_PAGE})" in shown
    run = await waits(stack, "alice", begun)
    [call] = run.waiting_for
    assert (call.kind, call.tool, call.arguments) == ("consent", "calendar", {"label": "Calendar", "url": CONSENT_PAGE})
    await answer(stack, calendar, "alice")
    seen = await stack.watch("alice", begun)
    assert seen.end is not None
    assert seen.end["type"] == "run.completed"
    assert calendar.booked[-1] == (calendar.person, "dentist")
    assert json.loads(outputs(provider, "FIRST")[0]) == {"connected": "Calendar", "tools": ["book"]}
    assert tools_offered(provider, "FIRST") == [{"connect_calendar"}, {"book"}, {"book"}]
    kinds = [event["type"] for event in seen.run_events]
    assert kinds == ["run.started", "run.waiting", "run.resumed", "run.completed"]
    database: Any = await asyncpg.connect(module_database_url)
    try:
        await database.execute("select set_config('app.system', 'on', false)")
        stored = repr([tuple(row) for row in await database.fetch("select * from chat.connection")])
    finally:
        await database.close()
    assert "alice" in stored
    secret = [*calendar.tokens, *calendar.refresh_tokens]
    assert not any(one in stored + stack.logs() + shown for one in secret)


async def test_what_was_allowed_is_there_in_the_next_conversation_and_is_refreshed(
    stack: RunnerStack, provider: OpenaiServer, calendar: CalendarServer
) -> None:
    calendar.token_seconds = 2
    await connected(stack, provider, calendar, "bob")
    await asyncio.sleep(1.1)  # half of a short life: it is refreshed before it ends
    before = calendar.refreshed_count
    provider.scripts["LATER"] = list(SCRIPTS["LATER"])
    calendar.token_seconds = 3_600
    _, seen = await stack.ask("bob", "LATER, the cinema")
    assert seen.end is not None
    assert seen.end["type"] == "run.completed"
    assert calendar.refreshed_count == before + 1
    assert calendar.booked[-1] == (calendar.person, "cinema")
    assert tools_offered(provider, "LATER")[0] == {"book"}


async def test_who_takes_it_back_is_asked_again(
    stack: RunnerStack, provider: OpenaiServer, calendar: CalendarServer
) -> None:
    await connected(stack, provider, calendar, "carol")
    calendar.withdraw(also_refresh=True)  # at the calendar: Natter learns of it when it calls
    provider.scripts["LATER"] = list(SCRIPTS["LATER"])
    begun = await stack.begin("carol", "LATER, the cinema")
    await answer(stack, calendar, "carol")
    await stack.watch("carol", begun)
    assert json.loads(outputs(provider, "LATER")[0]) == {"result": f"booked cinema for {calendar.person}"}
    await stack.bus.request(DeleteConnection(principal=Principal(user_id="carol"), server="calendar"))  # at Natter
    provider.scripts["LATER"] = list(SCRIPTS["LATER"])
    begun = await stack.begin("carol", "LATER, the cinema")
    await stack.watch("carol", begun)
    assert tools_offered(provider, "LATER")[-1] == {"connect_calendar"}


async def test_one_who_declines_or_does_not_answer_is_not_waited_for_any_longer(
    stack: RunnerStack, provider: OpenaiServer, calendar: CalendarServer
) -> None:
    provider.scripts |= {word: list(SCRIPTS[word]) for word in ("REFUSED", "SILENT")}
    silent = await stack.begin("erin", "SILENT, book it")
    refused = await stack.begin("dave", "REFUSED, book it")
    calendar.declines = True
    await answer(stack, calendar, "dave")
    calendar.declines = False
    assert (await stack.watch("dave", refused)).end is not None
    assert outputs(provider, "REFUSED") == ['{"error": "Calendar was not connected: the user declined."}']
    assert (await stack.watch("erin", silent)).end is not None
    assert "did not answer in time" in outputs(provider, "SILENT")[0]


async def test_a_question_outlives_its_runner(
    stack: RunnerStack, provider: OpenaiServer, calendar: CalendarServer
) -> None:
    provider.scripts["KILLED"] = list(SCRIPTS["KILLED"])
    begun = await stack.begin("frank", "KILLED, book a walk")
    asked = await question(stack, "frank")
    await waits(stack, "frank", begun)
    runner = stack.services["runner0"]
    runner.send(signal.SIGKILL)
    assert runner.process is not None
    runner.process.wait()
    await answer(stack, calendar, "frank")
    runner.start()
    seen = await stack.watch("frank", begun)
    assert seen.end is not None
    assert seen.end["type"] == "run.completed"
    assert json.loads(outputs(provider, "KILLED")[0])["connected"] == asked.label
    assert json.loads(outputs(provider, "KILLED")[1]) == {"result": f"booked walk for {calendar.person}"}


async def test_a_run_that_waits_for_a_consent_can_be_declined_and_goes_on_when_the_question_is_taken_back(
    stack: RunnerStack, provider: OpenaiServer
) -> None:
    for user, word in (("kim", "KIM"), ("lou", "LOU")):
        provider.scripts[word] = list(SCRIPTS["REFUSED"])
        begun = await stack.begin(user, f"{word}, book it")
        run = await waits(stack, user, begun)
        principal = Principal(user_id=user)
        if user == "kim":
            call_id = run.waiting_for[0].call_id
            await stack.bus.request(
                DecideCall(principal=principal, run_id=run.run_id, call_id=call_id, decision="decline")
            )
        else:
            await stack.bus.request(DeleteConnection(principal=principal, server="calendar"))
        await stack.watch(user, begun)
        assert outputs(provider, word) == ['{"error": "Calendar was not connected: the user declined."}']


async def test_a_client_that_was_registered_by_hand_is_the_one_that_asks(
    stack: RunnerStack, provider: OpenaiServer, wiki: CalendarServer
) -> None:
    provider.scripts["WIKI"] = list(SCRIPTS["WIKI"])
    begun = await stack.begin("gina", "WIKI, write the page")
    await answer(stack, wiki, "gina")
    seen = await stack.watch("gina", begun)
    assert seen.end is not None
    assert seen.end["type"] == "run.completed"
    assert wiki.booked == [("gina.at.wiki", "page")]
    assert list(wiki.clients) == ["natter-by-hand"]
    assert {token.client_id for token in wiki.tokens.values()} == {"natter-by-hand"}
    shown = json.dumps([json.loads(one.payload) for one in await stack.deltas("gina", begun)])
    assert WIKI_SECRET not in shown + stack.logs() + json.dumps(provider.requests)


async def begin_as(stack: RunnerStack, user_id: str, words: str, claims: dict[str, Any]) -> TurnBegun:
    message = UserMessage(text=words, content=({"type": "input_text", "text": words},))
    requester = Requester(claims=claims)
    return await stack.bus.request(BeginTurn(principal=Principal(user_id=user_id), input=message, requester=requester))


async def test_a_header_holds_the_claims_of_the_one_who_asks(
    stack: RunnerStack, provider: OpenaiServer, crm: ForeignServer
) -> None:
    for user_id in ("hal", "ida"):
        crm.headers.clear()
        provider.scripts["CLAIM"] = list(SCRIPTS["CLAIM"])
        claims = {"email": f"{user_id}@example.org", "tenant": "t1", "other": "unused"}
        seen = await stack.watch(user_id, await begin_as(stack, user_id, "CLAIM, echo", claims))
        assert seen.viewer.texts() == ["echoed"]
        assert {one.get("x-acting-for") for one in crm.headers} == {f"{user_id}@example.org/t1"}
        assert f"{user_id}@example.org" not in stack.logs()


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"email": "a@example.org"},
        {"email": "a@example.org\r\nX-Admin: 1", "tenant": "t"},
        {"email": "é", "tenant": "t"},
    ],
    ids=["none", "one of two", "another header", "not ASCII"],
)
async def test_without_its_claims_a_servers_tools_are_not_offered(
    stack: RunnerStack, provider: OpenaiServer, crm: ForeignServer, claims: dict[str, Any]
) -> None:
    crm.headers.clear()
    provider.scripts["NOBODY"] = list(SCRIPTS["NOBODY"])
    seen = await stack.watch("jo", await begin_as(stack, "jo", "NOBODY", claims))
    assert seen.viewer.texts() == ["nothing"]
    (request,) = [one for one in provider.requests if "NOBODY" in json.dumps(one)][-1:]
    assert "echo" not in {one["name"] for one in request["tools"]}
    assert crm.headers == []
