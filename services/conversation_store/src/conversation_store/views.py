"""Rows as the views of contracts."""

import json
from typing import Any

from contracts.due import Due
from contracts.replies import (
    ConversationStatus,
    ConversationView,
    ItemView,
    LedgerEntry,
    RunView,
    TaskAttachment,
    TaskView,
    ToolAttachment,
    ToolCallView,
    Usage,
)
from contracts.waiting import PendingCall

from conversation_store.database import Row


def loads(value: str | None) -> Any:
    """The value of a JSONB column (asyncpg hands out its text)."""
    return None if value is None else json.loads(value)


def conversation_view(row: Row) -> ConversationView:
    return ConversationView(
        conversation_id=row["conversation_id"],
        title=row["title"],
        metadata=loads(row["metadata"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        active_run_id=row["active_run_id"],
        assistant_id=row["assistant_id"],
        status=ConversationStatus.model_validate_json(row["status"]),
        pinned_at=row.get("pinned_at"),  # a runner's statements do not read where the user keeps it
        archived_at=row.get("archived_at"),
        is_waiting=row.get("is_waiting") or False,
    )


def item_view(row: Row) -> ItemView:
    tool_calls = row["tool_calls"]
    return ItemView.model_construct(
        message_id=row["message_id"],
        conversation_id=row["conversation_id"],
        run_id=row["run_id"],
        role=row["role"],
        type=row["type"],
        content=row["content"],
        tool_calls=() if tool_calls == "[]" else tuple(ToolCallView.model_validate(c) for c in loads(tool_calls)),
        item=loads(row["item"]),
        position=row["position"],
        created_at=row["created_at"],
    )


def run_view(row: Row) -> RunView:
    values = dict(row)
    values["usage"] = None if row["usage"] is None else Usage.model_validate_json(row["usage"])
    waiting_for = loads(values.pop("waiting_for", None)) or ()  # most statements do not read it
    values["waiting_for"] = tuple(PendingCall.model_validate(one) for one in waiting_for)
    return RunView(**{name: values[name] for name in RunView.model_fields})


def task_view(row: Row) -> TaskView:
    due = None
    if row["due_at"] is not None:
        recurrence = row["recurrence"]
        due = Due(at=row["due_at"], zone=row["due_zone"], all_day=row["due_all_day"], recurrence=recurrence)
    attached = tuple(TaskAttachment.model_validate(one) for one in loads(row["attachments"]))
    plain = {name: row[name] for name in TaskView.model_fields if name not in ("due", "attachments")}
    return TaskView(due=due, attachments=attached, **plain)


def ledger_entry(row: Row) -> LedgerEntry:
    return LedgerEntry(
        call_id=row["call_id"],
        name=row["name"],
        arguments=loads(row["arguments"]),
        status=row["status"],
        result=loads(row["result"]),
        attachments=tuple(ToolAttachment.model_validate(one) for one in loads(row["attachments"])),
        epoch=row["epoch"],
    )
