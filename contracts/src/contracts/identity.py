"""Who asks: the verified principal, and how a user id becomes one NATS subject token."""

import base64
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from contracts.ids import ConversationId
from contracts.text import refuse_nul

USER_ID_CHARACTERS_MAX = 255

UserId = Annotated[str, StringConstraints(min_length=1, max_length=USER_ID_CHARACTERS_MAX), AfterValidator(refuse_nul)]


class Principal(BaseModel):
    """The subject of a verified token; the only source of identity.

    ``scope`` "chat" (a ChatKit session token) opens chatkit, the streams and Stop only;
    ``conversation_id`` binds such a token to one conversation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: UserId
    scope: Literal["full", "chat"] = "full"
    conversation_id: ConversationId | None = None


def user_token(user_id: str) -> str:
    """Encode a user id as one subject token: unpadded base64url (RFC 4648 §5) of its UTF-8 bytes.

    A JWT's ``sub`` may hold ``*``, ``>``, ``.`` and blanks, which are syntax in a NATS subject.
    """
    return base64.urlsafe_b64encode(user_id.encode()).rstrip(b"=").decode()


def user_id_of(token: str) -> str:
    """Decode what `user_token` encoded. Raises ValueError on anything else."""
    padding = "=" * (-len(token) % 4)
    return base64.urlsafe_b64decode(token + padding).decode()
