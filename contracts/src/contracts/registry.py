"""Every message of the system in one table: who sends it, who receives it, and who may ask for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from contracts import commands, events, queries
from contracts.errors import Code
from contracts.message import Command, Message, Query, reply_type_of
from contracts.services import Service

EDGE, STORE, RUNNER = Service.AUTH_EDGE, Service.CONVERSATION_STORE, Service.AGENT_RUNNER
TOOLS, RELAY, OPERATOR = Service.TASK_TOOLS, Service.STREAM_RELAY, Service.OPERATOR


class Rule(StrEnum):
    """Who may ask: what the receiver checks about the principal before it acts."""

    SELF = "self"
    """Acts on the principal's own data only; there is nothing of others to name."""
    CONVERSATION_OWNER = "conversation_owner"
    RUN_OWNER = "run_owner"
    CLAIM = "claim"
    """A runner's way in: it has no proof for the run yet, and gets the run's token with the answer."""
    RUN_EPOCH = "run_epoch"
    """The run's owner, and the epoch must be the run's current one."""
    TASK_OWNER = "task_owner"
    ATTACHMENT_OWNER = "attachment_owner"
    SERVICE = "service"
    """Between services; the NATS permissions decide."""


@dataclass(frozen=True)
class Entry:
    message: type[Message]
    senders: frozenset[Service]
    receivers: frozenset[Service]
    rule: Rule

    @property
    def kind(self) -> str:
        if issubclass(self.message, Command):
            return "command"
        if issubclass(self.message, Query):
            return "query"
        if self.message.subject_template.startswith("control."):
            return "control"
        return "delta" if self.message.subject_template.startswith(("delta.", "live.")) else "event"


def _entry(message: type[Message], senders: Iterable[Service], receivers: Iterable[Service], rule: Rule) -> Entry:
    return Entry(message, frozenset(senders), frozenset(receivers), rule)


REGISTRY: tuple[Entry, ...] = (
    # turns and runs
    _entry(commands.BeginTurn, [EDGE], [STORE], Rule.CONVERSATION_OWNER),
    _entry(commands.CancelRun, [EDGE], [STORE], Rule.RUN_OWNER),
    _entry(commands.RunRequested, [STORE], [RUNNER], Rule.SERVICE),
    _entry(commands.ClaimRun, [RUNNER], [STORE], Rule.CLAIM),
    _entry(commands.RenewLease, [RUNNER], [STORE], Rule.RUN_EPOCH),
    _entry(commands.AppendCheckpoint, [RUNNER], [STORE], Rule.RUN_EPOCH),
    _entry(commands.BeginToolCall, [RUNNER], [STORE], Rule.RUN_EPOCH),
    _entry(commands.FinishToolCall, [RUNNER], [STORE], Rule.RUN_EPOCH),
    _entry(commands.FinishRun, [RUNNER], [STORE], Rule.RUN_EPOCH),
    _entry(commands.SuspendRun, [RUNNER], [STORE], Rule.RUN_EPOCH),
    _entry(commands.DecideCall, [EDGE], [STORE], Rule.RUN_OWNER),
    _entry(commands.LinkOpenaiConversation, [RUNNER], [STORE], Rule.RUN_EPOCH),
    _entry(commands.TruncateSession, [RUNNER], [STORE], Rule.CONVERSATION_OWNER),
    _entry(queries.GetRun, [EDGE, RELAY, TOOLS], [STORE], Rule.RUN_OWNER),
    _entry(queries.ListRuns, [EDGE], [STORE], Rule.SELF),
    # conversations
    _entry(queries.GetConversation, [EDGE, RELAY], [STORE], Rule.CONVERSATION_OWNER),
    _entry(queries.ListConversations, [EDGE], [STORE], Rule.SELF),
    _entry(queries.SearchMessages, [EDGE], [STORE], Rule.SELF),
    _entry(commands.UpdateConversation, [EDGE], [STORE], Rule.CONVERSATION_OWNER),
    _entry(queries.ListTurns, [EDGE], [STORE], Rule.CONVERSATION_OWNER),
    _entry(commands.SwitchBranch, [EDGE], [STORE], Rule.CONVERSATION_OWNER),
    _entry(commands.DeleteConversation, [EDGE], [STORE], Rule.CONVERSATION_OWNER),
    _entry(queries.ListItems, [EDGE, RELAY, RUNNER], [STORE], Rule.CONVERSATION_OWNER),
    _entry(queries.GetItem, [EDGE, RUNNER], [STORE], Rule.CONVERSATION_OWNER),
    _entry(commands.RecordFeedback, [EDGE], [STORE], Rule.CONVERSATION_OWNER),
    # turns that begin at a time
    _entry(commands.CreateSchedule, [EDGE, RUNNER], [STORE], Rule.CONVERSATION_OWNER),
    _entry(queries.ListSchedules, [EDGE, RUNNER], [STORE], Rule.SELF),
    _entry(commands.UpdateSchedule, [EDGE, RUNNER], [STORE], Rule.SELF),
    _entry(commands.DeleteSchedule, [EDGE, RUNNER], [STORE], Rule.SELF),
    # turns that another system begins
    _entry(commands.CreateServiceToken, [OPERATOR], [STORE], Rule.SERVICE),
    _entry(queries.ListServiceTokens, [OPERATOR], [STORE], Rule.SERVICE),
    _entry(commands.RevokeServiceToken, [OPERATOR], [STORE], Rule.SERVICE),
    _entry(commands.CreateOwnServiceToken, [EDGE], [STORE], Rule.SELF),
    _entry(queries.ListOwnServiceTokens, [EDGE], [STORE], Rule.SELF),
    _entry(commands.RevokeOwnServiceToken, [EDGE], [STORE], Rule.SELF),
    _entry(commands.SubmitTurn, [EDGE], [STORE], Rule.SERVICE),
    # addresses that are told when runs end
    _entry(commands.CreateWebhook, [EDGE], [STORE], Rule.SELF),
    _entry(queries.ListWebhooks, [EDGE], [STORE], Rule.SELF),
    _entry(commands.RotateWebhookSecret, [EDGE], [STORE], Rule.SELF),
    _entry(commands.DeleteWebhook, [EDGE], [STORE], Rule.SELF),
    _entry(queries.ListDeliveries, [EDGE], [STORE], Rule.SELF),
    _entry(commands.RetryDelivery, [EDGE], [STORE], Rule.RUN_OWNER),
    _entry(commands.DeliverWebhook, [STORE], [RUNNER], Rule.SERVICE),
    _entry(queries.PrepareDelivery, [RUNNER], [STORE], Rule.SERVICE),
    _entry(commands.RecordDelivery, [RUNNER], [STORE], Rule.SERVICE),
    # links to conversations
    _entry(commands.ShareConversation, [EDGE], [STORE], Rule.CONVERSATION_OWNER),
    _entry(queries.ListShares, [EDGE], [STORE], Rule.SELF),
    _entry(commands.RevokeShare, [EDGE], [STORE], Rule.CONVERSATION_OWNER),
    _entry(queries.GetShared, [EDGE], [STORE], Rule.SERVICE),
    # assistants
    _entry(commands.RegisterAssistants, [RUNNER], [STORE], Rule.SERVICE),
    _entry(queries.ListAssistants, [EDGE], [STORE], Rule.SELF),
    # todos
    _entry(queries.ListTasks, [EDGE, TOOLS], [STORE], Rule.SELF),
    _entry(queries.GetTask, [EDGE], [STORE], Rule.TASK_OWNER),
    _entry(commands.AddTask, [EDGE, TOOLS], [STORE], Rule.SELF),
    _entry(commands.UpdateTask, [EDGE, TOOLS], [STORE], Rule.TASK_OWNER),
    _entry(commands.DeleteTask, [EDGE, TOOLS], [STORE], Rule.TASK_OWNER),
    _entry(commands.ClearTasks, [EDGE, TOOLS], [STORE], Rule.SELF),
    _entry(commands.RestoreTask, [EDGE, TOOLS], [STORE], Rule.TASK_OWNER),
    _entry(commands.RestoreClearedTasks, [EDGE, TOOLS], [STORE], Rule.SELF),
    # attachments
    _entry(commands.CreateAttachment, [EDGE], [STORE], Rule.SELF),
    _entry(commands.FinishAttachment, [EDGE], [STORE], Rule.ATTACHMENT_OWNER),
    _entry(commands.KeepAttachment, [RUNNER], [STORE], Rule.RUN_EPOCH),
    _entry(queries.GetAttachment, [EDGE, RUNNER], [STORE], Rule.ATTACHMENT_OWNER),
    _entry(queries.ListAttachments, [EDGE], [STORE], Rule.SELF),
    _entry(commands.DeleteAttachment, [EDGE], [STORE], Rule.ATTACHMENT_OWNER),
    # connections to foreign MCP servers
    _entry(queries.GetConnection, [RUNNER], [STORE], Rule.RUN_EPOCH),
    _entry(commands.KeepConnection, [RUNNER], [STORE], Rule.RUN_EPOCH),
    _entry(commands.RecordConsent, [EDGE], [STORE], Rule.SELF),
    _entry(queries.ListConnections, [EDGE], [STORE], Rule.SELF),
    _entry(commands.DeleteConnection, [EDGE], [STORE], Rule.SELF),
    # the user as a whole
    _entry(queries.ExportUser, [EDGE], [STORE], Rule.SELF),
    _entry(commands.EraseUser, [EDGE], [STORE], Rule.SELF),
    _entry(commands.BeginExport, [EDGE], [STORE], Rule.SELF),
    _entry(commands.RevokeTokens, [EDGE], [STORE], Rule.SELF),
    _entry(queries.CheckAccess, [RELAY], [STORE], Rule.SELF),
    _entry(commands.TakeRequestPermit, [EDGE], [STORE], Rule.SELF),
    # the operator
    _entry(queries.GetReport, [OPERATOR, EDGE], [STORE], Rule.SERVICE),
    _entry(queries.ListDeadLetters, [EDGE], [STORE], Rule.SERVICE),
    _entry(commands.ReplayDeadLetter, [EDGE], [STORE], Rule.SERVICE),
    # what viewers see
    _entry(events.ChatKitDelta, [RUNNER, STORE], [], Rule.SERVICE),
    _entry(events.RunEvent, [RUNNER, STORE], [], Rule.SERVICE),
    _entry(events.ConversationChanged, [STORE], [], Rule.SERVICE),
    _entry(events.ConversationDeleted, [STORE], [], Rule.SERVICE),
    _entry(events.TaskChanged, [STORE], [], Rule.SERVICE),
    _entry(events.ScheduleFired, [STORE], [], Rule.SERVICE),
    _entry(events.TasksChanged, [STORE], [], Rule.SERVICE),
    _entry(events.LiveDelta, [], [RELAY], Rule.SERVICE),
    # between services
    _entry(events.RunCancelRequested, [STORE], [RUNNER], Rule.SERVICE),
    _entry(events.TokensRevoked, [STORE], [RELAY], Rule.SERVICE),
    _entry(events.DeadLetter, [RUNNER], [OPERATOR], Rule.SERVICE),
    _entry(events.AuditEvent, [EDGE, STORE, OPERATOR], [OPERATOR], Rule.SERVICE),
)


def requests_to(service: Service) -> tuple[type[Message], ...]:
    """The commands and queries that a service answers by request/reply, in the table's order."""
    return tuple(
        entry.message for entry in REGISTRY if service in entry.receivers and reply_type_of(entry.message) is not None
    )


UNAVAILABLE: Mapping[Service, Code] = {STORE: Code.STORE_UNAVAILABLE}
"""The code that says that a service does not answer its requests, or has too much to do. One for each that has some."""


def unavailable_code(subject: str) -> Code:
    """The code for a request on this subject that nobody answers."""
    return UNAVAILABLE[_ANSWERING[subject]]


_ANSWERING = {message.subject_template: service for service in UNAVAILABLE for message in requests_to(service)}
