"""Errors as problem details (RFC 9457): one shape for every error, a status for every code."""

import math
from collections.abc import Mapping
from typing import Any, Final

from contracts.errors import Code, NatterError, RetryableError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from identity import InvalidToken, KeysUnavailable, www_authenticate
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from auth_edge.metrics import REFUSED_TOKENS

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[Mapping[Code, int]] = {
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.INVALID_REQUEST: 422,
    Code.IDEMPOTENCY_KEY_REUSED: 422,
    Code.MODEL_NOT_ALLOWED: 422,
    Code.NOT_SUPPORTED: 400,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.CONVERSATION_BUSY: 409,
    Code.CONVERSATION_LOCKED: 409,
    Code.RUN_FINISHED: 409,
    Code.RUN_STALE_EPOCH: 409,
    Code.RUN_LEASED: 409,
    Code.RATE_LIMITED: 429,
    Code.TOO_MANY_RUNS: 429,
    Code.TOO_MANY_STREAMS: 429,
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
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_CODE_OF_STATUS: Final = {
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    408: Code.DEADLINE_EXCEEDED,
    413: Code.PAYLOAD_TOO_LARGE,
}


class Problem(BaseModel):
    """Problem details (RFC 9457). `code` is stable; `detail` is for developers and may change."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    code: str = Field(description="What happened, stable for ever.", examples=["invalid_request"])
    detail: str = Field(examples=["The message is empty."])
    field: str | None = Field(None, description="The part of the request that is wrong.", examples=["body.message"])
    reason: str | None = Field(
        None, description="For `unauthenticated`: what is wrong with the token.", examples=["token_expired"]
    )
    request_id: str | None = Field(None, description="To look for in the logs; also in X-Request-Id.")


def status_of(error: NatterError) -> int:
    """The status of an error: by its code, else 503 if asking again may help, else 500."""
    return STATUS.get(error.code, 503 if isinstance(error, RetryableError) else 500)


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> JSONResponse:
    """An answer with problem details. The code also goes to the log of the request."""
    request.state.code = code
    body = Problem(
        title=TITLES.get(status, "Error"),
        status=status,
        code=code,
        detail=detail,
        request_id=getattr(request.state, "request_id", None),
        **members,
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of the app with problem details."""
    app.add_exception_handler(NatterError, _on_natter_error)
    app.add_exception_handler(InvalidToken, _on_invalid_token)
    app.add_exception_handler(KeysUnavailable, _on_keys_unavailable)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)


def retry_after(seconds: float | None) -> dict[str, str]:
    """Retry-After in whole seconds, at least 1 (RFC 9110, 10.2.3)."""
    return {"Retry-After": str(max(1, math.ceil(seconds or 1)))}


async def _on_natter_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, NatterError)
    status = status_of(error)
    headers = retry_after(error.retry_after_seconds) if status in (429, 503) else {}
    return problem(request, status, error.code, error.detail, headers=headers, field=error.field)


async def _on_invalid_token(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, InvalidToken)
    REFUSED_TOKENS.labels(error.code).inc()
    headers = {"WWW-Authenticate": www_authenticate(error)}
    return problem(request, 401, Code.UNAUTHENTICATED, error.detail, headers=headers, reason=error.code)


async def _on_keys_unavailable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, KeysUnavailable)
    headers = retry_after(error.retry_after_seconds)
    return problem(request, 503, error.code, error.detail, headers=headers)


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(request, 422, Code.INVALID_REQUEST, "The body is not valid JSON.", field="body")
    field = ".".join(str(part) for part in first["loc"])
    return problem(request, 422, Code.INVALID_REQUEST, f"{first['msg']}.", field=field)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # the framework's word for a body that it cannot read
        return problem(request, 422, Code.INVALID_REQUEST, "The body is not valid JSON in UTF-8.", field="body")
    code = _CODE_OF_STATUS.get(error.status_code, Code.INVALID_REQUEST)
    headers = _allow(request) if error.status_code == 405 else error.headers
    return problem(request, error.status_code, code, f"{error.detail}.", headers=headers)


def _allow(request: Request) -> dict[str, str]:
    """Every method of the path; the framework names those of the first route that matches."""
    path = getattr(request.scope.get("route"), "path", "")
    methods = request.app.openapi()["paths"].get(path, {"get": None})
    return {"Allow": ", ".join(sorted(method.upper() for method in methods))}


async def _on_disconnect(request: Request, _error: Exception) -> JSONResponse:
    return problem(request, 408, "client_disconnected", "The client went away.")  # nobody reads it, but the log does


def full(request: Request) -> JSONResponse:
    """The answer while as many requests are inside as can be answered in time."""
    return problem(request, 503, "overloaded", "Too many requests at once; try again.", headers=retry_after(1))


def bug(request: Request) -> JSONResponse:
    """The answer to an error that nobody foresaw."""
    return problem(request, 500, Code.INTERNAL, "Something went wrong; the log has it under the request id.")
