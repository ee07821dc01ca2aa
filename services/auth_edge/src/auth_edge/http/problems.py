"""What goes wrong in a request, as the problem details that it is answered with."""

from collections.abc import Mapping
from typing import Any

from actor_kit.problems import CODE_OF_STATUS, MEDIA_TYPE, STATUS, problem_json, retry_after, status_of
from contracts.errors import Code, NatterError
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from identity import InvalidToken, www_authenticate
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from auth_edge.metrics import REFUSED_TOKENS


def problem(
    request: Request,
    status: int,
    code: Code,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: str | None,
) -> Response:
    """An answer with problem details. The code also goes to the log of the request."""
    request.state.code = code
    body = problem_json(status, code, detail, request_id=getattr(request.state, "request_id", None), **members)
    return Response(body, status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of the app with problem details."""
    app.add_exception_handler(NatterError, _on_natter_error)
    app.add_exception_handler(InvalidToken, _on_invalid_token)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)


async def _on_natter_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, NatterError)
    if error.code == Code.TOKEN_REVOKED:
        return await _on_invalid_token(request, InvalidToken("token_revoked", error.detail))
    status = status_of(error)
    headers = retry_after(error.retry_after_seconds) if status in (429, 503) else {}
    return problem(request, status, error.code, error.detail, headers=headers, field=error.field)


async def _on_invalid_token(request: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidToken)
    REFUSED_TOKENS.labels(error.code).inc()
    headers = {"WWW-Authenticate": www_authenticate(error)}
    return problem(request, 401, Code.UNAUTHENTICATED, error.detail, headers=headers, reason=error.code)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(request, 422, Code.INVALID_REQUEST, "The body is not valid JSON.", field="body")
    field = ".".join(str(part) for part in first["loc"])
    return problem(request, 422, Code.INVALID_REQUEST, f"{first['msg']}.", field=field)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # the framework's word for a body that it cannot read
        return problem(request, 422, Code.INVALID_REQUEST, "The body is not valid JSON in UTF-8.", field="body")
    code = CODE_OF_STATUS.get(error.status_code, Code.INVALID_REQUEST)
    headers = _allow(request) if error.status_code == 405 else error.headers
    return problem(request, error.status_code, code, f"{error.detail}.", headers=headers)


def _allow(request: Request) -> dict[str, str]:
    """Every method of the path; the framework names those of the first route that matches."""
    path = getattr(request.scope.get("route"), "path", "")
    methods = request.app.openapi()["paths"].get(path, {"get": None})
    return {"Allow": ", ".join(sorted(method.upper() for method in methods))}


async def _on_disconnect(request: Request, _error: Exception) -> Response:
    code = Code.CLIENT_DISCONNECTED  # nobody reads it, but the log does
    return problem(request, STATUS[code], code, "The client went away.")


def full(request: Request) -> Response:
    """The answer while as many requests are inside as can be answered in time."""
    return problem(request, 503, Code.OVERLOADED, "Too many requests at once; try again.", headers=retry_after(1))


def bug(request: Request) -> Response:
    """The answer to an error that nobody foresaw."""
    return problem(request, 500, Code.INTERNAL, "Something went wrong; the log has it under the request id.")
