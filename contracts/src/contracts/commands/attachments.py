"""Commands about attachments: what is known of a file. Its bytes never travel here: they lie in the file store."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from contracts.identity import Principal
from contracts.ids import AttachmentId, ConversationId, FileKey, RunId
from contracts.message import Command
from contracts.replies import AttachmentReply, Done
from contracts.text import FileName

MimeType = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]{0,62}/[a-z0-9][a-z0-9.+-]{0,126}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
PixelCount = Annotated[int, Field(ge=1, le=1_000_000)]
ByteCount = Annotated[int, Field(ge=1, le=2**40)]
"""An empty file is none: there is nothing in it to show, and nothing to read."""


class CreateAttachment(Command[AttachmentReply]):
    """Make room for a file that is about to be uploaded: what is said of it, which nobody has looked at yet.

    Its size counts as stored until it is finished or swept. Errors: quota_exceeded.
    """

    subject_template: ClassVar[str] = "command.conversation_store.create_attachment"
    principal: Principal
    name: FileName
    mime_type: MimeType
    size_bytes: ByteCount
    conversation_id: ConversationId | None = None


class FinishAttachment(Command[AttachmentReply]):
    """A file has arrived whole and was looked at: from now on it is what is said here, whatever was said before.

    The first one counts. What another upload has put under another key is deleted; the reply says which key is kept.
    """

    subject_template: ClassVar[str] = "command.conversation_store.finish_attachment"
    principal: Principal
    attachment_id: AttachmentId
    file_key: FileKey
    mime_type: MimeType
    size_bytes: ByteCount
    sha256: Sha256
    width: PixelCount | None = None
    height: PixelCount | None = None


class KeepAttachment(Command[AttachmentReply]):
    """Keep a file that a run has made, and has put into the file store. The same one again is kept once.

    Errors: run_stale_epoch, run_finished, quota_exceeded.
    """

    subject_template: ClassVar[str] = "command.conversation_store.keep_attachment"
    principal: Principal
    run_id: RunId
    epoch: int
    attachment_id: AttachmentId
    file_key: FileKey
    source: Literal["tool", "model"]
    name: FileName
    mime_type: MimeType
    size_bytes: ByteCount
    sha256: Sha256
    width: PixelCount | None = None
    height: PixelCount | None = None


class DeleteAttachment(Command[Done]):
    """Delete an attachment and its file. A message that shows it goes on saying that it was there."""

    subject_template: ClassVar[str] = "command.conversation_store.delete_attachment"
    principal: Principal
    attachment_id: AttachmentId
