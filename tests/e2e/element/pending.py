"""The last item of a seeded thread, where a test asks for one: what waits for the person, or for their page."""

from typing import Any

PENDING: dict[str, dict[str, Any]] = {
    "questions": {
        "type": "structured_input",
        "status": "pending",
        "inputs": [
            {
                "type": "multiple_choice",
                "id": "drink",
                "question": "What do you drink?",
                "options": [{"value": "Tea"}, {"value": "Coffee"}],
            },
            {"type": "freeform", "id": "why", "question": "Why?", "description": "In a few words."},
        ],
    },
    "client tool": {
        "type": "client_tool_call",
        "status": "pending",
        "call_id": "call_1",
        "name": "get_time",
        "arguments": {"zone": "UTC"},
    },
}
