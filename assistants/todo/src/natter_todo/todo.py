"""The todo assistant: an agent, its MCP server, what people see of it. It is written on natterkit alone."""

from collections.abc import Mapping
from typing import Any, cast

from agents import Agent
from natterkit import Assistant, McpServer, StartPrompt, ToolWords, schedule_request
from pydantic import JsonValue

from natter_todo.demo.planner import plan
from natter_todo.settings import Settings

settings = Settings()  # pyright: ignore[reportCallIssue]  every field has its default or its variable


def task_title(arguments: Mapping[str, Any], result: JsonValue) -> str:
    """The title of the task that a call is about, from its result or its arguments."""
    for source in (result, arguments):
        if isinstance(source, Mapping):
            fields = cast("Mapping[str, Any]", source)
            task = fields.get("task", fields)
            title = cast("Mapping[str, Any]", task).get("title") if isinstance(task, Mapping) else None
            if isinstance(title, str):
                return title
    return ""


assistant = Assistant(
    agent=Agent(name="Natter", instructions=settings.instructions, tools=[schedule_request]),  # todos remind themselves
    name="Natter",
    greeting="What needs doing?",
    start_prompts=[
        StartPrompt("Add a task", "add a task: buy milk", icon="plus"),
        StartPrompt("Show my list", "list my tasks", icon="notebook"),
        StartPrompt("Count to 20", "count to 20", icon="sparkle"),
    ],
    mcp_servers=[
        McpServer(name="tasks", url=settings.task_tools_url, sends_run_token=True, repeat="always", ask="never")
    ],
    tool_words={
        "add_task": ToolWords("Adding task", "Added task", task_title),
        "list_tasks": ToolWords("Listing tasks", "Listed tasks"),
        "complete_task": ToolWords("Completing task", "Completed task", task_title),
        "update_task": ToolWords("Updating task", "Updated task", task_title),
        "schedule_request": ToolWords("Scheduling", "Scheduled"),
        "delete_task": ToolWords("Deleting task", "Deleted task", task_title),
        "restore_task": ToolWords("Restoring task", "Restored task", task_title),
        "clear_completed_tasks": ToolWords("Clearing completed tasks", "Cleared completed tasks"),
        "restore_cleared_tasks": ToolWords("Restoring tasks", "Restored tasks"),
    },
    demo=plan,
    takes_any_file=True,  # a todo may have any
)
