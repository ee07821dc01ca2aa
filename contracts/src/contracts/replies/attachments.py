"""Files of a conversation."""

from datetime import datetime
from typing import Literal

from contracts.ids import (
    AttachmentId,
    ConversationId,
    FileKey,
    RunId,
)
from contracts.message import Body, Reply


class AttachmentView(Body):
    """A file of a person's, or one that a run has made. ``state``: `pending` until its bytes are there and looked at.

    ``mime_type``, ``size_bytes``: while pending what was said of it, then what it is. ``file_key``: where its bytes
    lie, ``sha256`` what they hash to; ``width``, ``height``: of a picture, in pixels. ``conversation_id``: of the
    message that shows it; absent while it waits to be sent.
    """

    attachment_id: AttachmentId
    name: str
    mime_type: str
    size_bytes: int
    state: Literal["pending", "stored"]
    source: Literal["user", "tool", "model"] = "user"
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    file_key: FileKey | None = None
    conversation_id: ConversationId | None = None
    run_id: RunId | None = None
    created_at: datetime


class AttachmentReply(Reply):
    """One attachment."""

    attachment: AttachmentView


class AttachmentPage(Reply):
    """Attachments, newest first, and what is stored of the user in all."""

    data: tuple[AttachmentView, ...]
    has_more: bool
    after: str | None = None
    bytes_stored: int = 0
    bytes_max: int | None = None
