"""Links to a conversation."""

from datetime import datetime

from contracts.ids import (
    ConversationId,
    ShareId,
)
from contracts.message import Body, Json, Reply


class ShareView(Body):
    """A link to a conversation, without its token."""

    share_id: ShareId
    conversation_id: ConversationId
    title: str | None = None
    created_at: datetime


class ShareReply(Reply):
    """One link."""

    share: ShareView


class ShareList(Reply):
    """Links, the newest first."""

    data: tuple[ShareView, ...]


class SharedPage(Reply):
    """A page of what a link shows: ChatKit items, as strangers see them. ``after``: where the next page begins."""

    title: str | None = None
    shared_at: datetime
    items: tuple[Json, ...]
    after: str | None = None
