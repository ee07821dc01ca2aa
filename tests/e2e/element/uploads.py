"""The files of the stock server: an AttachmentStore as the SDK's guide has it, and the two ways in."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from chatkit.store import AttachmentStore
from chatkit.types import (
    Attachment,
    AttachmentCreateParams,
    AttachmentUploadDescriptor,
    FileAttachment,
    ImageAttachment,
)
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.e2e.element.memory_store import MemoryStore

DESCRIPTION_HEADER = "X-Upload"


@dataclass
class Uploads(AttachmentStore[dict[str, str]]):
    """Keeps bytes in memory. The next uploads may be refused, or take their time."""

    memory: MemoryStore
    kept: dict[str, bytes] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    delay_seconds: float = 0

    def calm(self) -> None:
        """No fault is left."""
        self.statuses, self.delay_seconds = [], 0

    async def create_attachment(self, input: AttachmentCreateParams, context: dict[str, str]) -> Attachment:  # noqa: A002 - the SDK's name
        attachment_id = self.generate_attachment_id(input.mime_type, context)
        url = f"{context['origin']}/upload/{attachment_id}"
        to = AttachmentUploadDescriptor.model_validate(
            {"url": url, "method": "PUT", "headers": {DESCRIPTION_HEADER: "1"}}
        )
        return _attachment(attachment_id, input.name, input.mime_type, context["origin"], upload_descriptor=to)

    async def delete_attachment(self, attachment_id: str, context: dict[str, str]) -> None:
        self.kept.pop(attachment_id, None)

    async def put(self, request: Request) -> Response:
        """PUT /upload/{attachment_id}: the second phase."""
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.statuses:
            return JSONResponse({"code": "scripted", "detail": "The disk is full."}, self.statuses.pop(0))
        assert request.headers[DESCRIPTION_HEADER] == "1"
        self.kept[request.path_params["attachment_id"]] = await request.body()
        return Response(status_code=204)

    async def post(self, request: Request) -> Response:
        """POST /upload: a file in one request."""
        form = await request.form()
        file = form["file"]
        assert isinstance(file, UploadFile)
        mime_type = file.content_type or ""
        attachment_id = self.generate_attachment_id(mime_type, {})
        self.kept[attachment_id] = await file.read()
        attachment = _attachment(attachment_id, file.filename or "", mime_type, str(request.base_url).rstrip("/"))
        await self.memory.save_attachment(attachment, {})
        return JSONResponse(attachment.model_dump(mode="json", exclude_none=True))

    async def content(self, request: Request) -> Response:
        """GET /files/{attachment_id}."""
        attachment_id = request.path_params["attachment_id"]
        if attachment_id not in self.kept:
            return JSONResponse({"detail": "There is no such file."}, 404)
        return Response(self.kept[attachment_id], media_type=self.memory.attachments[attachment_id].mime_type)

    def routes(self) -> list[BaseRoute]:
        """Where the bytes come and go."""
        return [
            Route("/upload/{attachment_id}", self.put, methods=["PUT"]),
            Route("/upload", self.post, methods=["POST"]),
            Route("/files/{attachment_id}", self.content),
        ]


def _attachment(attachment_id: str, name: str, mime_type: str, origin: str, **more: Any) -> Attachment:
    fields = {"id": attachment_id, "name": name, "mime_type": mime_type, **more}
    if mime_type.startswith("image/"):
        return ImageAttachment.model_validate({**fields, "preview_url": f"{origin}/files/{attachment_id}"})
    return FileAttachment.model_validate(fields)
