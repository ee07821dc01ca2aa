"""The order in which conversation_store's contracts are asked: a life of one user, from the first turn to the erasure.

A step sends the message's golden example with the ids that earlier answers gave. A new request to the store needs a
step here; a test holds the scenario against the registry.
"""

from dataclasses import dataclass, field
from typing import Any

from contracts.message import Message

from contracts import commands, queries


@dataclass(frozen=True)
class Step:
    """One request: its message, what differs from the example, and what to remember of the answer (by dotted path)."""

    message: type[Message]
    change: dict[str, Any] = field(default_factory=dict[str, Any])
    drop: tuple[str, ...] = ()
    remember: dict[str, str] = field(default_factory=dict[str, str])
    path: str = ""
    """What this step shows, where one message has several steps."""


STORE_SCENARIO: tuple[Step, ...] = (
    Step(commands.RegisterAssistants),
    Step(queries.ListAssistants),
    Step(
        commands.BeginTurn,
        drop=("conversation_id", "limits", "model"),
        remember={"conversation_id": "conversation_id", "run_id": "run_id", "message_id": "message_id"},
    ),
    Step(commands.BeginTurn, drop=("conversation_id", "limits", "model"), path="replayed"),
    Step(queries.GetConversation),
    Step(queries.ListConversations, drop=("after", "search", "pinned", "archived")),
    Step(queries.ListConversations, drop=("after", "pinned", "archived"), path="search"),
    Step(queries.SearchMessages),
    Step(queries.ListItems, drop=("after", "run_id")),
    Step(queries.GetItem),
    Step(commands.CreateAttachment, drop=("conversation_id",), remember={"attachment_id": "attachment.attachment_id"}),
    Step(commands.FinishAttachment),
    Step(queries.GetAttachment),
    Step(queries.ListAttachments, drop=("after", "conversation_id")),
    Step(commands.DeleteAttachment),
    Step(queries.GetRun),
    Step(queries.ListRuns, drop=("after", "status")),
    Step(commands.ClaimRun, remember={"epoch": "epoch", "run_token": "run_token"}),
    Step(commands.RenewLease, change={"lease_seconds": 30}),
    Step(commands.BeginToolCall),
    Step(commands.FinishToolCall, change={"status": "success"}),
    Step(commands.KeepAttachment),
    Step(commands.AppendCheckpoint, change={"items": [], "step": 0}),
    Step(commands.LinkOpenaiConversation),
    Step(commands.KeepConnection, change={"version": 0}),
    Step(queries.GetConnection),
    Step(queries.ListConnections),
    Step(commands.RecordConsent, drop=("error",)),
    Step(commands.DeleteConnection),
    Step(commands.TruncateSession),
    Step(commands.SuspendRun),
    Step(commands.DecideCall),
    Step(commands.ClaimRun, remember={"epoch": "epoch", "run_token": "run_token"}, path="after a decision"),
    Step(commands.FinishRun, change={"items": [], "status": "completed"}, drop=("error_code", "error_detail")),
    Step(
        commands.FinishRun,
        change={"items": [], "status": "completed"},
        drop=("error_code", "error_detail"),
        path="again",
    ),
    Step(commands.CancelRun, path="of a finished run"),
    Step(commands.RecordFeedback, change={"message_ids": ["$message_id"], "kind": "positive"}),
    Step(
        commands.CreateSchedule,
        drop=("effect_key", "due_at", "assistant_id"),
        remember={"schedule_id": "schedule.schedule_id"},
    ),
    Step(commands.CreateServiceToken, change={"user_ids": []}, remember={"token_id": "token.token_id"}),
    Step(queries.ListServiceTokens),
    Step(
        commands.SubmitTurn,
        change={
            "turn": {
                "principal": {"user_id": "contract-test-service"},
                "input": {"type": "user_message", "text": "hello", "content": []},
            }
        },
    ),
    Step(commands.RevokeServiceToken, change={"token_id": "$token_id"}),
    Step(
        commands.CreateOwnServiceToken,
        change={"assistant_ids": [], "token_hash": "c" * 64},
        remember={"token_id": "token.token_id"},
    ),
    Step(queries.ListOwnServiceTokens),
    Step(commands.RevokeOwnServiceToken, change={"token_id": "$token_id"}),
    Step(commands.CreateWebhook, remember={"webhook_id": "webhook.webhook_id"}),
    Step(queries.ListWebhooks),
    Step(commands.RotateWebhookSecret),
    Step(queries.PrepareDelivery, change={"user_id": "$user_id"}),
    Step(commands.RecordDelivery, change={"user_id": "$user_id", "run_id": "$run_id"}, drop=("error",)),
    Step(queries.ListDeliveries),
    Step(commands.RetryDelivery),
    Step(commands.DeleteWebhook),
    Step(queries.ListSchedules),
    Step(commands.UpdateSchedule, drop=("effect_key",)),
    Step(commands.DeleteSchedule, drop=("effect_key",)),
    Step(commands.ShareConversation, remember={"share_id": "share.share_id"}),
    Step(queries.ListShares, drop=("conversation_id",)),
    Step(queries.GetShared, drop=("after",)),
    Step(commands.RevokeShare),
    Step(queries.ListTurns),
    Step(commands.SwitchBranch),
    Step(commands.UpdateConversation),
    Step(commands.AddTask, drop=("effect_key",), remember={"task_id": "task.task_id"}),
    Step(queries.GetTask),
    Step(queries.ListTasks, drop=("after", "search", "completed", "filter")),
    Step(commands.UpdateTask, drop=("effect_key",)),
    Step(commands.DeleteTask, drop=("effect_key",)),
    Step(commands.RestoreTask, drop=("effect_key",)),
    Step(commands.ClearTasks, drop=("effect_key",), remember={"cleared_at": "cleared_at"}),
    Step(commands.RestoreClearedTasks, drop=("effect_key",)),
    Step(commands.TakeRequestPermit, change={"requests_per_minute_max": 100}),
    Step(queries.CheckAccess),
    Step(queries.GetReport, change={"kind": "totals"}),
    Step(queries.ListDeadLetters),
    Step(commands.ReplayDeadLetter),
    Step(commands.BeginExport, change={"exports_per_hour_max": 100}),
    Step(queries.ExportUser, drop=("after",)),
    Step(commands.DeleteConversation),
    Step(commands.RevokeTokens),
    Step(commands.EraseUser),
)
