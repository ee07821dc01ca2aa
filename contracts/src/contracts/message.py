"""The bases of all messages: a command asks a service to act, a query reads from it, an event says what happened."""

from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue

Json = dict[str, JsonValue]

PAYLOAD_BYTES_MAX = 4 * 1024 * 1024
"""The bus refuses anything larger (`Code.PAYLOAD_TOO_LARGE`); nats.conf's max_payload agrees."""

ReplyT = TypeVar("ReplyT", bound="Reply | None")


class Body(BaseModel):
    """Anything on the wire. Producers are strict (an unknown field is a bug), readers tolerant (it is ignored)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def encode(self) -> bytes:
        """The JSON bytes of this body; absent optional values are left out."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a body, ignoring fields of a newer producer. Raises pydantic.ValidationError."""
        return cls.model_validate_json(data, extra="ignore")


class Reply(Body):
    """The answer to a command or a query."""


class Message(Body):
    """A body with a subject of its own: one message = one class = one subject template."""

    subject_template: ClassVar[str]
    schema_version: ClassVar[int] = 1


class _Request(Message, Generic[ReplyT]):
    reply_type: ClassVar[type[Reply] | None] = None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for base in cls.__mro__:
            arguments = getattr(base, "__pydantic_generic_metadata__", {}).get("args")
            if arguments and isinstance(arguments[0], type) and issubclass(arguments[0], Reply):
                cls.reply_type = arguments[0]
                return


class Command(_Request[ReplyT], Generic[ReplyT]):
    """Asks one service to change something. ``Command[None]`` waits in a work queue and has no reply."""


class Query(_Request[ReplyT], Generic[ReplyT]):
    """Reads something from one service. It changes nothing, so a caller may repeat it."""


def reply_type_of(message: type[Message]) -> type[Reply] | None:
    """What a command or a query is answered with; None for what is not answered."""
    return getattr(message, "reply_type", None)


class Event(Message):
    """Something that has happened; nobody is expected to answer."""
