"""auth_edge on a real bus, and at its other end a store that answers what the test says."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from actor_kit.actor import Actor, Delivery, Handlers
from actor_kit.bus import Bus
from actor_kit.requests import RequestServer
from actor_kit.settings import ServiceSettings
from auth_edge.testing import RunningEdge, running_edge
from contracts.assistants import AssistantCard
from contracts.message import Message, Reply
from contracts.registry import requests_to
from contracts.services import Service

from contracts import replies as r

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONVERSATION = r.ConversationView(
    conversation_id="conv_1", title="Groceries", created_at=NOW, updated_at=NOW, metadata={"project": "home"}
)
RUN = r.RunView(run_id="run_1", conversation_id="conv_1", status="running", epoch=1, created_at=NOW)
TURN = r.TurnView(
    run_id="run_1",
    message_id="msg_1",
    status="failed",
    error_code="model_timeout",
    answer_versions=("run_0", "run_1"),
)
TASK = r.TaskView(task_id="task_1", title="buy milk", completed=False, created_at=NOW, updated_at=NOW)
ITEM = r.ItemView(
    message_id="msg_1",
    conversation_id="conv_1",
    role="user",
    type="user_message",
    content="hello",
    item={"id": "msg_1", "thread_id": "conv_1", "type": "user_message", "unknown_to_us": [1, {"kept": True}]},
    position=1,
    created_at=NOW,
)
HIT = r.SearchHit(
    conversation_id="conv_1", message_id="msg_1", role="user", created_at=NOW, excerpt=(r.ExcerptPart(text="hello"),)
)
ATTACHMENT = r.AttachmentView(
    attachment_id="atc_1",
    name="cat.png",
    mime_type="image/png",
    size_bytes=7,
    state="stored",
    sha256="0" * 64,
    file_key="atc_1/1",
    created_at=NOW,
)
CONNECTION = r.ConnectionView(server="notes", label="Notes", status="connected", connected_at=NOW, created_at=NOW)
WEBHOOK = r.WebhookView(webhook_id="hook_1", url="https://shop.example.org/natter", created_at=NOW)
DELIVERY = r.DeliveryView(
    run_id="run_1",
    conversation_id="conv_1",
    event="run.completed",
    status="given_up",
    attempts_count=9,
    last_attempt_at=NOW,
    error="The receiver answered 500.",
)
SERVICE_TOKEN = r.ServiceTokenView(token_id="st_1", name="shop", user_ids=("alice",), created_at=NOW)
SCHEDULE = r.ScheduleView(
    schedule_id="sched_1",
    kind="prompt",
    text="list my tasks",
    status="active",
    cron="0 9 * * FRI",
    time_zone="Europe/Zurich",
    next_due_at=NOW,
    created_at=NOW,
)
SHARE = r.ShareView(share_id="share_1", conversation_id="conv_1", title="Groceries", created_at=NOW)
REPORT_ROW: dict[str, Any] = {
    "user_id": "bob",
    "queued": 1,
    "runs": 1,
    "failed": 0,
    "user": "bob",
    "day": "2026-11-21",
    "model": "gpt-a",
    "input_tokens": 1_000_000,
    "output_tokens": 500_000,
}
"""Has what rows of several kinds have."""
ANSWERS: dict[str, Reply] = {
    "BeginTurn": r.TurnBegun(conversation_id="conv_1", message_id="msg_1", run_id="run_1", status="queued"),
    "ListAssistants": r.AssistantList(data=(AssistantCard(assistant_id="todo", name="Natter"),)),
    "SubmitTurn": r.TurnBegun(conversation_id="conv_1", message_id="msg_1", run_id="run_1", status="queued"),
    "CreateWebhook": r.WebhookMade(webhook=WEBHOOK, secret="whsec_c2VjcmV0"),
    "RotateWebhookSecret": r.WebhookMade(webhook=WEBHOOK, secret="whsec_c2VjcmV0"),
    "ListWebhooks": r.WebhookList(data=(WEBHOOK,)),
    "DeleteWebhook": r.Done(),
    "ListDeliveries": r.DeliveryList(data=(DELIVERY,)),
    "RetryDelivery": r.Done(),
    "CreateOwnServiceToken": r.ServiceTokenReply(token=SERVICE_TOKEN),
    "ListOwnServiceTokens": r.ServiceTokenList(data=(SERVICE_TOKEN,)),
    "RevokeOwnServiceToken": r.Done(),
    "CreateSchedule": r.ScheduleReply(schedule=SCHEDULE),
    "DeleteSchedule": r.Done(),
    "UpdateSchedule": r.ScheduleReply(schedule=SCHEDULE),
    "ListSchedules": r.ScheduleList(data=(SCHEDULE,)),
    "CancelRun": r.RunReply(run=RUN),
    "DecideCall": r.CallDecided(run=RUN, wait=1),
    "ListRuns": r.RunPage(data=(RUN,), has_more=False),
    "GetRun": r.RunReply(run=RUN),
    "GetConversation": r.ConversationReply(conversation=CONVERSATION),
    "ListConversations": r.ConversationPage(data=(CONVERSATION,), has_more=False),
    "ListTurns": r.TurnList(data=(TURN,)),
    "SwitchBranch": r.ConversationReply(conversation=CONVERSATION),
    "UpdateConversation": r.ConversationReply(conversation=CONVERSATION),
    "DeleteConversation": r.Done(),
    "SearchMessages": r.SearchPage(data=(HIT,)),
    "ListConnections": r.ConnectionList(data=(CONNECTION,)),
    "DeleteConnection": r.Done(),
    "ShareConversation": r.ShareReply(share=SHARE),
    "ListShares": r.ShareList(data=(SHARE,)),
    "RevokeShare": r.Done(),
    "GetShared": r.SharedPage(title="Groceries", shared_at=NOW, items=({"id": "item_1", "type": "user_message"},)),
    "RecordFeedback": r.FeedbackRecorded(items_count=1),
    "ListTasks": r.TaskPage(data=(TASK,), has_more=False),
    "GetTask": r.TaskReply(task=TASK),
    "AddTask": r.TaskReply(task=TASK),
    "UpdateTask": r.TaskReply(task=TASK),
    "DeleteTask": r.TaskDeleted(task_id="task_1", title="buy milk"),
    "RestoreTask": r.TaskReply(task=TASK),
    "ClearTasks": r.TasksCleared(count=2, cleared_at=NOW),
    "RestoreClearedTasks": r.TasksRestored(count=2),
    "CreateAttachment": r.AttachmentReply(attachment=ATTACHMENT),
    "GetAttachment": r.AttachmentReply(attachment=ATTACHMENT),
    "ListAttachments": r.AttachmentPage(data=(ATTACHMENT,), has_more=False),
    "DeleteAttachment": r.Done(),
    "BeginExport": r.Done(),
    "ExportUser": r.ExportPage(kind="user", data=({"user_id": "alice"},)),
    "EraseUser": r.ErasureReceipt(receipt_id="rcpt_1", erased_at=NOW, counts={"conversation": 1}),
    "RevokeTokens": r.TokensFloor(valid_from=NOW),
    "GetReport": r.Report(rows=(REPORT_ROW,)),
    "ListDeadLetters": r.DeadLetterList(data=()),
    "ReplayDeadLetter": r.DeadLetterReplayed(is_replayed=True),
    "TakeRequestPermit": r.RateChecked(limit=1200, remaining=1160, reset_seconds=60, granted=40),
}
Answer = Reply | Exception | Callable[[Any], Any]


async def pages_of_items(query: Any) -> r.ItemPage:
    """A page that says there are more, and after it the last one: who reads all of them comes to an end."""
    is_last = query.after == "msg_1"
    return r.ItemPage(
        data=() if is_last else (ITEM,),
        has_more=not is_last,
        after=None if is_last else "msg_1",
        active_run_id="run_1",
        resume_from=7,
    )


@dataclass(frozen=True)
class AnsweringStore(Actor):
    """Answers each message as `answers` says, and keeps what it was asked."""

    answers: dict[str, Answer] = field(default_factory=lambda: {**ANSWERS, "ListItems": pages_of_items})
    asked: list[Message] = field(default_factory=list[Message])

    @property
    def handlers(self) -> Handlers:
        return dict.fromkeys(requests_to(Service.CONVERSATION_STORE), self.on_request)

    async def on_request(self, message: Message, _delivery: Delivery) -> Reply:
        self.asked.append(message)
        answer = self.answers[type(message).__name__]
        if callable(answer):
            answer = await answer(message)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def only(self, message_type: type[Message]) -> Any:
        """The one message of this type that was asked."""
        (found,) = [message for message in self.asked if isinstance(message, message_type)]
        return found


@pytest.fixture
async def store(nats_url: str) -> AsyncIterator[AnsweringStore]:
    actor = AnsweringStore()
    settings = ServiceSettings(nats_url=nats_url)
    async with (
        Bus.open(settings, service=Service.CONVERSATION_STORE) as bus,
        RequestServer(bus, actor, service=Service.CONVERSATION_STORE),
    ):
        yield actor


@pytest.fixture
async def edge(nats_url: str, tmp_path: Path, store: AnsweringStore) -> AsyncIterator[RunningEdge]:
    async with running_edge(nats_url, tmp_path) as running:
        yield running


@dataclass(frozen=True)
class RememberingStore(AnsweringStore):
    """Also keeps idempotency keys, as conversation_store does."""

    keys: set[str] = field(default_factory=set[str])

    def begun(self, command: Any) -> r.TurnBegun:
        replayed = command.idempotency_key in self.keys
        self.keys.add(command.idempotency_key)
        return r.TurnBegun(
            conversation_id="conv_1", message_id="msg_1", run_id="run_1", status="queued", replayed=replayed
        )


@pytest.fixture
def store_answers() -> RememberingStore:
    return RememberingStore()
