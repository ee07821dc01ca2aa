"""Parameters that several routes share."""

from typing import Annotated

from contracts.ids import ConversationId, RunId, ScheduleId, ServerName, ServiceTokenId, ShareId, TaskId, WebhookId
from contracts.queries import Cursor, Order, PageLimit
from contracts.text import Text
from fastapi import Path, Query
from pydantic import Field

LimitParameter = Annotated[PageLimit, Query(description="How many at most.")]
AfterParameter = Annotated[Cursor | None, Query(description="The `after` of the page before.")]
OrderParameter = Annotated[Order, Query(description="Oldest first, or newest first.")]
SearchParameter = Annotated[
    Annotated[Text, Field(min_length=1, max_length=200)] | None, Query(description="Only those that contain this.")
]
RequiredSearchParameter = Annotated[
    Annotated[Text, Field(min_length=1, max_length=200)], Query(description="What to search for.")
]
HitsParameter = Annotated[Annotated[int, Field(ge=1, le=50)], Query(description="How many at most.")]
PinnedParameter = Annotated[bool | None, Query(description="Only those that are pinned, or only those that are not.")]
ArchivedParameter = Annotated[
    bool | None, Query(description="Only those that are archived, or only those that are not.")
]
ConversationIdInPath = Annotated[ConversationId, Path(examples=["conv_0199a1b2c3d4"])]
RunIdInPath = Annotated[RunId, Path(examples=["run_0199a1b2c3d4"])]
ScheduleIdInPath = Annotated[ScheduleId, Path(examples=["sched_0199a1b2c3d4"])]
ServerInPath = Annotated[ServerName, Path(examples=["calendar"])]
ServiceTokenIdInPath = Annotated[ServiceTokenId, Path(examples=["st_0199a1b2c3d4"])]
ShareIdInPath = Annotated[ShareId, Path(examples=["share_0199a1b2c3d4"])]
TaskIdInPath = Annotated[TaskId, Path(examples=["task_0199a1b2c3d4"])]
WebhookIdInPath = Annotated[WebhookId, Path(examples=["hook_0199a1b2c3d4"])]
