"""Commands: what a service may be asked to change. Each names its subject and its reply."""

from contracts.commands.assistants import RegisterAssistants
from contracts.commands.connections import DeleteConnection, KeepConnection, RecordConsent
from contracts.commands.conversations import (
    DeleteConversation,
    ItemToSave,
    RecordFeedback,
    SwitchBranch,
    UpdateConversation,
)
from contracts.commands.runs import (
    AppendCheckpoint,
    BeginToolCall,
    ClaimRun,
    FinishRun,
    FinishToolCall,
    LinkOpenaiConversation,
    RenewLease,
    RunRequested,
    TruncateSession,
)
from contracts.commands.schedules import (
    CreateSchedule,
    CronExpression,
    DeleteSchedule,
    ScheduleText,
    UpdateSchedule,
)
from contracts.commands.shares import RevokeShare, ShareConversation
from contracts.commands.tasks import (
    AddTask,
    DeleteTask,
    EffectKey,
    TaskDescription,
    TaskTitle,
    UpdateTask,
)
from contracts.commands.turns import (
    BeginTurn,
    CancelRun,
    ClientToolOutput,
    CustomAction,
    IdempotencyKey,
    OnBusy,
    Retry,
    StructuredInput,
    TurnInput,
    TurnLimits,
    UserMessage,
)
from contracts.commands.users import (
    BeginExport,
    EraseUser,
    RevokeTokens,
    TakeRequestPermit,
)
from contracts.commands.waiting import DecideCall, SuspendRun

__all__ = [
    "AddTask",
    "AppendCheckpoint",
    "BeginExport",
    "BeginToolCall",
    "BeginTurn",
    "CancelRun",
    "ClaimRun",
    "ClientToolOutput",
    "CreateSchedule",
    "CronExpression",
    "CustomAction",
    "DecideCall",
    "DeleteConnection",
    "DeleteConversation",
    "DeleteSchedule",
    "DeleteTask",
    "EffectKey",
    "EraseUser",
    "FinishRun",
    "FinishToolCall",
    "IdempotencyKey",
    "ItemToSave",
    "KeepConnection",
    "LinkOpenaiConversation",
    "OnBusy",
    "RecordConsent",
    "RecordFeedback",
    "RegisterAssistants",
    "RenewLease",
    "Retry",
    "RevokeShare",
    "RevokeTokens",
    "RunRequested",
    "ScheduleText",
    "ShareConversation",
    "StructuredInput",
    "SuspendRun",
    "SwitchBranch",
    "TakeRequestPermit",
    "TaskDescription",
    "TaskTitle",
    "TruncateSession",
    "TurnInput",
    "TurnLimits",
    "UpdateConversation",
    "UpdateSchedule",
    "UpdateTask",
    "UserMessage",
]
