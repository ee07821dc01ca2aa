"""What the store receives: commands and queries, each in one transaction of the principal that it proves."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from actor_kit.actor import Actor, Delivery, Handler, Handlers
from actor_kit.bus import Bus
from actor_kit.proof import RunProof, prove_run
from contracts.commands import (
    AddTask,
    BeginTurn,
    ClaimRun,
    CreateAttachment,
    EraseUser,
    KeepAttachment,
    RenewLease,
    SuspendRun,
    UpdateTask,
)
from contracts.errors import NatterError, TerminalError
from contracts.ids import (
    new_attachment_id,
    new_schedule_id,
    new_service_token_id,
    new_share_id,
    new_task_id,
    new_webhook_id,
)
from contracts.message import Reply
from contracts.queries import GetConversation, ListAssistants, ListAttachments, ListItems
from contracts.replies import (
    AssistantList,
    AttachmentPage,
    AttachmentReply,
    ConversationReply,
    DeadLetterList,
    DeadLetterReplayed,
    DeliveryPrepared,
    Done,
    ErasureReceipt,
    ItemPage,
    LeaseRenewed,
    Report,
    RunClaimed,
    RunSuspended,
    ScheduleReply,
    ServiceTokenReply,
    SharedPage,
    ShareReply,
    TaskReply,
    TurnBegun,
    WebhookMade,
)

from contracts import commands, queries
from conversation_store import (
    access,
    assistants,
    attachments,
    connections,
    conversations,
    export,
    items,
    letters,
    reports,
    resume,
    search,
    service_tokens,
    shares,
    tasks,
    users,
    webhooks,
)
from conversation_store.database import Database, Transaction
from conversation_store.runs import claim, finish, tool_calls, writes
from conversation_store.runs.renewals import Renewals
from conversation_store.runs.sweeper import Sweeper
from conversation_store.schedules import keep as schedules
from conversation_store.settings import Settings
from conversation_store.turns import begin, branches
from conversation_store.waiting import decide, suspend

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class ConversationStore(Actor):
    """The system of record. Every handler is one transaction; what it has to tell goes through the outbox."""

    bus: Bus
    database: Database
    sweeper: Sweeper
    renewals: Renewals
    settings: Settings

    @property
    def handlers(self) -> Handlers:
        return {
            BeginTurn: self.on_begin_turn,
            commands.CancelRun: self._transaction_of(finish.cancel_run),
            ClaimRun: self.on_claim_run,
            commands.RenewLease: self.on_renew_lease,
            commands.AppendCheckpoint: self._transaction_of(writes.append_checkpoint),
            commands.BeginToolCall: self._transaction_of(tool_calls.begin_tool_call),
            commands.FinishToolCall: self._transaction_of(tool_calls.finish_tool_call),
            commands.FinishRun: self._transaction_of(finish.finish_run),
            commands.SuspendRun: self.on_suspend_run,
            commands.DecideCall: self._transaction_of(decide.decide_call),
            commands.LinkOpenaiConversation: self._transaction_of(writes.link_openai_conversation),
            commands.TruncateSession: self._transaction_of(writes.truncate_session, is_repeatable=False),
            queries.ListRuns: self._transaction_of(finish.list_runs),
            queries.GetRun: self._transaction_of(finish.get_run),
            GetConversation: self.on_get_conversation,
            queries.ListConversations: self._transaction_of(conversations.list_conversations),
            queries.SearchMessages: self._transaction_of(search.search_messages),
            commands.UpdateConversation: self._transaction_of(conversations.update_conversation),
            queries.ListTurns: self._transaction_of(branches.list_turns),
            commands.SwitchBranch: self._transaction_of(branches.switch_branch),
            commands.DeleteConversation: self._transaction_of(conversations.delete_conversation, is_repeatable=False),
            ListItems: self.on_list_items,
            queries.GetItem: self._transaction_of(items.get_item),
            commands.CreateSchedule: self.on_create_schedule,
            queries.ListSchedules: self._transaction_of(schedules.list_schedules),
            commands.UpdateSchedule: self._transaction_of(schedules.update_schedule),
            commands.DeleteSchedule: self._transaction_of(schedules.delete_schedule, is_repeatable=False),
            commands.CreateServiceToken: self.on_create_service_token,
            queries.ListServiceTokens: self._system_transaction_of(service_tokens.list_service_tokens),
            commands.RevokeServiceToken: self._system_transaction_of(service_tokens.revoke_service_token),
            commands.CreateOwnServiceToken: self.on_create_own_service_token,
            queries.ListOwnServiceTokens: self._transaction_of(service_tokens.list_own),
            commands.RevokeOwnServiceToken: self._transaction_of(service_tokens.revoke_own, is_repeatable=False),
            commands.SubmitTurn: self.on_submit_turn,
            commands.CreateWebhook: self.on_create_webhook,
            queries.ListWebhooks: self._transaction_of(webhooks.list_webhooks),
            commands.RotateWebhookSecret: self.on_rotate_webhook_secret,
            commands.DeleteWebhook: self._transaction_of(webhooks.delete_webhook, is_repeatable=False),
            queries.ListDeliveries: self._transaction_of(webhooks.list_deliveries),
            commands.RetryDelivery: self._transaction_of(webhooks.retry_delivery),
            queries.PrepareDelivery: self.on_prepare_delivery,
            commands.RecordDelivery: self.on_record_delivery,
            commands.ShareConversation: self.on_share_conversation,
            queries.ListShares: self._transaction_of(shares.list_shares),
            commands.RevokeShare: self._transaction_of(shares.revoke_share),
            queries.GetShared: self.on_get_shared,
            commands.RecordFeedback: self._transaction_of(conversations.record_feedback),
            commands.RegisterAssistants: self._system_transaction_of(assistants.register_assistants),
            ListAssistants: self.on_list_assistants,
            queries.ListTasks: self._transaction_of(tasks.list_tasks),
            queries.GetTask: self._transaction_of(tasks.get_task),
            AddTask: self.on_add_task,
            UpdateTask: self.on_update_task,
            commands.DeleteTask: self._transaction_of(tasks.delete_task, is_repeatable=False),
            commands.ClearTasks: self._transaction_of(tasks.clear_tasks, is_repeatable=False),
            commands.RestoreTask: self._transaction_of(tasks.restore_task),
            commands.RestoreClearedTasks: self._transaction_of(tasks.restore_cleared_tasks, is_repeatable=False),
            CreateAttachment: self.on_create_attachment,
            commands.FinishAttachment: self._transaction_of(attachments.finish_attachment),
            KeepAttachment: self.on_keep_attachment,
            queries.GetAttachment: self._transaction_of(attachments.get_attachment),
            ListAttachments: self.on_list_attachments,
            commands.DeleteAttachment: self._transaction_of(attachments.delete_attachment, is_repeatable=False),
            queries.GetConnection: self._transaction_of(connections.get_connection),
            commands.KeepConnection: self._transaction_of(connections.keep_connection, is_repeatable=False),
            commands.RecordConsent: self._transaction_of(connections.record_consent, is_repeatable=False),
            queries.ListConnections: self._transaction_of(connections.list_connections),
            commands.DeleteConnection: self._transaction_of(connections.delete_connection),
            queries.GetReport: self.on_get_report,
            queries.ListDeadLetters: self.on_list_dead_letters,
            commands.ReplayDeadLetter: self.on_replay_dead_letter,
            commands.BeginExport: self._transaction_of(users.begin_export, is_repeatable=False),
            queries.ExportUser: self._transaction_of(export.export_user),
            EraseUser: self.on_erase_user,
            commands.RevokeTokens: self._transaction_of(users.revoke_tokens),
            queries.CheckAccess: self._transaction_of(_nothing_more),
            commands.TakeRequestPermit: self._transaction_of(users.take_request_permit, is_durable=False),
        }

    async def on_begin_turn(self, command: BeginTurn, delivery: Delivery) -> TurnBegun:
        new = begin.NewTurn()  # made here, so that a repeated transaction stores the same turn
        begun = partial(begin.begin_turn, command=command, new=new, bounds=self.settings.turn_bounds)
        return await self._transact(command, delivery, begun)

    async def on_claim_run(self, command: ClaimRun, delivery: Delivery) -> RunClaimed:
        limits = claim.ClaimLimits(self.settings.run_attempts_max, self.settings.history_bytes_max)
        claimed = await self._transact(command, delivery, lambda t: claim.claim_run(t, command, limits))
        if isinstance(claimed, TerminalError):  # the run has just been ended, and that had to be committed
            raise claimed
        run = RunProof(command.run_id, claimed.run.conversation_id, claimed.epoch)
        secret = self.settings.proofs.run_token_secret
        return claimed.model_copy(update={"run_token": prove_run(secret, command.principal.user_id, run)})

    async def on_suspend_run(self, command: SuspendRun, delivery: Delivery) -> RunSuspended:
        seconds = self.settings.decision_seconds_max
        return await self._transact(
            command, delivery, lambda t: suspend.suspend_run(t, command, expires_seconds=seconds)
        )

    async def on_renew_lease(self, command: RenewLease, _delivery: Delivery) -> LeaseRenewed:
        return await self.renewals.renew(command)

    async def on_get_conversation(self, query: GetConversation, delivery: Delivery) -> ConversationReply:
        view = await self._transact(
            query, delivery, lambda t: conversations.get_view(t, query.principal, query.conversation_id)
        )
        return ConversationReply(
            conversation=view, resume_from=await resume.resume_from(self.bus, query.principal.user_id, view)
        )

    async def on_list_items(self, query: ListItems, delivery: Delivery) -> ItemPage:
        # DELTAS is read before the items are: what happens in between is seen twice rather than never.
        view = await self._transact(
            query, delivery, lambda t: conversations.get_view(t, query.principal, query.conversation_id)
        )
        sequence = await resume.resume_from(self.bus, query.principal.user_id, view)
        page = await self._transact(query, delivery, lambda t: items.list_items(t, query))
        active = {"active_run_id": view.active_run_id, "is_waiting": view.is_waiting}
        return page.model_copy(update={**active, "resume_from": sequence})

    async def on_create_schedule(self, command: commands.CreateSchedule, delivery: Delivery) -> ScheduleReply:
        create = partial(
            schedules.create_schedule,
            command=command,
            schedule_id=new_schedule_id(),  # made here, as above
            assistants=self.settings.assistants,
            schedules_max=self.settings.user_schedules_max,
            interval_seconds_min=self.settings.schedule_interval_seconds_min,
        )
        return await self._transact(command, delivery, create)

    async def on_share_conversation(self, command: commands.ShareConversation, delivery: Delivery) -> ShareReply:
        share_id = new_share_id()  # made here, as above
        shares_max = self.settings.user_shares_max
        return await self._transact(
            command, delivery, lambda t: shares.share_conversation(t, command, share_id, shares_max=shares_max)
        )

    async def on_get_shared(self, query: queries.GetShared, _delivery: Delivery) -> SharedPage:
        """Of no user: whoever has the link's token may read what it shows."""
        return await shares.get_shared(self.database, query)

    async def on_create_service_token(
        self, command: commands.CreateServiceToken, _delivery: Delivery
    ) -> ServiceTokenReply:
        """Of no user: the bus lets the operator alone send it."""
        token_id = new_service_token_id()  # made here, as above
        return await self.database.transact(None, lambda t: service_tokens.create_service_token(t, command, token_id))

    async def on_create_own_service_token(
        self, command: commands.CreateOwnServiceToken, delivery: Delivery
    ) -> ServiceTokenReply:
        create = partial(
            service_tokens.create_own,
            command=command,
            token_id=new_service_token_id(),  # made here, as above
            assistants=self.settings.assistants,
            tokens_max=self.settings.user_service_tokens_max,
        )
        return await self._transact(command, delivery, create)

    async def on_create_webhook(self, command: commands.CreateWebhook, delivery: Delivery) -> WebhookMade:
        create = partial(
            webhooks.create_webhook,
            command=command,
            webhook_id=new_webhook_id(),  # made here, as above
            secret=webhooks.new_secret(),
            webhooks_max=self.settings.user_webhooks_max,
        )
        return await self._transact(command, delivery, create)

    async def on_rotate_webhook_secret(self, command: commands.RotateWebhookSecret, delivery: Delivery) -> WebhookMade:
        secret = webhooks.new_secret()  # made here, as above
        return await self._transact(command, delivery, lambda t: webhooks.rotate_secret(t, command, secret))

    async def on_prepare_delivery(self, query: queries.PrepareDelivery, _delivery: Delivery) -> DeliveryPrepared:
        """Of no user's token: the bus lets runners alone send it, and it tells them nothing but what is to be sent."""
        return await webhooks.prepare_delivery(self.database, query)

    async def on_record_delivery(self, command: commands.RecordDelivery, _delivery: Delivery) -> Done:
        return await webhooks.record_delivery(self.database, command)

    async def on_submit_turn(self, command: commands.SubmitTurn, _delivery: Delivery) -> TurnBegun:
        """Of no user's token: that of a service is looked at instead."""
        return await service_tokens.submit_turn(self.database, command, begin.NewTurn(), self.settings.turn_bounds)

    async def on_list_assistants(self, query: ListAssistants, delivery: Delivery) -> AssistantList:
        offered = self.settings.assistants
        return await self._transact(query, delivery, lambda t: assistants.list_assistants(t, query, offered))

    async def on_add_task(self, command: AddTask, delivery: Delivery) -> TaskReply:
        task_id = new_task_id()  # made here, as above
        return await self._transact(
            command, delivery, lambda t: tasks.add_task(t, command, task_id, tasks_max=self.settings.user_tasks_max)
        )

    async def on_update_task(self, command: UpdateTask, delivery: Delivery) -> TaskReply:
        next_id, tasks_max = new_task_id(), self.settings.user_tasks_max  # made here, as above
        return await self._transact(
            command, delivery, lambda t: tasks.update_task(t, command, next_id, tasks_max=tasks_max)
        )

    async def on_create_attachment(self, command: CreateAttachment, delivery: Delivery) -> AttachmentReply:
        attachment_id = new_attachment_id()  # made here, as above
        quota = self.settings.attachment_quota
        return await self._transact(
            command, delivery, lambda t: attachments.create_attachment(t, command, attachment_id, quota=quota)
        )

    async def on_keep_attachment(self, command: KeepAttachment, delivery: Delivery) -> AttachmentReply:
        quota = self.settings.attachment_quota
        return await self._transact(command, delivery, lambda t: attachments.keep_attachment(t, command, quota=quota))

    async def on_list_attachments(self, query: ListAttachments, delivery: Delivery) -> AttachmentPage:
        quota = self.settings.attachment_quota
        return await self._transact(query, delivery, lambda t: attachments.list_attachments(t, query, quota=quota))

    async def on_erase_user(self, command: EraseUser, delivery: Delivery) -> ErasureReceipt:
        delay = self.settings.erasure_purge_delay_seconds
        receipt = await self._transact(
            command, delivery, lambda t: users.erase_user(t, command, purge_delay_seconds=delay)
        )
        await self.sweeper.purge_due()
        with suppress(NatterError):  # what is not deleted now is due, and the sweeper tries again
            await self.sweeper.files.delete_due()
        return receipt

    async def on_get_report(self, query: queries.GetReport, _delivery: Delivery) -> Report:
        limits = self.settings.usage_limits
        return await self.database.transact(None, lambda t: reports.get_report(t, query, limits))

    async def on_list_dead_letters(self, _query: queries.ListDeadLetters, _delivery: Delivery) -> DeadLetterList:
        return await letters.list_dead_letters(self.bus)

    async def on_replay_dead_letter(
        self, command: commands.ReplayDeadLetter, _delivery: Delivery
    ) -> DeadLetterReplayed:
        return await letters.replay_dead_letter(self.bus, command)

    async def _transact(
        self,
        request: Any,
        delivery: Delivery,
        work: Callable[[Transaction], Awaitable[ResultT]],
        *,
        is_repeatable: bool = True,
        is_durable: bool = True,
    ) -> ResultT:
        """One transaction of the request's user, where the token that stands behind it still holds."""
        proof = delivery.proof
        run = None if proof is None else proof.run

        async def admitted(transaction: Transaction) -> ResultT:
            # What carries an epoch is refused with its own statement.
            if run is not None and not hasattr(request, "epoch"):
                await access.check_run_goes_on(transaction, request, run)
            return await work(transaction)

        issued_at = proof.issued_at if proof is not None and run is None else None
        return await self.database.transact(
            request.principal.user_id,
            admitted,
            is_repeatable=is_repeatable,
            is_durable=is_durable,
            token_issued_at=issued_at,
        )

    def _transaction_of(
        self,
        function: Callable[[Transaction, Any], Awaitable[Reply]],
        *,
        is_repeatable: bool = True,
        is_durable: bool = True,
    ) -> Handler:
        """A handler that is one transaction and nothing else."""

        async def handle(request: Any, delivery: Delivery) -> Reply:
            return await self._transact(
                request, delivery, lambda t: function(t, request), is_repeatable=is_repeatable, is_durable=is_durable
            )

        return handle

    def _system_transaction_of(self, function: Callable[[Transaction, Any], Awaitable[Reply]]) -> Handler:
        """A handler of no user's request, which is one transaction: the bus says who alone may send it."""

        async def handle(request: Any, _delivery: Delivery) -> Reply:
            return await self.database.transact(None, lambda t: function(t, request))

        return handle


async def _nothing_more(_transaction: Transaction, _query: queries.CheckAccess) -> Done:
    """The token held, or the transaction had not begun."""
    return Done()
