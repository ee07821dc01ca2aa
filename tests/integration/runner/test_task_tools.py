"""The task tools as any MCP client sees them: over streamable HTTP with a run token, over stdio, refused without."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
from actor_kit.proof import RunProof, prove_run
from agent_runner.tool_servers import CALL_ID_META
from conversation_store.driver import asyncpg
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from natter_testing.settings import Settings
from natter_todo.task_tools.caller import RequireRunToken, RunTokens

from tests.integration.runner.mcp_conformance.suite import APPLICABLE, passed_scenarios, run_suite, with_token
from tests.runner_stack import RunnerStack

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOLS = {
    *("add_task", "list_tasks", "complete_task", "update_task", "delete_task"),
    *("restore_task", "clear_completed_tasks", "restore_cleared_tasks"),
}
MODES: list[Any] = ["auto", "legacy"]


_numbers = itertools.count()


async def running_run(stack: RunnerStack, user_id: str) -> RunProof:
    """A run that is at work, at no runner: its lease is long, so that nobody takes it up."""
    number = next(_numbers)
    run = RunProof(f"run_tools{number}", f"conv_tools{number}", 1)
    connection: Any = await asyncpg.connect(stack.database_url)
    async with connection.transaction():
        await connection.execute("select set_config('app.system', 'on', true)")
        await connection.execute('insert into chat."user" (user_id) values ($1) on conflict do nothing', user_id)
        await connection.execute(
            "insert into chat.conversation (conversation_id, user_id) values ($1, $2)", run.conversation_id, user_id
        )
        await connection.execute(
            "insert into chat.run (run_id, conversation_id, user_id, turn, status, is_active, epoch, lease_expires_at)"
            " values ($1, $2, $3, 1, 'running', true, 1, now() + interval '1 hour')",
            *(run.run_id, run.conversation_id, user_id),
        )
    await connection.close()
    return run


def token_of(run: RunProof, user_id: str, **options: Any) -> str:
    secret = Settings().shared_secrets["RUN_TOKEN_SECRET"]
    return prove_run(options.pop("secret", secret).encode(), user_id, run, **options)


def url(stack: RunnerStack) -> str:
    return f"http://127.0.0.1:{stack.tools_port}/mcp"


class RunClient:
    """An MCP client of one run; a call that is given no call id gets one of its own."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.list_tools = client.list_tools

    async def call_tool(self, name: str, arguments: dict[str, Any], *, meta: dict[str, Any] | None = None) -> Any:
        sent: Any = {CALL_ID_META: f"call_{next(_numbers)}"} if meta is None else meta
        return await self._client.call_tool(name, arguments, meta=sent)


@asynccontextmanager
async def client(
    stack: RunnerStack, user_id: str, mode: Any = "auto", *, run: RunProof | None = None
) -> AsyncIterator[RunClient]:
    token = token_of(run or await running_run(stack, user_id), user_id)
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(url(stack), http_client=http), mode=mode) as connected,
    ):
        yield RunClient(connected)


def text_of(result: Any) -> str:
    return "".join(part.text for part in result.content)


@pytest.mark.parametrize("mode", MODES)
async def test_every_tool_works_and_answers_in_structure(stack: RunnerStack, mode: Any) -> None:
    async with client(stack, f"tools.{mode}", mode) as tools:
        added = (await tools.call_tool("add_task", {"title": " buy milk ", "description": "2 l"})).structured_content
        assert (added["task"]["title"], added["task"]["description"]) == ("buy milk", "2 l")
        task_id = added["task"]["task_id"]
        listed = (await tools.call_tool("list_tasks", {"completed": False})).structured_content
        assert [task["task_id"] for task in listed["tasks"]] == [task_id]
        done = (await tools.call_tool("complete_task", {"task_id": task_id})).structured_content
        assert done["task"]["completed"] is True
        renamed = (await tools.call_tool("update_task", {"task_id": task_id, "title": "b"})).structured_content
        assert (renamed["task"]["title"], renamed["task"]["description"]) == ("b", "2 l")
        gone = (await tools.call_tool("delete_task", {"task_id": task_id})).structured_content
        assert gone == {"task_id": task_id, "title": "b"}
        assert (await tools.call_tool("restore_task", {"task_id": task_id})).structured_content["task"]["title"] == "b"
        cleared = (await tools.call_tool("clear_completed_tasks", {})).structured_content
        assert cleared["count"] == 1
        again = await tools.call_tool("restore_cleared_tasks", {"cleared_at": cleared["cleared_at"]})
        assert again.structured_content == {"count": 1}


async def test_a_date_is_said_in_the_users_time_and_the_list_is_in_their_order(stack: RunnerStack) -> None:
    async with client(stack, "dated") as tools:

        async def call(name: str, **arguments: Any) -> Any:
            return (await tools.call_tool(name, arguments)).structured_content

        friday = {"at": "2126-03-29T09:00", "time_zone": "Europe/Zurich", "recurrence": "FREQ=WEEKLY;BYDAY=FR"}
        weekly = await call("add_task", title="weekly", due=friday)
        due = {"zone": "Europe/Zurich", "all_day": False, "recurrence": "FREQ=WEEKLY;BYDAY=FR"}
        assert weekly["task"]["due"] == {**due, "local": "2126-03-29T09:00+01:00"}
        day = await call("add_task", title="day", due={"at": "2126-03-28", "time_zone": "America/New_York"})
        assert (day["task"]["due"]["local"], day["task"]["due"]["all_day"]) == ("2126-03-28", True)
        plain = await call("add_task", title="plain")
        # What one run adds stands in the order in which it was added.
        assert [task["title"] for task in (await call("list_tasks"))["tasks"]] == ["weekly", "day", "plain"]
        assert [task["title"] for task in (await call("list_tasks", due=True))["tasks"]] == ["day", "weekly"]
        after = {"to": "after", "other_task_id": weekly["task"]["task_id"]}
        await call("update_task", task_id=plain["task"]["task_id"], move=after)
        assert [task["title"] for task in (await call("list_tasks"))["tasks"]] == ["weekly", "plain", "day"]
        # The clocks go forward in between: nine stays nine.
        again = await call("complete_task", task_id=weekly["task"]["task_id"])
        assert again["next_task"]["due"]["local"].startswith("2126-04-")
        assert again["next_task"]["due"]["local"].endswith("T09:00+02:00")
        gone = await call("update_task", task_id=day["task"]["task_id"], clear_due=True)
        assert gone["task"]["due"] is None


async def test_tools_are_described_for_models_and_for_people(stack: RunnerStack) -> None:
    async with client(stack, "described") as tools:
        listed = {tool.name: tool for tool in (await tools.list_tools()).tools}
    assert set(listed) == TOOLS
    for tool in listed.values():
        assert tool.description
        assert tool.title
        assert tool.output_schema
        properties = tool.input_schema["properties"]
        assert all(value.get("description") for value in properties.values())
        # The user is never an argument.
        assert not {"user", "user_id", "principal", "effect_key", "call_id"} & set(properties)
    hints = {name: tool.annotations for name, tool in listed.items()}
    assert [name for name, hint in hints.items() if hint and hint.read_only_hint] == ["list_tasks"]
    assert {name for name, hint in hints.items() if hint and hint.destructive_hint} == {
        "update_task",
        "delete_task",
        "clear_completed_tasks",
    }
    assert {name for name, hint in hints.items() if hint and hint.idempotent_hint} == {
        "complete_task",
        "update_task",
        "delete_task",
        "restore_task",
    }


async def test_the_same_call_of_a_run_has_its_effect_once(stack: RunnerStack) -> None:
    async with client(stack, "once") as tools:
        for call_id in ("call_1", "call_1", "call_2"):
            await tools.call_tool("add_task", {"title": "t"}, meta={CALL_ID_META: call_id})
    assert len(await stack.tasks("once")) == 2


async def test_another_users_task_is_refused_and_arguments_cannot_change_the_user(stack: RunnerStack) -> None:
    async with client(stack, "owner") as tools:
        task_id = (await tools.call_tool("add_task", {"title": "mine"})).structured_content["task"]["task_id"]
    async with client(stack, "thief") as tools:
        for name, arguments in (
            ("complete_task", {"task_id": task_id}),
            ("delete_task", {"task_id": task_id}),
            ("update_task", {"task_id": task_id, "title": "stolen", "user_id": "owner"}),
        ):
            refused = await tools.call_tool(name, arguments)
            assert refused.is_error
            assert "(forbidden)" in text_of(refused)
        listed = await tools.call_tool("list_tasks", {"user_id": "owner"})
        assert listed.is_error or listed.structured_content["tasks"] == []
    assert [task.title for task in await stack.tasks("owner")] == ["mine"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add_task", {}),
        ("add_task", {"title": "  "}),
        ("add_task", {"title": "x" * 201}),
        ("add_task", {"title": "a\x00b"}),
        ("complete_task", {"task_id": "a.b*>"}),
        ("complete_task", {"task_id": "task_missing"}),
        ("list_tasks", {"limit": 0}),
        ("add_task", {"title": "a", "due": {"at": "tomorrow", "time_zone": "UTC"}}),
        ("add_task", {"title": "a", "due": {"at": "2026-12-04", "time_zone": "Nowhere"}}),
        ("add_task", {"title": "a", "due": {"at": "2026-12-04", "time_zone": "UTC", "recurrence": "often"}}),
        ("update_task", {"task_id": "task_1", "move": {"to": "before"}}),
        ("update_task", {"task_id": 7}),
    ],
)
async def test_bad_arguments_are_an_error_that_the_model_can_read(
    stack: RunnerStack, name: str, arguments: dict[str, Any]
) -> None:
    async with client(stack, "clumsy") as tools:
        result = await tools.call_tool(name, arguments)
    assert result.is_error
    assert text_of(result)
    assert "Traceback" not in text_of(result)


async def test_http_without_a_valid_run_token_is_refused(stack: RunnerStack) -> None:
    run = await running_run(stack, "u")
    finished, _ = await stack.ask("u", "hello")
    over = RunProof(finished.run_id, finished.conversation_id, 1)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_tasks", "arguments": {}}}
    refused = (
        token_of(run, "u", ttl_seconds=-60),
        token_of(run, "u", secret="another secret of at least 32 bytes"),
        token_of(run, "somebody else"),
        token_of(RunProof(run.run_id, run.conversation_id, 2), "u"),
        token_of(over, "u"),
        "x.y.z",
    )
    async with httpx.AsyncClient() as http:
        for headers in ({}, *({"Authorization": f"Bearer {token}"} for token in refused)):
            answer = await http.post(url(stack), json=call, headers=headers)
            assert answer.status_code == 401, headers
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert (await http.get(f"http://127.0.0.1:{stack.tools_port}/healthz")).status_code == 200
        rebound = {"Authorization": f"Bearer {token_of(run, 'u')}", "Host": "evil.example"}
        answer = await http.post(url(stack), json=call, headers=rebound)
        assert answer.status_code == 421


async def test_a_body_that_drips_or_is_endless_ends(stack: RunnerStack, monkeypatch: pytest.MonkeyPatch) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(url(stack), content=b" " * 1_100_000)
        assert answer.status_code == 413
    monkeypatch.setattr("natter_todo.task_tools.caller.BODY_SECONDS_MAX", 0.1)
    answers: list[Any] = []

    async def drips() -> Any:
        await asyncio.sleep(60)

    async def app(*_: Any) -> None:
        raise AssertionError("it was let in")

    async def keep(message: Any) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": [], "query_string": b""}
    async with asyncio.timeout(2):
        await RequireRunToken(app, RunTokens(stack.bus))(scope, drips, keep)
    assert answers[0]["status"] == 408


async def test_which_tools_there_are_is_told_without_a_run_and_nothing_else_is(stack: RunnerStack) -> None:
    async with Client(url(stack)) as tools:
        assert {tool.name for tool in (await tools.list_tools()).tools} == TOOLS
        with pytest.raises(Exception):  # noqa: B017, PT011 - however this client says 401
            await tools.call_tool("list_tasks", {})


async def test_a_change_of_a_run_names_its_call(stack: RunnerStack) -> None:
    async with client(stack, "nameless") as tools:
        refused = await tools.call_tool("add_task", {"title": "twice?"}, meta={})
        assert refused.is_error
        assert CALL_ID_META in text_of(refused)
    assert await stack.tasks("nameless") == []


async def test_over_stdio_it_acts_for_the_user_that_its_starter_names(stack: RunnerStack) -> None:
    environment = {"NATS_URL": stack.nats_url, "TASK_TOOLS_USER_ID": "stdio", **Settings().shared_secrets}
    command = StdioServerParameters(command=sys.executable, args=["-m", "natter_todo.task_tools"], env=environment)
    async with Client(command) as tools:
        assert {tool.name for tool in (await tools.list_tools()).tools} == TOOLS
        added = await tools.call_tool("add_task", {"title": "by hand"})
        assert added.structured_content["task"]["title"] == "by hand"
    assert [task.title for task in await stack.tasks("stdio")] == ["by hand"]


async def test_it_passes_the_public_conformance_suite(stack: RunnerStack) -> None:
    token = token_of(await running_run(stack, "conformance"), "conformance")
    async with with_token(f"http://127.0.0.1:{stack.tools_port}", token) as address:
        code, written = await run_suite(f"{address}/mcp")
    assert code == 0, written[-3_000:]
    assert passed_scenarios(written) >= APPLICABLE, written[-3_000:]
