# ruff: noqa: ARG002 - the signatures are those of chatkit.store.Store
"""The Store of a ChatKitServer: the conversation of the run that it answers, kept by conversation_store."""

from contextvars import ContextVar
from typing import Any

from chatkit.store import NotFoundError, Store
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata, ThreadStatus
from chatkit_protocol import items
from contracts.identity import Principal
from contracts.ids import new_id, new_message_id
from contracts.queries import ListItems
from contracts.replies import ConversationStatus, RunClaimed
from pydantic import TypeAdapter

from agent_runner import rules
from agent_runner.attachments import RunAttachments
from agent_runner.store import Store as Asked

CURRENT_THREAD: ContextVar["RunThread | None"] = ContextVar("agent_runner_thread", default=None)
PAGE_ITEMS_MAX = 100
PAGES_MAX = 20
PICTURES_MAX = 8
"""The newest, of which a server gets the bytes."""
_ITEM: TypeAdapter[Any] = TypeAdapter(ThreadItem)
_STATUS: TypeAdapter[Any] = TypeAdapter(ThreadStatus)
_ATTACHMENT: TypeAdapter[Any] = TypeAdapter(Attachment)


class RunThread:
    """The thread of one run: what is stored, and what the run adds to it, which is stored with its end."""

    def __init__(
        self, claimed: RunClaimed, principal: Principal, store: Asked, attachments: RunAttachments, public_url: str
    ) -> None:
        self.added: dict[str, Any] = {}
        """Items of this run by id, as the server wrote them."""
        self.changed: dict[str, Any] = {}
        """Items of earlier turns as the server has changed them, which is stored with the run's end."""
        self.deleted: set[str] = set()
        """Those that it has deleted."""
        self.raised: Exception | None = None
        """What ended the server's answer: of it the server itself says no more than that there was an error."""
        self._conversation_id = claimed.run.conversation_id
        self._principal = principal
        self._store = store
        self._attachments = attachments
        self._public_url = public_url.rstrip("/")
        self._pictures_count = 0
        conversation = claimed.conversation
        self.thread = ThreadMetadata(
            id=self._conversation_id,
            title=conversation.title if conversation else None,
            created_at=conversation.created_at if conversation else claimed.run.created_at,
            metadata=conversation.metadata if conversation else {},
            status=_STATUS.validate_python(
                (conversation.status if conversation else ConversationStatus()).model_dump()
            ),
        )

    def check(self, thread_id: str) -> None:
        """A server sees the conversation that it answers in, and no other."""
        if thread_id != self._conversation_id:
            raise NotFoundError(f"Thread {thread_id} is not the one of this run.")

    async def save(self, item: Any) -> None:
        """Keep an item of this run, or of an earlier turn, as it is now."""
        is_earlier = item.id not in self.added and await self._is_stored(item.id)
        (self.changed if is_earlier else self.added)[item.id] = item

    async def delete(self, item_id: str) -> None:
        """Forget an item of this run, or of an earlier turn."""
        if self.added.pop(item_id, None) is None and await self._is_stored(item_id):
            self.changed.pop(item_id, None)
            self.deleted.add(item_id)

    async def attachment(self, attachment_id: str) -> dict[str, Any] | None:
        """An attachment of the user's as ChatKit shows it."""
        view = await self._attachments.view(attachment_id)
        if view is None:
            return None
        return self._with_whole_address(items.attachment(view, self._principal.user_id, view.conversation_id))

    def given(self, item: dict[str, Any]) -> dict[str, Any]:
        """An item as ChatKit's own types take it: with whole addresses of pictures."""
        attached: list[dict[str, Any]] = item.get("attachments") or []
        return {**item, "attachments": [self._with_whole_address(one) for one in attached]} if attached else item

    def _with_whole_address(self, attachment: dict[str, Any]) -> dict[str, Any]:
        address = str(attachment.get("preview_url") or "")
        return {**attachment, "preview_url": f"{self._public_url}{address}"} if address.startswith("/") else attachment

    async def _is_stored(self, item_id: str) -> bool:
        return any(item.id == item_id for item in await self._stored())

    async def items(self, after: str | None, limit: int, order: str) -> Page[Any]:
        """A page of the thread, with what this run has added at its end."""
        earlier = [self.changed.get(one.id, one) for one in await self._stored() if one.id not in self.deleted]
        stored = [*earlier, *self.added.values()]
        if order == "desc":
            stored.reverse()
        start = next((at + 1 for at, item in enumerate(stored) if item.id == after), 0)
        data = stored[start : start + limit]
        has_more = start + limit < len(stored)
        return Page(data=data, has_more=has_more, after=data[-1].id if data and has_more else None)

    async def _stored(self) -> list[Any]:
        """What is stored of the thread, oldest first; of a very long one its end."""
        found: list[Any] = []
        self._pictures_count = 0
        after: str | None = None
        for _ in range(PAGES_MAX):
            page = await self._store.ask(
                ListItems(
                    principal=self._principal,
                    conversation_id=self._conversation_id,
                    limit=PAGE_ITEMS_MAX,
                    after=after,
                    order="desc",
                )
            )
            found += [_ITEM.validate_python(self.given(await self._with_picture(view.item))) for view in page.data]
            after = page.after
            if not page.has_more:
                break
        return found[::-1]

    async def _with_picture(self, item: dict[str, Any]) -> dict[str, Any]:
        """A picture of ours with its bytes: its address opens for its user's page, and for no model's provider."""
        image: dict[str, Any] = item.get("image") or {}
        url, attachment_id = str(image.get("url", "")), str(image.get("id", ""))
        if url != items.attachment_url(self._principal.user_id, attachment_id) or self._pictures_count >= PICTURES_MAX:
            return item
        self._pictures_count += 1
        data_url = await self._attachments.data_url(attachment_id)
        return item if data_url is None else {**item, "image": {**image, "url": data_url}}


class ConversationStore(Store[Any]):
    """Asks the thread of the run that is current: one object serves every run of a server."""

    def generate_thread_id(self, context: Any) -> str:
        return new_id("conv")

    def generate_item_id(self, item_type: Any, thread: ThreadMetadata, context: Any) -> str:
        return new_message_id()

    async def load_thread(self, thread_id: str, context: Any) -> ThreadMetadata:
        current = _current(thread_id)
        return current.thread

    async def save_thread(self, thread: ThreadMetadata, context: Any) -> None:
        _current(thread.id).thread = thread

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: Any
    ) -> Page[Any]:
        return await _current(thread_id).items(after, limit, order)

    async def add_thread_item(self, thread_id: str, item: Any, context: Any) -> None:
        _current(thread_id).added[item.id] = item

    async def save_item(self, thread_id: str, item: Any, context: Any) -> None:
        await _current(thread_id).save(item)

    async def load_item(self, thread_id: str, item_id: str, context: Any) -> Any:
        page = await _current(thread_id).items(None, PAGE_ITEMS_MAX * PAGES_MAX, "asc")
        for item in page.data:
            if item.id == item_id:
                return item
        raise NotFoundError(f"Item {item_id} not found.")

    async def delete_thread_item(self, thread_id: str, item_id: str, context: Any) -> None:
        await _current(thread_id).delete(item_id)

    async def load_threads(self, limit: int, after: str | None, order: str, context: Any) -> Page[ThreadMetadata]:
        current = CURRENT_THREAD.get()
        return Page(data=[current.thread] if current else [])

    async def delete_thread(self, thread_id: str, context: Any) -> None:
        raise NotImplementedError("A conversation is deleted by its user, not by an assistant.")

    async def save_attachment(self, attachment: Attachment, context: Any) -> None:
        """Nothing: it was kept when it was uploaded."""

    async def load_attachment(self, attachment_id: str, context: Any) -> Attachment:
        thread = CURRENT_THREAD.get()
        shown = None if thread is None else await thread.attachment(attachment_id)
        if shown is None:
            raise NotFoundError(f"Attachment {attachment_id} not found.")
        return _ATTACHMENT.validate_python(shown)

    async def delete_attachment(self, attachment_id: str, context: Any) -> None:
        raise NotImplementedError("An attachment is deleted by its user, not by an assistant.")


def _current(thread_id: str) -> RunThread:
    thread = CURRENT_THREAD.get()
    if thread is None:
        raise NotFoundError("There is no run: the store of a ChatKitServer is for what it does in one.")
    thread.check(thread_id)
    return thread


def as_json(value: Any) -> dict[str, Any]:
    """A model of ChatKit as it goes over the wire, and into Postgres."""
    return rules.storable_json(value.model_dump(mode="json", by_alias=True, exclude_none=True))
