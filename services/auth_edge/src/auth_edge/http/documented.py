"""The words of the OpenAPI document that the routes' signatures do not say: errors, headers, ChatKit's bodies."""

from typing import Any, Final

from actor_kit.problems import MEDIA_TYPE, TITLES
from fastapi.routing import APIRoute


def operation_id(route: APIRoute) -> str:
    """The name of an operation in the document, and in clients that are made from it: that of its function."""
    return route.name


Responses = dict[int | str, dict[str, Any]]

PROBLEM_EXAMPLES: Final[dict[int, tuple[str, str, str]]] = {
    400: ("Not supported", "not_supported", "Dictation is not supported."),
    401: ("No, bad or expired token", "unauthenticated", "send Authorization: Bearer <token>"),
    403: ("Another user's, or not for this token", "forbidden", "This conversation belongs to another user."),
    404: ("Unknown", "not_found", "There is no such conversation."),
    408: ("The body took too long", "deadline_exceeded", "The body took too long to arrive."),
    409: ("The conversation is being answered", "conversation_busy", "A run is active."),
    413: ("The body is too large", "payload_too_large", "A request body has at most 1048576 bytes."),
    415: (
        "This kind of file is not taken",
        "attachment_type_not_allowed",
        "Files of this type are not taken.",
    ),
    416: ("There is no such part", "invalid_request", "There is no such part."),
    422: ("The request is invalid; the field is named", "invalid_request", "The message is empty."),
    429: ("Too much; see Retry-After", "rate_limited", "At most 1200 requests a minute."),
    503: ("The store or the bus is away; see Retry-After", "store_unavailable", "Nobody answers right now."),
}
GUARDED_STATUSES: Final = (401, 403, 408, 413, 422, 429, 503)
"""What every route under /api/{user_id} may answer."""

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "Content-Disposition": {
        "description": "Shown or saved, and its name.",
        "schema": {"type": "string"},
    },
    "Content-Range": {"description": "Which part of how much it is.", "schema": {"type": "string"}},
    "ETag": {"description": "The SHA-256 of the file.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "true: the same key and body came before, and this is that run.",
        "schema": {"type": "string", "enum": ["true", "false"]},
    },
    "Location": {"description": "Where the result is.", "schema": {"type": "string"}},
    "Natter-Active-Run": {"description": "The run that is under way, if any.", "schema": {"type": "string"}},
    "Natter-Conversation": {"description": "The conversation (ChatKit: thread).", "schema": {"type": "string"}},
    "Natter-Resume-From": {
        "description": "The Last-Event-ID with which a stream leaves no hole after this answer.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Natter-Run": {"description": "The run that answers.", "schema": {"type": "string"}},
    "RateLimit": {
        "description": "Requests left (r), and seconds until there are more (t).",
        "schema": {"type": "string"},
        "example": '"requests";r=1199;t=42',
    },
    "RateLimit-Policy": {
        "description": "The budget (q) for each window of w seconds.",
        "schema": {"type": "string"},
        "example": '"requests";q=1200;w=60',
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
    "WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}, "example": 'Bearer realm="natter"'},
    "X-Robots-Tag": {"description": "No search engine is to keep it.", "schema": {"type": "string"}},
    "X-Request-Id": {"description": "To look for in the logs.", "schema": {"type": "string"}},
}
_HEADERS_OF_STATUS: Final = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def header_references(*names: str) -> dict[str, Any]:
    """References to `components.headers`."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def with_headers(*names: str) -> dict[str, Any]:
    """A response that carries these headers."""
    return {"headers": header_references(*names)}


def problems(*statuses: int) -> Responses:
    """Responses with problem details."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    description, code, detail = PROBLEM_EXAMPLES[status]
    example = {"type": "about:blank", "title": TITLES[status], "status": status, "code": code, "detail": detail}
    return {
        "description": description,
        "headers": header_references(*_HEADERS_OF_STATUS.get(status, ())),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }


CHATKIT_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/ChatKitRequest"},
                "examples": {
                    "create": {
                        "summary": "Begin a thread",
                        "value": {
                            "type": "threads.create",
                            "params": {
                                "input": {
                                    "content": [{"type": "input_text", "text": "add a task: buy milk"}],
                                    "attachments": [],
                                    "inference_options": {},
                                }
                            },
                        },
                    },
                    "list": {"summary": "List threads", "value": {"type": "threads.list", "params": {"limit": 20}}},
                },
            }
        },
    }
}
CHATKIT_ANSWER: Final[dict[str, Any]] = {
    "description": "The answer of a JSON operation: a thread, a page of threads or items, or an empty object.",
    "headers": header_references("Natter-Active-Run", "Natter-Resume-From"),
    "content": {"application/json": {"schema": {"type": "object"}, "example": {"data": [], "has_more": False}}},
}
SEE_OTHER: Final[dict[str, Any]] = {
    "description": "A streaming operation: its events are at Location (server-sent events).",
    "headers": header_references("Location", "Natter-Run", "Natter-Conversation", "Idempotency-Replayed"),
}
