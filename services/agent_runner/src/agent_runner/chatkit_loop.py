"""The loop of one attempt for a ChatKitServer: its ``respond()`` or ``action()`` writes, what it writes is stored."""

from collections.abc import AsyncIterator
from typing import Any

import openai
from chatkit.actions import Action
from chatkit.agents import ThreadItemConverter
from chatkit.types import (
    Attachment,
    ErrorEvent,
    StreamOptionsEvent,
    ThreadItemReplacedEvent,
    ThreadUpdatedEvent,
    UserMessageItem,
    WidgetItem,
)
from chatkit_protocol.events import item_replaced as replaced
from chatkit_protocol.reducer import Shown
from contracts.commands import ItemToSave
from contracts.errors import Code, NatterError, TerminalError
from contracts.identity import Principal
from contracts.replies import ConversationStatus, RunClaimed, Usage
from contracts.waiting import CallToDecide
from natterkit import ChatKitAssistant, Context
from natterkit.context import running

from agent_runner import rules
from agent_runner.action_loop import handles_no_actions, sender_of
from agent_runner.attachments import RunAttachments
from agent_runner.chatkit_store import CURRENT_THREAD, ConversationStore, RunThread, as_json
from agent_runner.equipment import CURRENT_PROVIDER
from agent_runner.model_errors import model_error, sentence_of
from agent_runner.models import NamedModels
from agent_runner.publisher import DeltaPublisher
from agent_runner.run_effects import RunEffects
from agent_runner.transcript import Transcript
from agent_runner.waiting_items import call_of_item
from agent_runner.workshop import Workshop

HIDDEN = frozenset({"hidden_context_item", "sdk_hidden_context"})


def serve_store(assistant: ChatKitAssistant) -> None:
    """Give a server the store that its runs are kept in."""
    if not isinstance(assistant.server.store, ConversationStore):
        assistant.server.store = ConversationStore()
    ThreadItemConverter.attachment_to_message_content = _content_of  # what it says by default is that it cannot


async def _content_of(self: ThreadItemConverter, attachment: Attachment) -> Any:  # noqa: ARG001
    """An attachment as one content part: the last one is the file, what stands before it is its name."""
    parts = await Context.current().attachment_parts(attachment.id)
    return parts[-1]


class ChatKitLoop:
    """Has the shape of an `AgentLoop`. Nothing is stored before the end: a takeover withdraws all, and begins anew."""

    def __init__(  # noqa: PLR0913 - all that an attempt is made of
        self,
        workshop: Workshop,
        assistant: ChatKitAssistant,
        claimed: RunClaimed,
        *,
        principal: Principal,
        context: Context,
        effects: RunEffects,
        publisher: DeltaPublisher,
        transcript: Transcript,
        attachments: RunAttachments,
    ) -> None:
        self.usage = claimed.run.usage or Usage()
        self.model_name: str | None = None
        self.may_go_on = False
        self._models = workshop.models
        self._assistant = assistant
        self._claimed = claimed
        self._context = context
        self._effects = effects
        self._publisher = publisher
        self._transcript = transcript
        self._thread = RunThread(claimed, principal, workshop.store, attachments, workshop.settings.public_url)
        self._shown = Shown()

    async def run(self) -> None:
        """Write the whole answer. Raises TerminalError, FencedError, and what the server raises."""
        server: Any = self._assistant.server
        thread = self._thread.thread
        make = self._assistant.make_context
        CURRENT_THREAD.set(self._thread)
        self.model_name = self._models.choose(
            self._claimed.inference_options, self._claimed.run.model, self._assistant.models
        )
        self._effects.sees = self._models.sees(self.model_name)
        CURRENT_PROVIDER.set(NamedModels(self._models, self.model_name, self._assistant.demo))
        with running(self._context):
            asked: Any = self._context if make is None else make(self._context)
            # What turns a server's events into a stream, its store and its cancelling: ChatKitServer's own.
            events = server._process_events(thread, asked, lambda: self._noting(server, asked))  # noqa: SLF001
            async for event in events:
                await self._on_event(event)
        if not self._thread.added and self._claimed.action is None and not self._claimed.decisions:
            raise TerminalError(Code.MODEL_BAD_RESPONSE, sentence_of(Code.MODEL_BAD_RESPONSE))

    def calls_to_decide(self) -> tuple[CallToDecide, ...]:
        """What the answer has ended with, that the page or a person has to give first. Their answer goes on with it."""
        if self._claimed.action is not None and self._claimed.action.is_sync:
            return ()  # its page waits for the end
        asked = [call_of_item(as_json(item)) for item in self._thread.added.values()]
        calls = [call for call in asked if call is not None]
        tools = [call.call_id for call in calls if call.kind == "client_tool"]
        return tuple(call for call in calls if call.call_id not in tools[1:])  # outputs do not say whose they are

    def _answer(self, server: Any, asked: Any) -> AsyncIterator[Any]:
        thread, action, about = self._thread.thread, self._claimed.action, self._claimed.user_item
        # The output of a tool in the page, and answers to a form, change an item: ChatKit has no message for them.
        if self._claimed.decisions:
            return server.respond(thread, None, asked)
        if action is None:
            item = (
                UserMessageItem.model_validate(self._thread.given(about))
                if about.get("type") == "user_message"
                else None
            )
            return server.respond(thread, item, asked)
        sender = sender_of(self._claimed)
        widget = None if sender is None else WidgetItem.model_validate(sender)
        done: Action[str, Any] = Action(type=action.action, payload=action.payload)
        if action.is_sync:
            return _updated_by(server.sync_action(thread, done, widget, asked))
        return server.action(thread, done, widget, asked)

    async def close(self) -> None:
        """Nothing is held open."""

    def say_instead(self, words: str) -> None:
        """These words are the answer, whatever the server has said."""
        self._transcript.say(words)
        self._thread.added.clear()

    def last_items(self, *, is_complete: bool) -> tuple[dict[str, Any], ...]:
        """What the server has written is to be stored; of an answer that was stopped, what was seen of it.

        What asks is stored with the wait.
        """
        self._effects.showing.removed |= self._thread.deleted
        about = self._claimed.user_item
        if about.get("id") in self._shown.earlier - self._thread.changed.keys() - self._thread.deleted:
            self._publisher.event(replaced(about))  # the widget that it had begun to change, when it was stopped
        for item in (as_json(item) for item in self._thread.changed.values()):
            self._transcript.keep(
                ItemToSave(message_id=item["id"], type=item["type"], content=text_of(item), item=item)
            )
        asks = {call.message_id for call in self.calls_to_decide()} if is_complete else set[str]()
        stored = [as_json(item) for item in self._thread.added.values() if item.id not in asks]
        known = {item["id"] for item in stored} | self._thread.changed.keys() | asks
        for item in stored:
            self._transcript.keep(
                ItemToSave(message_id=item["id"], type=item["type"], content=text_of(item), item=item)
            )
        for item in self._shown.whole_items():
            if item["id"] not in known:
                self._transcript.keep_or_remove(item)
        texts = [text_of(item) for item in stored if item["type"] == "assistant_message"]
        return tuple(_message(text) for text in texts if text)

    async def _noting(self, server: Any, asked: Any) -> AsyncIterator[Any]:
        try:
            async for event in self._answer(server, asked):
                yield event
        except Exception as error:
            self._thread.raised = error
            raise

    def _failure(self, event: ErrorEvent) -> NatterError:
        """The provider's failure where it was one, else the server's, with its own words for people if it has any."""
        raised = self._thread.raised
        if isinstance(raised, openai.OpenAIError):
            return model_error(raised)
        if isinstance(raised, NatterError):  # a model that nobody has
            return raised
        if isinstance(raised, NotImplementedError) and self._claimed.action is not None:
            return handles_no_actions()
        return TerminalError(Code.ASSISTANT_FAILED, event.message or sentence_of(Code.ASSISTANT_FAILED))

    async def _on_event(self, event: Any) -> None:
        if isinstance(event, StreamOptionsEvent):
            return  # the attempt has said that the answer can be stopped
        if isinstance(event, ErrorEvent):
            raise self._failure(event) from self._thread.raised
        if isinstance(event, ThreadUpdatedEvent):
            await self._on_thread()
            return
        shown: Any = as_json(event)
        self._shown.apply(shown)
        update: Any = shown.get("update") or {}
        if update.get("type") == "assistant_message.content_part.text_delta":
            self._publisher.text_delta(shown["item_id"], update["content_index"], update["delta"])
        elif shown.get("item", {}).get("type") not in HIDDEN:
            self._publisher.event(shown)
        if self._publisher.is_crowded:
            await self._publisher.flush()

    async def _on_thread(self) -> None:
        thread = self._thread.thread
        before = self._claimed.conversation
        if thread.title and (before is None or thread.title != before.title):
            await self._effects.set_title(thread.title)
        status = ConversationStatus(type=thread.status.type, reason=getattr(thread.status, "reason", None))
        if status != (self._effects.status or (before.status if before is not None else ConversationStatus())):
            await self._effects.set_status(status.type, status.reason)
        known = before.metadata if before is not None else {}
        patch = {key: value for key, value in thread.metadata.items() if known.get(key) != value}
        patch |= dict.fromkeys(known.keys() - thread.metadata.keys())
        if patch:
            await self._effects.set_metadata(rules.storable_json(patch))


async def _updated_by(answer: Any) -> AsyncIterator[Any]:
    """What a `sync_action` gives back, as the event that shows it to every viewer, and has it stored."""
    updated = (await answer).updated_item
    if updated is not None:
        yield ThreadItemReplacedEvent(item=updated)


def text_of(item: dict[str, Any]) -> str:
    """The words of an assistant's message."""
    if item["type"] != "assistant_message":
        return ""
    return "".join(str(part.get("text", "")) for part in item["content"])


def _message(text: str) -> dict[str, Any]:
    content: list[Any] = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content}
