"""Links to a conversation."""

from datetime import datetime

from contracts.ids import (
    ConversationId,
    ShareId,
)
from contracts.message import Body, Json, Reply
from contracts.replies.attachments import AttachmentView


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


class SharedPicture(Body):
    """The file of an item that a link shows: for who answers its reader, and not for them."""

    position: int
    attachment: AttachmentView


class SharedPage(Reply):
    """A page of what a link shows: ChatKit items, as strangers see them. ``after``: where the next page begins.

    ``pictures``: of the items that show one, by their positions; an item's id is ``item_<position>``.
    """

    title: str | None = None
    shared_at: datetime
    items: tuple[Json, ...]
    after: str | None = None
    pictures: tuple[SharedPicture, ...] = ()
