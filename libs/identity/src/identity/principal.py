"""Who is calling, as proven by a verified token."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Principal:
    user_id: str
    scope: Literal["full", "chat"]
    conversation_id: str | None
    expires_at: datetime
    token_id: str | None
