"""The todo assistant (``natter_todo:assistant``), and the MCP server of its tools (``natter_todo.task_tools``)."""

from typing import Any


def __getattr__(name: str) -> Any:
    """The assistant, imported when it is asked for: the task tools' process needs no SDK for agents."""
    if name == "assistant":
        from natter_todo.todo import assistant  # noqa: PLC0415

        return assistant
    raise AttributeError(name)
