"""Function tools, and what a runner may do with a call of one whose runner died."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

import agents
from agents import FunctionTool

_REPEATABLE = "natter_repeatable"
Tool = TypeVar("Tool", bound=FunctionTool)
ToolFunction = Callable[..., Any]


def repeatable(tool: Tool) -> Tool:
    """Say that a call of this tool may be executed again when nobody knows whether it has happened.

    True of a tool that only reads, and of one that hands on `Context.call_id` as idempotency key.
    """
    setattr(tool, _REPEATABLE, True)
    return tool


def is_repeatable(tool: FunctionTool) -> bool:
    """Whether the tool says so."""
    return bool(getattr(tool, _REPEATABLE, False))


@overload
def function_tool(function: ToolFunction, /) -> FunctionTool: ...


@overload
def function_tool(*, repeatable: bool = False, **options: Any) -> Callable[[ToolFunction], FunctionTool]: ...


def function_tool(
    function: ToolFunction | None = None, /, *, repeatable: bool = False, **options: Any
) -> FunctionTool | Callable[[ToolFunction], FunctionTool]:
    """``agents.function_tool`` with one option more: ``repeatable``, see the function of that name."""

    def make(function: ToolFunction) -> FunctionTool:
        tool = agents.function_tool(function, **options)
        setattr(tool, _REPEATABLE, repeatable)
        return tool

    return make if function is None else make(function)
