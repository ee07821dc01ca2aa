"""The model's history (items of the Responses API): what belongs together in it, and where a window of it may begin."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

Item = Mapping[str, Any]
ItemT = TypeVar("ItemT", bound=Item)

OUTPUT_OF_CALL: Final = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "computer_call": "computer_call_output",
    "local_shell_call": "local_shell_call_output",
    "shell_call": "shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
}
"""Calls that are executed here: each must be followed by its output. Those of the provider's own tools need none."""
OUTPUTS: Final = frozenset(OUTPUT_OF_CALL.values())


ATTACHMENT_REFERENCE: Final = "natter:"
"""What stands before an attachment's id where an item refers to it: no bytes are ever stored in a history."""


def attachment_reference(attachment_id: str) -> dict[str, Any]:
    """A content part that stands for an attachment."""
    return {"type": "input_file", "file_id": f"{ATTACHMENT_REFERENCE}{attachment_id}"}


def referred_attachment(part: Item) -> str | None:
    """The attachment that a content part stands for."""
    file_id = part.get("file_id")
    if part.get("type") != "input_file" or not isinstance(file_id, str):
        return None
    return file_id.removeprefix(ATTACHMENT_REFERENCE) if file_id.startswith(ATTACHMENT_REFERENCE) else None


def is_message(item: Item) -> bool:
    """Whether an item is a message, not a tool call, its output or a thought. A history is counted in them."""
    return item.get("type", "message" if "role" in item else None) == "message"


def is_user_message(item: Item) -> bool:
    """Whether a user said it: where an exchange begins."""
    return item.get("role") == "user" and is_message(item)


def whole_window(items: Sequence[ItemT], following: Sequence[Item] = ()) -> list[ItemT]:
    """Leave out of a conversation's last items what a model would refuse.

    The result begins with a user's message if there is one, and is `without_orphans`.
    """
    start = next((at for at, item in enumerate(items) if is_user_message(item)), 0)
    return without_orphans(items[start:], following)


def without_orphans(items: Sequence[ItemT], following: Sequence[Item] = ()) -> list[ItemT]:
    """Leave out calls without an output after them, and outputs without a call before them.

    The reasoning that led to such a call goes with it: providers refuse one without the other. ``following`` are the
    items that come next: a call may have its output among them.
    """
    paired = _paired([*items, *following])
    kept: list[ItemT] = []
    for at, item in enumerate(items):
        kind = item.get("type")
        if at in paired or not (kind in OUTPUT_OF_CALL or kind in OUTPUTS):
            kept.append(item)
        elif kind in OUTPUT_OF_CALL:
            while kept and kept[-1].get("type") == "reasoning":
                kept.pop()
    return kept


def _paired(items: Sequence[Item]) -> set[int]:
    """The positions of calls and of the outputs that answer them."""
    paired: set[int] = set()
    calls: dict[tuple[str, object], int] = {}
    for at, item in enumerate(items):
        kind = str(item.get("type"))
        if kind in OUTPUT_OF_CALL:
            calls[OUTPUT_OF_CALL[kind], item.get("call_id")] = at
        elif kind in OUTPUTS and (call_at := calls.pop((kind, item.get("call_id")), None)) is not None:
            paired |= {call_at, at}
    return paired
