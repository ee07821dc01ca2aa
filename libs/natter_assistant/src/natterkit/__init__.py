"""What an assistant on Natter is written with. An ``Agent`` of the OpenAI Agents SDK needs none of it."""

from natterkit.actions import Action, Item
from natterkit.asking import Choice, Confirm, Form, NotAnsweredError, Several, Text
from natterkit.assistant import Assistant, Bounds, ComposerTool, History, StartPrompt, ToolWords
from natterkit.chatkit_assistant import ChatKitAssistant
from natterkit.context import Context, Conversation, User
from natterkit.demo import Demo, DemoCall
from natterkit.files import Attachment, AttachmentText, read_file
from natterkit.loading import AssistantError, load_assistant
from natterkit.mcp_server import McpServer, OAuth
from natterkit.mentions import Tag
from natterkit.scheduled import Schedule
from natterkit.scheduling import schedule_request, schedule_tools
from natterkit.showing import EntitySource, FileSource, Task, UrlSource
from natterkit.tools import function_tool, is_repeatable, repeatable

__all__ = [
    "Action",
    "Assistant",
    "AssistantError",
    "Attachment",
    "AttachmentText",
    "Bounds",
    "ChatKitAssistant",
    "Choice",
    "ComposerTool",
    "Confirm",
    "Context",
    "Conversation",
    "Demo",
    "DemoCall",
    "EntitySource",
    "FileSource",
    "Form",
    "History",
    "Item",
    "McpServer",
    "NotAnsweredError",
    "OAuth",
    "Schedule",
    "Several",
    "StartPrompt",
    "Tag",
    "Task",
    "Text",
    "ToolWords",
    "UrlSource",
    "User",
    "function_tool",
    "is_repeatable",
    "load_assistant",
    "read_file",
    "repeatable",
    "schedule_request",
    "schedule_tools",
]
