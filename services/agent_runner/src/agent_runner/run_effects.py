"""What an assistant's code says to the conversation: kept until it is stored, at the latest when its call is done."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from chatkit_protocol import events, items
from contracts.commands import ItemToSave
from contracts.ids import new_message_id
from contracts.message import Json
from contracts.replies import ConversationStatus, RunClaimed
from contracts.text import storable
from natterkit import Attachment, AttachmentText, Context, Conversation, Schedule, User
from natterkit.asking import Request
from natterkit.context import calling_id

from agent_runner import rules
from agent_runner.attachments import RunAttachments, Sees
from agent_runner.publisher import Publisher
from agent_runner.run_schedules import RunSchedules
from agent_runner.run_showing import RunShowing
from agent_runner.session import RunSession
from agent_runner.transcript import Transcript
from agent_runner.waiting import Waits

TITLE_CHARACTERS_MAX = 200
HIDDEN_CHARACTERS_MAX = 20_000
REASON_CHARACTERS_MAX = 500


class RunEffects:
    """The effects of one attempt. What is set twice is stored as it was set last."""

    def __init__(
        self,
        claimed: RunClaimed,
        publisher: Publisher,
        session: RunSession,
        transcript: Transcript,
        showing: RunShowing,
        schedules: RunSchedules,
        attachments: RunAttachments,
    ) -> None:
        self.waits = Waits(claimed, _nobody_asks)
        """What is waited for; an attempt with tool calls puts theirs here."""
        self.title: str | None = None
        self.hidden: list[Json] = []
        """What this attempt told the model beside the conversation."""
        self.status: ConversationStatus | None = None
        self.showing = showing
        self.sees = Sees()
        """What the run's model takes of files as it is."""
        self._attachments = attachments
        self._schedules = schedules
        self._transcript = transcript
        self._claimed = claimed
        self._publisher = publisher
        self._session = session
        self._metadata: Json = {}
        self._title_unsaved: str | None = None
        self._status_unsaved: ConversationStatus | None = None
        self._hidden_unsaved: list[str] = []

    def context(self, user_id: str) -> Context:
        """The context of the run."""
        claimed = self._claimed
        requester, conversation = claimed.requester, claimed.conversation
        user = User(
            id=user_id,
            name=requester.name,
            locale=requester.locale,
            time_zone=requester.time_zone,
            claims=requester.claims,
        )
        known = Conversation(
            id=claimed.run.conversation_id,
            title=conversation.title if conversation else None,
            metadata=conversation.metadata if conversation else {},
        )
        return Context(user, known, run_id=claimed.run.run_id, assistant_id=claimed.assistant_id, effects=self)

    async def set_title(self, title: str) -> None:
        self.title = self._title_unsaved = storable(title).strip()[:TITLE_CHARACTERS_MAX] or None
        if self.title:
            self.tell_thread(title=self.title)

    async def set_status(self, status: Literal["active", "locked", "closed"], reason: str | None) -> None:
        told = None if reason is None else storable(reason)[:REASON_CHARACTERS_MAX]
        self.status = self._status_unsaved = ConversationStatus(type=status, reason=told)
        self.tell_thread()

    def tell_thread(self, *, title: str | None = None) -> None:
        """Show the conversation as this run has changed it."""
        conversation = self._claimed.conversation
        if conversation is not None:
            now = conversation.model_copy(update={"status": self.status or conversation.status})
            self._publisher.event(events.thread_updated(now, title=title or self.title))

    async def set_metadata(self, patch: Mapping[str, Any]) -> None:
        self._metadata |= rules.storable_json(dict(patch))

    async def add_hidden_context(self, text: str) -> None:
        said = storable(text)[:HIDDEN_CHARACTERS_MAX]
        self._hidden_unsaved.append(said)
        self.hidden.append(hidden_message(said))

    async def ask(self, request: Request) -> Any:
        return self.waits.ask(calling_id(), request)

    async def schedule(
        self, text: str, *, at: datetime | None, cron: str | None, time_zone: str | None, reminds: bool, here: bool
    ) -> str:
        return await self._schedules.create(text, at=at, cron=cron, time_zone=time_zone, reminds=reminds, here=here)

    async def schedules(self) -> list[Schedule]:
        return await self._schedules.list()

    async def pause_schedule(self, schedule_id: str, *, paused: bool) -> None:
        await self._schedules.pause(schedule_id, paused=paused)

    async def delete_schedule(self, schedule_id: str) -> None:
        await self._schedules.delete(schedule_id)

    def take_metadata(self) -> Json | None:
        """What is to be stored with the next checkpoint, or with the end."""
        metadata, self._metadata = self._metadata, {}
        return metadata or None

    def take_title(self) -> str | None:
        """The same of the title."""
        title, self._title_unsaved = self._title_unsaved, None
        return title

    def take_hidden(self) -> tuple[list[Json], tuple[ItemToSave, ...]]:
        """The same of hidden context: for the model, and as the conversation's items."""
        texts, self._hidden_unsaved = self._hidden_unsaved, []
        return [hidden_message(text) for text in texts], tuple(self._item(text) for text in texts)

    async def store(self, call_id: str | None = None) -> None:
        """Store what a tool has said and shown, before its call may be told as done."""
        self.showing.end_call(call_id)
        has_unsaved, self.showing.has_unsaved = self.showing.has_unsaved, False
        if has_unsaved or self._metadata or self._hidden_unsaved or self._title_unsaved or self._status_unsaved:
            messages, saved = self.take_hidden()
            status, self._status_unsaved = self._status_unsaved, None
            await self._session.checkpoint(
                messages,
                (*self._transcript.take_items(), *saved),
                metadata=self.take_metadata(),
                title=self.take_title(),
                conversation_status=status,
            )

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        found: Any = self._claimed.user_item.get("attachments") or []
        return tuple(_attachment_of(one) for one in found)

    async def attachment(self, attachment_id: str) -> Attachment:
        view = await self._attachments.find(attachment_id)
        return Attachment(view.attachment_id, view.name, view.mime_type, view.size_bytes, view.width, view.height)

    async def read_attachment(self, attachment_id: str) -> bytes:
        return await self._attachments.data(attachment_id)

    async def attachment_text(self, attachment_id: str) -> AttachmentText:
        text = await self._attachments.text(await self._attachments.find(attachment_id))
        if text.refusal is not None:
            raise ValueError(text.refusal)
        return AttachmentText(text.pages, text.is_cut)

    async def attachment_parts(self, attachment_id: str) -> list[Json]:
        return await self._attachments.parts_of(attachment_id, self.sees)

    async def tell(self, event: Json, *, is_told_once: bool) -> None:
        await self.showing.tell(event, is_told_once=is_told_once)

    async def put_task(self, task: Json, place: Any = None) -> Any:
        return await self.showing.put_task(task, place)

    async def end_tasks(self, summary: Json | None, *, is_expanded: bool) -> None:
        await self.showing.end_tasks(summary, is_expanded=is_expanded)

    async def show_widget(self, widget: Any, *, item_id: str | None, copy_text: str | None) -> str:
        return await self.showing.show_widget(widget, item_id=item_id, copy_text=copy_text)

    async def show_image(self, image: Any, *, images_count: int | None, title: str) -> str:
        return await self.showing.show_image(image, images_count=images_count, title=title)

    async def annotate(self, annotation: Json, *, after: str | None) -> None:
        await self.showing.annotate(annotation, after=after)

    async def remove(self, item_id: str) -> None:
        await self.showing.remove(item_id)

    def _item(self, text: str) -> ItemToSave:
        item_id = new_message_id()
        item = items.hidden_context(item_id, self._claimed.run.conversation_id, datetime.now(UTC), text)
        return ItemToSave(message_id=item_id, type="hidden_context_item", item=item)


async def _nobody_asks(_call_id: str) -> None:
    """Without tool calls nothing can wait."""


def _attachment_of(shown: Json) -> Attachment:
    """What is known of a file by the message that shows it."""
    known: Any = shown.get("metadata") or {}
    size_bytes, width, height = known.get("size_bytes", 0), known.get("width"), known.get("height")
    return Attachment(str(shown["id"]), str(shown["name"]), str(shown["mime_type"]), size_bytes, width, height)


def hidden_message(text: str) -> Json:
    """Hidden context as a model reads it."""
    return {"type": "message", "role": "system", "content": f"Context that the user is not shown:\n{text}"}
