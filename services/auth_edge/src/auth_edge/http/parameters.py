"""Parameters that several routes share."""

from typing import Annotated

from contracts.ids import ConversationId, RunId, TaskId
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
ConversationIdInPath = Annotated[ConversationId, Path(examples=["conv_0199a1b2c3d4"])]
RunIdInPath = Annotated[RunId, Path(examples=["run_0199a1b2c3d4"])]
TaskIdInPath = Annotated[TaskId, Path(examples=["task_0199a1b2c3d4"])]
