"""What the model saw and said: openai-agents Sessions over conversation_store, or over OpenAI's Conversations API."""

import asyncio
from contextlib import suppress
from typing import Any, Protocol, cast

import openai
from agents import OpenAIConversationsSession, SessionSettings
from agents.memory import Session
from chatkit_protocol.history import without_orphans
from contracts.commands import AppendCheckpoint, ItemToSave, LinkOpenaiConversation, TruncateSession
from contracts.identity import Principal
from contracts.message import Json
from contracts.replies import ConversationStatus, RunClaimed, Usage
from natterkit import History

from agent_runner import rules
from agent_runner.attachments import in_words
from agent_runner.model_errors import model_error
from agent_runner.store import Store
from agent_runner.workshop import Workshop

Items = list[Any]
LAST_RUN_METADATA = "natter_last_run"
AFTER_ITEM_METADATA = "natter_after_item"
"""The metadata of a conversation at OpenAI: whose turn was handed over last, and after which item it begins."""
ITEMS_PER_MESSAGE_MAX = 10
"""Of a long conversation only its end is read: so many items (tool calls, outputs) for each message that is wanted."""
READ_RETRIES_MAX = 2


class RunSession(Session, Protocol):
    """A Session of openai-agents that is also the checkpoint of one run."""

    @property
    def run_items(self) -> Items:
        """This run's own items so far."""
        ...

    async def checkpoint(
        self,
        session_items: Items,
        items: tuple[ItemToSave, ...],
        usage: Usage | None = None,
        *,
        agent_name: str | None = None,
        metadata: Json | None = None,
        title: str | None = None,
        conversation_status: ConversationStatus | None = None,
    ) -> None:
        """Append a finished step, what the run has used so far, the agent that goes on, changes of the conversation's
        metadata, its new title and status, fenced by epoch. Raises FencedError.
        """
        ...

    async def close_turn(self, last_items: Items) -> None:
        """The turn is about to end with these items; tell whoever else keeps the conversation."""
        ...


class StoreSession:
    """The session of one run in conversation_store: history before the run, its input, what its attempts appended."""

    session_settings: SessionSettings | None = None

    def __init__(self, store: Store, principal: Principal, claimed: RunClaimed, *, tokens_max: int) -> None:
        self.session_id = claimed.run.conversation_id
        self._store = store
        self._principal = principal
        self._claimed = claimed
        self._tokens_max = tokens_max
        self._step = claimed.next_step
        self._one_at_a_time = asyncio.Lock()
        self._items: Items = [*claimed.input, *claimed.checkpoint]

    @property
    def run_items(self) -> Items:
        """This run's own items: its input, and what its attempts appended."""
        return list(self._items)

    async def history(self) -> Items:
        """The earlier turns, cut to whole exchanges within the token budget."""
        return rules.fit_history(list(self._claimed.history), self._tokens_max)

    async def get_items(self, limit: int | None = None) -> Items:
        """History, then this run; with ``limit`` the last that many items, never half a tool call."""
        items = [*await self.history(), *self._items]
        return items if limit is None else without_orphans(items[max(0, len(items) - limit) :])

    async def add_items(self, items: Items) -> None:
        await self.checkpoint(items, ())

    async def checkpoint(
        self,
        session_items: Items,
        items: tuple[ItemToSave, ...],
        usage: Usage | None = None,
        *,
        agent_name: str | None = None,
        metadata: Json | None = None,
        title: str | None = None,
        conversation_status: ConversationStatus | None = None,
    ) -> None:
        async with self._one_at_a_time:
            await self._store.ask(
                AppendCheckpoint(
                    principal=self._principal,
                    run_id=self._claimed.run.run_id,
                    epoch=self._claimed.epoch,
                    step=self._step,
                    session_items=tuple(session_items),
                    items=items,
                    usage=usage,
                    agent_name=agent_name,
                    metadata=metadata,
                    title=title,
                    conversation_status=conversation_status,
                )
            )
            self._step += 1
            self._items.extend(session_items)

    async def close_turn(self, last_items: Items) -> None:
        """Nothing: FinishRun stores the last items."""

    async def pop_item(self) -> Any:
        """Forget the last item, and return it."""
        if not self._items:
            return None
        await self._store.ask(
            TruncateSession(principal=self._principal, conversation_id=self.session_id, items_count=1)
        )
        return self._items.pop()

    async def clear_session(self) -> None:
        """Forget everything of the conversation that the model would see."""
        await self._store.ask(TruncateSession(principal=self._principal, conversation_id=self.session_id))
        self._items.clear()
        self._claimed = self._claimed.model_copy(update={"history": ()})


class OpenaiSession(StoreSession):
    """History from OpenAI's Conversations API; the run's own steps stay durable in conversation_store meanwhile.

    A turn is handed over when it ends. Before its items are sent, the conversation's metadata say whose turn begins
    after which item. So a runner that takes over can take back what a dead attempt has sent, wherever that died, and
    hands over once what this run really ends with.
    """

    def __init__(
        self,
        store: Store,
        principal: Principal,
        claimed: RunClaimed,
        *,
        tokens_max: int,
        messages_max: int,
        client: openai.AsyncOpenAI,
    ) -> None:
        super().__init__(store, principal, claimed, tokens_max=tokens_max)
        self._writer = client  # never asks twice: items that were sent are there, whatever the answer was
        self._reader = client.with_options(max_retries=READ_RETRIES_MAX)
        self._messages_max = messages_max
        self._conversation_id = claimed.openai_conversation_id
        self._has_taken_back = claimed.epoch == 1

    async def history(self) -> Items:
        """The earlier turns: the store's where OpenAI has none of them, as on a branch that has just begun.

        Raises ModelError where OpenAI does not give them.
        """
        if self._conversation_id is None:
            return await super().history()
        try:
            await self._take_back(self._conversation_id)
            remote = OpenAIConversationsSession(conversation_id=self._conversation_id, openai_client=self._reader)
            items = cast("Items", await remote.get_items(limit=self._messages_max * ITEMS_PER_MESSAGE_MAX))
        except openai.OpenAIError as error:
            raise model_error(error) from error
        if not items:
            return await super().history()
        return rules.fit_history(rules.last_messages(items, self._messages_max), self._tokens_max)

    async def close_turn(self, last_items: Items) -> None:
        if self._conversation_id is None:
            self._conversation_id = (await self._writer.conversations.create()).id
        conversation_id = self._conversation_id
        await self._link(conversation_id)
        await self._take_back(conversation_id)
        marks = {LAST_RUN_METADATA: self._claimed.run.run_id}
        last = await self._reader.conversations.items.list(conversation_id, order="desc", limit=1)
        before = [] if last.data else await super().history()
        if last.data:
            marks[AFTER_ITEM_METADATA] = str(last.data[0].id)
        await self._reader.conversations.update(conversation_id, metadata=marks)
        remote = OpenAIConversationsSession(conversation_id=conversation_id, openai_client=self._writer)
        items = in_words([*before, *self._items, *last_items])
        await remote.add_items(cast("Items", rules.portable(items)))

    async def _link(self, conversation_id: str) -> None:
        """Keep the conversation's id beside ours. Refused to an attempt that was taken over: it must send nothing."""
        await self._store.ask(
            LinkOpenaiConversation(
                principal=self._principal,
                run_id=self._claimed.run.run_id,
                epoch=self._claimed.epoch,
                openai_conversation_id=conversation_id,
            )
        )

    async def _take_back(self, conversation_id: str) -> None:
        """Delete what an earlier attempt of this run has handed over."""
        if self._has_taken_back:
            return
        conversations = self._reader.conversations
        marks = cast("dict[str, str]", (await conversations.retrieve(conversation_id)).metadata or {})
        if marks.get(LAST_RUN_METADATA) == self._claimed.run.run_id:
            after = marks.get(AFTER_ITEM_METADATA, openai.omit)
            sent = [str(item.id) async for item in conversations.items.list(conversation_id, order="asc", after=after)]
            for item_id in sent:
                with suppress(openai.NotFoundError):  # deleted, and the answer was lost
                    await conversations.items.delete(item_id, conversation_id=conversation_id)
        self._has_taken_back = True

    async def clear_session(self) -> None:
        await super().clear_session()
        if self._conversation_id is not None:
            await self._reader.conversations.delete(self._conversation_id)
            self._conversation_id = None


def session_of(workshop: Workshop, claimed: RunClaimed, principal: Principal, history: History) -> RunSession:
    """The session that the settings ask for; without a provider the store's. ``history``: what the assistant says."""
    settings = workshop.settings
    tokens_max = history.tokens_max or settings.history_tokens_max
    client = workshop.models.client
    if settings.session == "openai" and client is not None:
        return OpenaiSession(
            workshop.store,
            principal,
            claimed,
            tokens_max=tokens_max,
            messages_max=settings.history_messages_max if history.messages_max is None else history.messages_max,
            client=client,
        )
    return StoreSession(workshop.store, principal, claimed, tokens_max=tokens_max)
