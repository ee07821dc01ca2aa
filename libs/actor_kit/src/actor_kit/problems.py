"""Errors over HTTP as problem details (RFC 9457): one shape for every error, one status for every code."""

import math
from collections.abc import Mapping
from typing import Final

from contracts.errors import Code, NatterError, RetryableError
from pydantic import BaseModel, Field

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[Mapping[Code, int]] = {
    Code.UNAUTHENTICATED: 401,
    Code.TOKEN_REVOKED: 401,
    Code.PROOF_REFUSED: 500,
    Code.FORBIDDEN: 403,
    Code.OPERATOR_ONLY: 403,
    Code.QUOTA_EXCEEDED: 403,
    Code.USAGE_EXCEEDED: 429,
    Code.NOT_FOUND: 404,
    Code.ITEM_GONE: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.INVALID_REQUEST: 422,
    Code.IDEMPOTENCY_KEY_REUSED: 422,
    Code.MODEL_NOT_ALLOWED: 422,
    Code.MODEL_REJECTED_REQUEST: 422,
    Code.ASSISTANT_UNKNOWN: 422,
    Code.NOT_SUPPORTED: 400,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.CONVERSATION_BUSY: 409,
    Code.CONVERSATION_LOCKED: 409,
    Code.ASSISTANT_NOT_SERVED: 409,
    Code.RUN_FINISHED: 409,
    Code.RUN_STALE_EPOCH: 409,
    Code.RUN_LEASED: 409,
    Code.RUN_WAITING: 409,
    Code.DECISION_TAKEN: 409,
    Code.ATTACHMENT_UNFINISHED: 409,
    Code.ATTACHMENT_IN_USE: 409,
    Code.ATTACHMENT_NOT_READABLE: 422,
    Code.ATTACHMENT_TYPE_NOT_ALLOWED: 415,
    Code.ATTACHMENT_UNREADABLE: 422,
    Code.ATTACHMENT_REFUSED: 422,
    Code.RATE_LIMITED: 429,
    Code.TOO_MANY_RUNS: 429,
    Code.TOO_MANY_STREAMS: 429,
    Code.CLIENT_DISCONNECTED: 408,
    Code.ASSISTANT_FAILED: 502,
    Code.WEBHOOK_FAILED: 502,
    Code.MODEL_REFUSED_KEY: 502,
    Code.MODEL_BAD_RESPONSE: 502,
    Code.ACTION_UNFINISHED: 504,
    Code.OVERLOADED: 503,
    Code.IDENTITY_UNAVAILABLE: 503,
    Code.UNKNOWN_MESSAGE: 503,
}
TITLES: Final[Mapping[int, str]] = {  # RFC 9110; the words of http.HTTPStatus change with the version of Python
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
CODE_OF_STATUS: Final[Mapping[int, Code]] = {
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    408: Code.DEADLINE_EXCEEDED,
    413: Code.PAYLOAD_TOO_LARGE,
}
"""For errors of a web framework, which knows statuses only; any other is `invalid_request`."""


class Problem(BaseModel):
    """Problem details (RFC 9457). `code` is stable; `detail` is for developers and may change."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    code: str = Field(
        description="What happened, stable for ever. Expect codes that are newer than this list.",
        examples=["invalid_request"],
        json_schema_extra={"x-extensible-enum": [code.value for code in Code]},
    )
    detail: str = Field(examples=["The message is empty."])
    field: str | None = Field(None, description="The part of the request that is wrong.", examples=["body.message"])
    reason: str | None = Field(
        None, description="For `unauthenticated`: what is wrong with the token.", examples=["token_expired"]
    )
    request_id: str | None = Field(None, description="To look for in the logs; also in X-Request-Id.")


def problem_json(status: int, code: Code, detail: str, **members: str | None) -> bytes:
    """The body of an error's answer. `members`: `field`, `reason`, `request_id`; what is None is left out."""
    fields = {"title": TITLES.get(status, "Error"), "status": status, "code": code, "detail": detail, **members}
    return Problem.model_validate(fields).model_dump_json(exclude_none=True).encode()


def status_of(error: NatterError) -> int:
    """The status of an error: by its code, else 503 if asking again may help, else 500."""
    return STATUS.get(error.code, 503 if isinstance(error, RetryableError) else 500)


def retry_after(seconds: float | None) -> dict[str, str]:
    """Retry-After in whole seconds, at least 1 (RFC 9110, 10.2.3)."""
    return {"Retry-After": str(max(1, math.ceil(seconds or 1)))}
