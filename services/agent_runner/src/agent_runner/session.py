"""What the model saw and said: openai-agents Sessions over conversation_store, or over OpenAI's Conversations API."""

from typing import Any, Protocol, cast

import openai
from agents import OpenAIConversationsSession, SessionSettings
from agents.memory import Session
from contracts.commands import AppendCheckpoint, ItemToSave, LinkOpenaiConversation, TruncateSession
from contracts.identity import Principal
from contracts.message import Json
from contracts.replies import RunClaimed

from agent_runner import rules
from agent_runner.store import Store

Items = list[Any]
LAST_RUN_METADATA = "natter_last_run"


class RunSession(Session, Protocol):
    """A Session of openai-agents that is also the checkpoint of one run."""

    @property
    def run_items(self) -> Items:
        """This run's own items so far."""
        ...

    async def checkpoint(self, session_items: Items, items: tuple[ItemToSave, ...]) -> None:
        """Append a finished step, fenced by epoch. Raises FencedError."""
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
        return items if limit is None else rules.without_orphans(items[max(0, len(items) - limit) :])

    async def add_items(self, items: Items) -> None:
        await self.checkpoint(items, ())

    async def checkpoint(self, session_items: Items, items: tuple[ItemToSave, ...]) -> None:
        await self._store.ask(
            AppendCheckpoint(
                principal=self._principal,
                run_id=self._claimed.run.run_id,
                epoch=self._claimed.epoch,
                step=self._step,
                session_items=tuple(session_items),
                items=items,
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

    A turn is handed over when it ends. The run's id is kept in the conversation's metadata, so that a runner that
    takes over between the hand-over and the run's end does not hand it over again.
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
        self._client = client
        self._messages_max = messages_max
        self._remote = OpenAIConversationsSession(conversation_id=claimed.openai_conversation_id, openai_client=client)

    async def history(self) -> Items:
        if self._claimed.openai_conversation_id is None:
            return []
        items = cast("Items", await self._remote.get_items())
        return rules.fit_history(rules.last_messages(items, self._messages_max), self._tokens_max)

    async def close_turn(self, last_items: Items) -> None:
        conversation_id = self._claimed.openai_conversation_id or await self._create()
        conversation = await self._client.conversations.retrieve(conversation_id)
        metadata = cast("Json", conversation.metadata or {})
        if metadata.get(LAST_RUN_METADATA) == self._claimed.run.run_id:
            return
        await self._remote.add_items([*self._items, *last_items])
        await self._client.conversations.update(conversation_id, metadata={LAST_RUN_METADATA: self._claimed.run.run_id})

    async def _create(self) -> str:
        conversation = await self._client.conversations.create()
        self._remote = OpenAIConversationsSession(conversation_id=conversation.id, openai_client=self._client)
        await self._store.ask(
            LinkOpenaiConversation(
                principal=self._principal,
                run_id=self._claimed.run.run_id,
                epoch=self._claimed.epoch,
                openai_conversation_id=conversation.id,
            )
        )
        self._claimed = self._claimed.model_copy(update={"openai_conversation_id": conversation.id})
        return conversation.id

    async def clear_session(self) -> None:
        await super().clear_session()
        await self._remote.clear_session()
