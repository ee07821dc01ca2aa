"""What the scripted assistant answers: one generator per phrase, so that a test can ask for exactly what it checks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from itertools import count
from typing import Any

from chatkit.errors import CustomStreamError
from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartAnnotationAdded,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ClientEffectEvent,
    ClientToolCallItem,
    ClosedStatus,
    CustomSummary,
    CustomTask,
    DurationSummary,
    FileSource,
    GeneratedImage,
    GeneratedImageItem,
    LockedStatus,
    NoticeEvent,
    ProgressUpdateEvent,
    SearchTask,
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    Task,
    ThoughtTask,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    URLSource,
    WidgetItem,
    Workflow,
    WorkflowItem,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
)
from chatkit.widgets import Card, Text

WORD_DELAY_SECONDS = 0.005
COUNT_DELAY_SECONDS = 0.015
"""Counting is slow: tests do things in the middle of it."""
MOMENT_SECONDS = 1.5
"""How long a passing state stays: long enough to be seen on a busy machine."""
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

MARKDOWN = """# A heading

Some **bold**, *italic*, ~~struck~~ and `inline` text with a [link](https://example.com/page) and https://auto.link.

- first
- second
  - nested
- [x] done
- [ ] open

1. one
2. two

> quoted

| Name | Price |
| :--- | ---: |
| Tea | 3.50 |

```python
def greet(name: str) -> str:
    return f"hello {name}"
```

The end.
"""

_numbers = iter(count(1))


def restart_numbers() -> None:
    """Count ids from the start again: two recordings of the same phrase are equal."""
    global _numbers  # noqa: PLW0603 - the ids of the whole process come from here
    _numbers = iter(count(1))


def new_id(prefix: str) -> str:
    """A counted id."""
    return f"{prefix}_{next(_numbers):06d}"


def _base(thread: ThreadMetadata, prefix: str) -> dict[str, Any]:
    return {"id": new_id(prefix), "thread_id": thread.id, "created_at": datetime.now()}  # noqa: DTZ005 - as the SDK does


def delay_of(phrase: str, word_delay_seconds: float) -> float:
    """How long after each word of the answer to a phrase."""
    return COUNT_DELAY_SECONDS if phrase.startswith("count to ") and word_delay_seconds else word_delay_seconds


def words_of(text: str) -> list[str]:
    """The text in the pieces in which it streams."""
    return text.replace(" ", " \0").split("\0")


async def stream_text(
    thread: ThreadMetadata, text: str, delay_seconds: float, annotations: list[Annotation] | None = None
) -> AsyncIterator[ThreadStreamEvent]:
    """The events of one assistant message, a word at a time."""
    item = AssistantMessageItem(content=[], **_base(thread, "msg"))
    yield ThreadItemAddedEvent(item=item)
    part = AssistantMessageContent(text="", annotations=[])
    yield ThreadItemUpdatedEvent(
        item_id=item.id, update=AssistantMessageContentPartAdded(content_index=0, content=part)
    )
    for word in words_of(text):
        update = AssistantMessageContentPartTextDelta(content_index=0, delta=word)
        yield ThreadItemUpdatedEvent(item_id=item.id, update=update)
        await asyncio.sleep(delay_seconds)
    for index, annotation in enumerate(annotations or []):
        added = AssistantMessageContentPartAnnotationAdded(
            content_index=0, annotation_index=index, annotation=annotation
        )
        yield ThreadItemUpdatedEvent(item_id=item.id, update=added)
    content = AssistantMessageContent(text=text, annotations=annotations or [])
    yield ThreadItemUpdatedEvent(
        item_id=item.id, update=AssistantMessageContentPartDone(content_index=0, content=content)
    )
    yield ThreadItemDoneEvent(item=item.model_copy(update={"content": [content]}))


async def tools(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
    """Three tool calls: one succeeds, one fails, one is interrupted."""
    tasks: list[Task] = [CustomTask(title="Add “milk”", icon="write", status_indicator="loading")]
    item = WorkflowItem(workflow=Workflow(type="custom", tasks=tasks), **_base(thread, "wf"))
    yield ThreadItemAddedEvent(item=item.model_copy(deep=True))
    await asyncio.sleep(MOMENT_SECONDS)
    ends = [
        CustomTask(
            title="Add “milk”",
            icon="check-circle-filled",
            status_indicator="complete",
            content='Arguments\n\n```json\n{"title": "milk"}\n```\n\nResult: task_7 was added.',
        ),
        CustomTask(title="Find “eggs”", icon="info", status_indicator="complete", content="The list is not there."),
        CustomTask(title="Clear the list", icon="circle-question", status_indicator="none"),
    ]
    for index, end in enumerate(ends):
        if index > 0:
            loading = CustomTask(title=end.title, status_indicator="loading")
            yield ThreadItemUpdatedEvent(item_id=item.id, update=WorkflowTaskAdded(task=loading, task_index=index))
            await asyncio.sleep(0.05)
        yield ThreadItemUpdatedEvent(item_id=item.id, update=WorkflowTaskUpdated(task=end, task_index=index))
    workflow = Workflow(type="custom", tasks=list(ends), summary=CustomSummary(title="Used 3 tools", icon="bolt"))
    yield ThreadItemDoneEvent(item=item.model_copy(update={"workflow": workflow}))
    async for event in stream_text(thread, "Milk is on the list.", WORD_DELAY_SECONDS):
        yield event


async def hanging_tool(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
    """A tool call that runs until somebody stops it."""
    tasks: list[Task] = [CustomTask(title="Wait for ever", status_indicator="loading")]
    yield ThreadItemAddedEvent(item=WorkflowItem(workflow=Workflow(type="custom", tasks=tasks), **_base(thread, "wf")))
    await asyncio.sleep(60)


async def reasoning(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
    """A reasoning workflow with a thought, a search and its duration."""
    thought = ThoughtTask(title="Reading the question", content="The person wants **tea**.")
    item = WorkflowItem(workflow=Workflow(type="reasoning", tasks=[]), **_base(thread, "wf"))
    yield ThreadItemAddedEvent(item=item)
    yield ThreadItemUpdatedEvent(item_id=item.id, update=WorkflowTaskAdded(task=thought, task_index=0))
    source = URLSource(title="All about tea", url="https://example.com/tea")
    search = SearchTask(
        title_query="tea near me", queries=["tea near me"], sources=[source], status_indicator="complete"
    )
    yield ThreadItemUpdatedEvent(item_id=item.id, update=WorkflowTaskAdded(task=search, task_index=1))
    await asyncio.sleep(MOMENT_SECONDS)
    workflow = Workflow(type="reasoning", tasks=[thought, search], summary=DurationSummary(duration=4))
    yield ThreadItemDoneEvent(item=item.model_copy(update={"workflow": workflow}))
    async for event in stream_text(thread, "Tea it is.", WORD_DELAY_SECONDS):
        yield event


async def questions(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
    """A structured input with a choice and a free text."""
    options = [StructuredInputMultipleChoiceOption(value=value) for value in ("Tea", "Coffee")]
    inputs = [
        StructuredInputMultipleChoice(id="drink", question="What do you drink?", options=options),
        StructuredInputFreeform(id="why", question="Why?", description="In a few words."),
    ]
    yield ThreadItemDoneEvent(item=StructuredInputItem(inputs=inputs, **_base(thread, "inp")))


async def sourced(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
    """An answer with a web source and a file."""
    sources = [
        URLSource(title="Tea journal", url="https://example.com/journal"),
        FileSource(title="Notes", filename="notes.txt"),
    ]
    annotations = [Annotation(source=source, index=3) for source in sources]
    async for event in stream_text(thread, "Tea is warm.", WORD_DELAY_SECONDS, annotations):
        yield event


async def special(thread: ThreadMetadata, text: str) -> AsyncIterator[ThreadStreamEvent]:
    """Single events that a phrase asks for; nothing if the phrase is not one of them."""
    if text == "client tool":
        call = ClientToolCallItem(call_id="call_1", name="get_time", arguments={"zone": "UTC"}, **_base(thread, "tc"))
        yield ThreadItemDoneEvent(item=call)
    elif text == "widget":
        item = WidgetItem(widget=Card(children=[Text(value="hi")]), copy_text="a card", **_base(thread, "wid"))
        yield ThreadItemDoneEvent(item=item)
    elif text == "image":
        item = GeneratedImageItem(image=GeneratedImage(id="img_1", url=PIXEL), **_base(thread, "img"))
        yield ThreadItemDoneEvent(item=item)
    elif text == "progress":
        yield ProgressUpdateEvent(text="Reading your list", icon="search")
        await asyncio.sleep(MOMENT_SECONDS)
    elif text == "notice":
        yield NoticeEvent(level="warning", title="Careful", message="You are at **90 %** of your limit.")
    elif text == "effect":
        yield ClientEffectEvent(name="confetti", data={"amount": 3})
    elif text == "fail":
        raise CustomStreamError("The model is away.", allow_retry=True)
    elif text == "crash":
        raise RuntimeError("a bug of the server")


def plain_answer(text: str) -> str:
    """The text that answers a phrase."""
    words = text.split()
    if text.startswith("count to "):
        return " ".join(str(number) for number in range(1, int(words[2]) + 1))
    if text == "markdown":
        return MARKDOWN
    if text.startswith("say "):
        return text.removeprefix("say ")
    if text == "link":
        return "Go [there](chatkit-link://open?task=7)."
    return f"You said: {text}"


def apply_status(thread: ThreadMetadata, text: str) -> None:
    """Phrases that change the thread itself."""
    if text.startswith("title "):
        thread.title = text.removeprefix("title ")
    elif text == "lock":
        thread.status = LockedStatus(reason="Waiting for review.")
    elif text == "close":
        thread.status = ClosedStatus()
