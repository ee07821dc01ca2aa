"""Drafts of golden examples for new messages: values that a reader recognises, by the field's name or type."""

from typing import Any

from contracts import golden
from contracts.generate.files import CONTRACTS, as_text, write
from contracts.generate.schemas import schema_of, wire_bodies
from contracts.message import Body

GOLDEN = CONTRACTS / "src" / "contracts" / "golden"
TIME = "2026-01-02T03:04:05.678901Z"
PART = {"type": "input_text", "text": "add a task: buy milk"}
BY_NAME: dict[str, Any] = {
    "user_id": "alice@example.org",
    "principal": {"user_id": "alice@example.org", "scope": "full"},
    "conversation_id": "conv_019b7e1fa5c47d3e8f1a2b3c4d5e6f70",
    "active_run_id": "run_019b7e1fa5c47d3e8f1a2b3c4d5e6f72",
    "last_run_id": "run_019b7e1fa5c47d3e8f1a2b3c4d5e6f72",
    "next_run_id": "run_019b7e1fa5c47d3e8f1a2b3c4d5e6f7a",
    "run_id": "run_019b7e1fa5c47d3e8f1a2b3c4d5e6f72",
    "message_id": "msg_019b7e1fa5c47d3e8f1a2b3c4d5e6f71",
    "edited_message_id": "msg_019b7e1fa5c47d3e8f1a2b3c4d5e6f71",
    "message_ids": ["msg_019b7e1fa5c47d3e8f1a2b3c4d5e6f71"],
    "task_id": "task_019b7e1fa5c47d3e8f1a2b3c4d5e6f73",
    "schedule_id": "sched_019b7e1fa5c47d3e8f1a2b3c4d5e6f7b",
    "cron": "0 9 * * FRI",
    "locale": "de-CH",
    "webhook_id": "hook_019b7e1fa5c47d3e8f1a2b3c4d5e6f7d",
    "url": "https://shop.example.org/natter",
    "last_error": "the receiver answered 500",
    "token_id": "st_019b7e1fa5c47d3e8f1a2b3c4d5e6f7c",
    "user_ids": ["alice@example.org"],
    "assistant_ids": ["todo"],
    "time_zone": "Europe/Zurich",
    "attachment_id": "atc_019b7e1fa5c47d3e8f1a2b3c4d5e6f7b",
    "attachments": ["atc_019b7e1fa5c47d3e8f1a2b3c4d5e6f7b"],
    "file_key": "atc_019b7e1fa5c47d3e8f1a2b3c4d5e6f7b/019b7e1fa5c47d3e8f1a2b3c4d5e6f7c",
    "mime_type": "image/png",
    "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "receipt_id": "erasure_019b7e1fa5c47d3e8f1a2b3c4d5e6f74",
    "call_id": "call_1",
    "runner_id": "runner_019b7e1fa5c47d3e8f1a2b3c4d5e6f75",
    "idempotency_key": "4b6f9a0e-0001",
    "body_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "after": "msg_019b7e1fa5c47d3e8f1a2b3c4d5e6f71",
    "openai_conversation_id": "conv_689667905b048191b4740501625afd940c7533ace33a2dab",
    "title": "buy milk",
    "description": "two bottles",
    "search": "milk",
    "zone": "Europe/Zurich",
    "recurrence": "FREQ=WEEKLY;BYDAY=FR",
    "text": "add a task: buy milk",
    "content": "Done: I added “buy milk”.",
    "assistant_id": "todo",
    "tool": "refund_order",
    "standing_name": "refund_order",
    "reason": "Not this one.",
    "answer": {"colour": "green"},
    "output": {"theme": "dark"},
    "form": {"questions": [{"id": "colour", "type": "choice", "question": "Which colour?", "options": ["green"]}]},
    "requester": {"name": "Alice", "locale": "de-CH", "time_zone": "Europe/Zurich", "claims": {"plan": "team"}},
    "agent_name": "Billing agent",
    "name": "add_task",
    "arguments": {"title": "buy milk"},
    "result": {"task_id": "task_019b7e1fa5c47d3e8f1a2b3c4d5e6f73", "title": "buy milk"},
    "metadata": {"source": "web"},
    "model": "gpt-5-mini",
    "item": {
        "id": "msg_019b7e1fa5c47d3e8f1a2b3c4d5e6f71",
        "thread_id": "conv_019b7e1fa5c47d3e8f1a2b3c4d5e6f70",
        "created_at": TIME,
        "type": "assistant_message",
        "content": [{"type": "output_text", "text": "Done: I added “buy milk”.", "annotations": []}],
    },
    "session_items": [{"type": "message", "role": "user", "content": "add a task: buy milk"}],
    "inference_options": {"model": "gpt-5-mini"},
    "error_code": "model_timeout",
    "error_detail": "The model did not answer in time.",
    "code": "not_found",
    "detail": "There is no such run.",
    "field": "title",
    "counts": {"conversations": 3, "messages": 12, "tasks": 2},
    "headers": {"Natter-Schema": "1"},
    "payload_base64": "e30=",
    "service": "agent_runner",
    "message": "RunRequested",
    "subject": "run.todo.YWxpY2U.conv_019b7e1fa5c47d3e8f1a2b3c4d5e6f70.requested",
    "epoch": 1,
    "limit": 20,
    "type": "assistant_message",
    "user_item": {
        "id": "msg_019b7e1fa5c47d3e8f1a2b3c4d5e6f71",
        "thread_id": "conv_019b7e1fa5c47d3e8f1a2b3c4d5e6f70",
        "created_at": TIME,
        "type": "user_message",
        "content": [{"type": "input_text", "text": "add a task: buy milk"}],
        "attachments": [],
        "inference_options": {},
    },
    "input": [{"role": "user", "content": "add a task: buy milk"}],
    "history": [{"role": "user", "content": "hello"}],
    "checkpoint": [
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add_task", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "added"},
    ],
    "quoted_text": "milk",
    "server": "calendar",
    "label": "Calendar",
    "sealed": "gAAAAABpZ0VBbGljZQ",
    "state_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "token_hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "share_id": "share_019b7e1fa5c47d3e8f1a2b3c4d5e6f74",
    "shared_at": TIME,
    "authorization_url": "https://id.example.org/authorize?client_id=natter&state=…",
    "scope": "events.read",
    "issuer": "https://id.example.org",
    "answers": {"colour": ["green"]},
    "message_versions": ["run_019b7e1fa5c47d3e8f1a2b3c4d5e6f70", "run_019b7e1fa5c47d3e8f1a2b3c4d5e6f72"],
    "answer_versions": ["run_019b7e1fa5c47d3e8f1a2b3c4d5e6f71", "run_019b7e1fa5c47d3e8f1a2b3c4d5e6f72"],
}
PREFERRED = {"role": "assistant", "status": ("success", "completed"), "kind": "messages"}
"""Of an enumeration, the value that makes the better example."""


def draft_missing_examples() -> None:
    """Write an example for each body that has none. Look at a draft before you commit it: it stays as it is."""
    for body in wire_bodies():
        path = GOLDEN / golden.file_name(body)
        if not path.exists():
            write(path, as_text(draft(body)))


def draft(body: type[Body]) -> Any:
    """An example that the body accepts. Raises pydantic.ValidationError where none was found."""
    schema = schema_of(body)
    value = _value("", schema, schema)
    body.model_validate(value)
    return value


def _value(name: str, schema: Any, root: Any) -> Any:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return next((value for value in schema["enum"] if value in PREFERRED.get(name, ())), schema["enum"][0])
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return _value(name, next(item for item in alternatives if item.get("type") != "null"), root)
    is_ours = "properties" in schema and name != "principal"
    if name in BY_NAME and not is_ours:
        return BY_NAME[name] if schema.get("type") != "array" or isinstance(BY_NAME[name], list) else [PART]
    return _value_by_type(name, schema, root)


def _value_by_type(name: str, schema: Any, root: Any) -> Any:
    by_type: dict[str, Any] = {
        "integer": max(1, schema.get("minimum", 1)),
        "number": max(1, schema.get("minimum", 1)),
        "boolean": False,
        "string": TIME if schema.get("format") == "date-time" else "buy milk",
    }
    if "properties" in schema:
        return {field: _value(field, inner, root) for field, inner in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_value(f"{name}[]", schema["items"], root)]
    return by_type.get(schema.get("type", ""), PART)
