"""No user reads, changes or learns of another's: for every message of the registry, and in the database itself."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from contracts.commands import (
    AddTask,
    CancelRun,
    CreateAttachment,
    CreateServiceToken,
    DeleteSchedule,
    DeleteWebhook,
    ItemToSave,
    RecordConsent,
    RecordDelivery,
    RegisterAssistants,
    ReplayDeadLetter,
    RevokeOwnServiceToken,
    RevokeServiceToken,
    RotateWebhookSecret,
    SubmitTurn,
    UpdateSchedule,
    UpdateTask,
)
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.message import Message
from contracts.queries import (
    GetConversation,
    GetReport,
    GetRun,
    GetShared,
    GetTask,
    ListDeadLetters,
    ListDeliveries,
    ListServiceTokens,
    PrepareDelivery,
)
from contracts.registry import REGISTRY, Rule, requests_to
from contracts.services import Service
from conversation_store.database import Database
from conversation_store.testing import ALICE, Client, SignedIn, running_client, store_settings
from pydantic import TypeAdapter

RULES = {entry.message: entry.rule for entry in REGISTRY if Service.CONVERSATION_STORE in entry.receivers}
# Of a token that no revocation of the test's own makes void.
MALLORY = SignedIn(user_id="mallory", issued_at=datetime.now(UTC) + timedelta(hours=1))
SECRET = "alice-only-secret"


def needed(message: type[Message]) -> set[str]:
    """The fields that a message cannot do without, but its principal."""
    return {name for name, field in message.model_fields.items() if field.is_required() and name != "principal"}


class Owned:
    """What Alice has, by the name of the field that names it; and values for the rest of a message."""

    def __init__(self, ids: dict[str, str]) -> None:
        self.ids = ids
        self.values: dict[str, Any] = {
            **ids,
            "message_ids": (ids["message_id"],),
            "epoch": 1,
            "runner_id": "runner_1",
            "lease_seconds": 5,
            "step": 0,
            "call_id": "c1",
            "name": "add_task",
            "calls": (
                {"call_id": "c1", "kind": "approval", "tool": "t", "message_id": "msg_mallory", "item": {"type": "x"}},
            ),
            "status": "completed",
            "kind": "positive",
            "search": SECRET,
            "title": "mine now",
            "text": "mine now",
            "schedule_id": "sched_1",
            "paused": True,
            "webhook_id": "hook_1",
            "token_id": "st_1",
            "url": "https://mallory.example.org",
            "session_items": ({"type": "message", "role": "assistant", "content": "x"},),
            "openai_conversation_id": "x",
            "server": "calendar",
            "label": "Calendar",
            "sealed": "mine now",
            "state_hash": "0" * 64,
            "requests_per_minute_max": 5,
            "input": {"type": "retry", "message_id": ids["message_id"]},
            "item": ItemToSave(message_id="msg_mallory", type="widget", item={}),
            "effect_key": {"run_id": ids["run_id"], "call_id": "c1"},
            "exports_per_hour_max": 5,
            "share_id": "share_1",
            "token_hash": "a" * 64,
            "cleared_at": datetime.now(UTC),
            "mime_type": "image/png",
            "size_bytes": 7,
            "sha256": "a" * 64,
            "file_key": "atc_1/1",
            "source": "tool",
        }

    def request(self, message: type[Message], principal: Principal) -> Message:
        """The message with every field set that names something, so that it would reach Alice's rows."""
        fields: dict[str, Any] = {"principal": principal}
        for name in message.model_fields:
            if name in self.ids or name == "effect_key" or name in needed(message):
                fields[name] = self.values[name]
        if "status" in fields:  # a run's or a tool call's
            fields["status"] = "success" if "call_id" in fields else "completed"
        return TypeAdapter(message).validate_python(fields)


async def alices(client: Client) -> Owned:
    turn = await client.begin(SECRET)
    await client.claim(turn.run_id)
    task = await client.ask(AddTask(principal=ALICE, title=SECRET))
    file = CreateAttachment(principal=ALICE, name=SECRET, mime_type="image/png", size_bytes=7)
    made = await client.ask(file)
    return Owned(
        {
            "conversation_id": turn.conversation_id,
            "message_id": turn.message_id,
            "run_id": turn.run_id,
            "task_id": task.task.task_id,
            "attachment_id": made.attachment.attachment_id,
        }
    )


async def everything(client: Client) -> str:
    tables = await client.rows("select tablename from pg_tables where schemaname = 'chat' order by 1")
    ignored = {
        "request_budget",
        "outbox",
        "alembic_version",
        "due_purge",
        "erasure_receipt",
        "token_floor",
        "due_file_deletion",
    }
    rows = {
        name: [tuple(row) for row in await client.rows(f'select * from chat."{name}" t order by t')]
        for name in (row["tablename"] for row in tables)
        if name not in ignored
    }
    return repr(rows)


NAMES_WHAT_IS_NOT_THERE = (
    RecordConsent,
    UpdateSchedule,
    DeleteSchedule,
    RotateWebhookSecret,
    DeleteWebhook,
    ListDeliveries,
    RevokeOwnServiceToken,
)
OF_A_USER = [message for message in requests_to(Service.CONVERSATION_STORE) if RULES[message] is not Rule.SERVICE]


def test_every_request_to_the_store_has_a_rule_and_a_principal_but_what_no_user_asks() -> None:
    for message in OF_A_USER:
        assert "principal" in message.model_fields, message.__name__
    assert set(requests_to(Service.CONVERSATION_STORE)) - set(OF_A_USER) == {
        RegisterAssistants,
        CreateServiceToken,
        ListServiceTokens,
        RevokeServiceToken,
        SubmitTurn,
        PrepareDelivery,
        RecordDelivery,
        GetReport,
        GetShared,
        ListDeadLetters,
        ReplayDeadLetter,
    }


async def test_another_users_request_is_refused_and_changes_nothing(client: Client) -> None:
    owned = await alices(client)
    before = await everything(client)
    for message in OF_A_USER:
        request: Any = owned.request(message, MALLORY)
        named = {*owned.ids, "message_ids", "effect_key"} & request.model_fields_set
        if named:
            with pytest.raises(TerminalError) as refused:
                await client.ask(request)
            assert refused.value.code == Code.FORBIDDEN, message.__name__
            assert SECRET not in str(refused.value)
            assert await everything(client) == before, message.__name__
    for message in OF_A_USER:
        if RULES[message] is Rule.SELF:
            request = TypeAdapter[Any](message).validate_python(
                {"principal": MALLORY, **{name: owned.values[name] for name in needed(message)}}
            )
            if message in NAMES_WHAT_IS_NOT_THERE:  # what they name is not Mallory's
                with pytest.raises(TerminalError):
                    await client.ask(request)
                continue
            assert SECRET not in (await client.ask(request)).model_dump_json(), message.__name__
    assert (await everything(client)).count(SECRET) == before.count(SECRET)


async def test_what_nobody_has_is_not_found(client: Client) -> None:
    ids = {"conversation_id": "conv_0", "message_id": "msg_0", "run_id": "run_0", "task_id": "task_0"}
    unknown = Owned({**ids, "attachment_id": "atc_0"})
    for message in OF_A_USER:
        if RULES[message] is not Rule.SELF:
            with pytest.raises(TerminalError) as refused:
                await client.ask(unknown.request(message, MALLORY))  # pyright: ignore[reportArgumentType]
            assert refused.value.code == Code.NOT_FOUND, message.__name__


@pytest.mark.parametrize("as_superuser", [False, True], ids=["owner", "superuser"])
async def test_the_policies_hold_where_the_sql_forgets_to_filter(
    nats_url: str, database_url: str, as_superuser: bool, prepare_superuser: Callable[[str], Awaitable[str]]
) -> None:
    url = await prepare_superuser(database_url) if as_superuser else database_url
    settings = store_settings(nats_url, url)
    async with running_client(store_settings(nats_url, database_url), database_url) as client:
        await alices(client)
        tables = await client.rows(
            "select table_name from information_schema.columns"
            " where table_schema = 'chat' and column_name = 'user_id' order by 1"
        )
        seen: dict[str, int] = {}
        async with Database.open(settings) as database:
            for table in (row["table_name"] for row in tables):
                sql = f'select count(*) from chat."{table}"'
                async with database.transaction("mallory") as transaction:
                    assert await transaction.connection.fetchval(sql) == 0, table
                    assert await transaction.connection.execute(f'delete from chat."{table}"') == "DELETE 0", table
                async with database.transaction("alice") as transaction:
                    seen[table] = await transaction.connection.fetchval(sql)
                async with database.transaction(None) as transaction:
                    assert await transaction.connection.fetchval(sql) == seen[table], table
            assert seen["user"] == 1
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.transaction("mallory") as transaction:
                    await transaction.connection.execute(
                        "insert into chat.task (task_id, user_id, title) values ('t', 'alice', 'x')"
                    )
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.transaction("alice") as transaction:
                    await transaction.connection.execute("update chat.task set user_id = 'mallory'")


async def test_without_a_user_a_transaction_sees_nothing(client: Client, database_url: str) -> None:
    await alices(client)
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("select count(*) from chat.message") == 0
    finally:
        await connection.close()


async def test_rows_of_two_users_cannot_be_mixed(client: Client) -> None:
    owned = await alices(client)
    await client.execute("insert into chat.\"user\" (user_id) values ('mallory')")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await client.execute(
            "insert into chat.message (message_id, conversation_id, user_id, role, type, content, item, position)"
            " values ('m', $1, 'mallory', 'user', 'user_message', '', '{}', 9)",
            owned.ids["conversation_id"],
        )


@pytest.mark.parametrize(
    "user_id", ["*", ">", "a.b", "x' or '1'='1", "\\", "ü\n\t", '"; drop table chat.task; --', "日本" * 60]
)
async def test_any_user_id_is_a_user_and_only_that(client: Client, user_id: str) -> None:
    principal = Principal(user_id=user_id)
    await client.answer("mine", principal=principal)
    await client.answer("alice's")
    rows = await client.rows("select user_id, count(*) from chat.message group by 1")
    assert {row["user_id"]: row["count"] for row in rows} == {user_id: 2, "alice": 2}
    async with client.store.database.transaction(user_id) as transaction:
        assert await transaction.connection.fetchval("select count(*) from chat.message") == 2


@pytest.mark.parametrize(
    ("column", "value"),
    [("role", "system"), ("tool_calls", json.dumps({})), ("item", json.dumps([]))],
)
async def test_the_database_checks_what_a_message_is(client: Client, column: str, value: str) -> None:
    await client.answer()
    with pytest.raises(asyncpg.CheckViolationError):
        await client.execute(f"update chat.message set {column} = $1", value)


async def test_by_setting_another_users_id_is_as_unknown_as_nobodys(nats_url: str, database_url: str) -> None:
    settings = store_settings(nats_url, database_url, tells_others_ids=False)
    async with running_client(settings, database_url) as client:
        owned = await alices(client)
        for message in (GetConversation, GetRun, GetTask, UpdateTask, CancelRun):
            with pytest.raises(TerminalError) as refused:
                await client.ask(owned.request(message, MALLORY))
            assert refused.value.code == Code.NOT_FOUND, message.__name__
