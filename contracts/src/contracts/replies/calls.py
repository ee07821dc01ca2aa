"""What the ledger knows of a tool's call, and what a run has used."""

from typing import Literal

from pydantic import JsonValue

from contracts.ids import AttachmentId
from contracts.message import Body

RunStatus = Literal["queued", "running", "waiting", "completed", "failed", "cancelled"]

ToolCallStatus = Literal["running", "success", "failure", "interrupted", "unknown"]

"""``unknown``: it was begun, and whether it has happened cannot be told. It was not repeated."""


class ToolAttachment(Body):
    """What a tool returned beside its text. ``url``: where a link leads (http, https), or the address of an image.

    ``attachment_id``: what the image is kept as. Runs of earlier releases had none, and images as data URLs.
    """

    type: Literal["image", "link"]
    title: str
    url: str
    attachment_id: AttachmentId | None = None


class ToolCallView(Body):
    """One tool call of a run, as it is stored with the message that it belongs to; images are items of their own."""

    call_id: str
    name: str
    arguments: JsonValue = None
    status: ToolCallStatus
    result: JsonValue = None
    links: tuple[ToolAttachment, ...] = ()


class Usage(Body):
    """Tokens that a run used, as the provider counted them."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0


class LedgerEntry(Body):
    """A tool call in the ledger; one that is ``running`` was begun by the attempt ``epoch``, and not finished."""

    call_id: str
    name: str
    arguments: JsonValue = None
    status: ToolCallStatus
    result: JsonValue = None
    attachments: tuple[ToolAttachment, ...] = ()
    epoch: int = 0
