"""What the store tells where DELTAS cannot: whose a run or conversation is, and the items that have left DELTAS."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from actor_kit.bus import Bus
from contracts.errors import TerminalError
from contracts.events import RunEvent
from contracts.identity import Principal
from contracts.queries import GetConversation, GetRun, ListItems
from contracts.replies import ItemPage, RunView

from stream_relay.frames import control_block, event_block
from stream_relay.rules import END_SEQUENCE

ITEMS_PAGE: Final = 100
END_OF_STATUS: Final = {"completed": "run.completed", "failed": "run.failed", "cancelled": "run.cancelled"}


@dataclass(frozen=True)
class Stored:
    """Queries to conversation_store. Each raises what the store raises: forbidden, not_found, or RetryableError."""

    bus: Bus
    timeout_seconds: float

    async def run(self, principal: Principal, run_id: str) -> RunView:
        """Read a run of the principal's."""
        reply = await self.bus.request(GetRun(principal=principal, run_id=run_id), timeout_seconds=self.timeout_seconds)
        if principal.conversation_id not in (None, reply.run.conversation_id):
            raise TerminalError.forbidden("run")
        return reply.run

    async def resume_from(self, principal: Principal, conversation_id: str) -> int:
        """Read the place from which a conversation's stream has its active run from the start, else what is to come."""
        query = GetConversation(principal=principal, conversation_id=conversation_id)
        return (await self.bus.request(query, timeout_seconds=self.timeout_seconds)).resume_from

    async def items(
        self, principal: Principal, conversation_id: str, *, run_id: str | None = None, after: str | None = None
    ) -> ItemPage:
        """Read one page of a conversation's items in order, or of one run's."""
        query = ListItems(
            principal=principal, conversation_id=conversation_id, run_id=run_id, after=after, limit=ITEMS_PAGE
        )
        return await self.bus.request(query, timeout_seconds=self.timeout_seconds)

    async def item_blocks(
        self, principal: Principal, conversation_id: str, first: ItemPage, *, run_id: str | None = None
    ) -> AsyncGenerator[bytes]:
        """Encode a page's items as `thread.item.done`, and those of the pages after it."""
        page = first
        while True:
            for view in page.data:
                event = {"type": "thread.item.done", "item": view.item}
                yield event_block(json.dumps(event, separators=(",", ":")).encode())
            if not page.has_more or page.after is None:
                return
            page = await self.items(principal, conversation_id, run_id=run_id, after=page.after)


def end_block(run: RunView, *, is_chatkit: bool) -> bytes:
    """The terminal control frame of a run that has ended, as its runner's deltas no longer tell it."""
    if is_chatkit:
        return f"id: {END_SEQUENCE}\n\n".encode()
    event = RunEvent.model_validate(
        {
            "type": END_OF_STATUS[run.status],
            "run_id": run.run_id,
            "conversation_id": run.conversation_id,
            "epoch": run.epoch,
            "code": run.error_code,
        }
    )
    return control_block(RunEvent.event_name, event.encode(), sequence=END_SEQUENCE)
