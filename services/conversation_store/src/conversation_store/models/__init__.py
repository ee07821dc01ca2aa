"""The tables of the schema `chat`, as SQLModel classes; docs/data-model.md explains them."""

from conversation_store.models.assistants import Assistant
from conversation_store.models.attachments import Attachment, DueFileDeletion
from conversation_store.models.base import METADATA, SCHEMA
from conversation_store.models.connections import Connection
from conversation_store.models.conversations import Conversation, Feedback, Message, User
from conversation_store.models.delivery import (
    DuePurge,
    ErasureReceipt,
    HandledMessage,
    Outbox,
    RequestBudget,
    TokenFloor,
)
from conversation_store.models.runs import Run, SessionItem, ToolCall
from conversation_store.models.schedules import Schedule
from conversation_store.models.service_tokens import ServiceToken
from conversation_store.models.shares import Share
from conversation_store.models.tasks import Task
from conversation_store.models.usage import UsageDay
from conversation_store.models.waiting import PendingDecision, StandingApproval
from conversation_store.models.webhooks import Webhook, WebhookDelivery

__all__ = [
    "METADATA",
    "SCHEMA",
    "Assistant",
    "Attachment",
    "Connection",
    "Conversation",
    "DueFileDeletion",
    "DuePurge",
    "ErasureReceipt",
    "Feedback",
    "HandledMessage",
    "Message",
    "Outbox",
    "PendingDecision",
    "RequestBudget",
    "Run",
    "Schedule",
    "ServiceToken",
    "SessionItem",
    "Share",
    "StandingApproval",
    "Task",
    "TokenFloor",
    "ToolCall",
    "UsageDay",
    "User",
    "Webhook",
    "WebhookDelivery",
]
