"""An assistant as those see it who do not run it, and what is known of the person who asks one."""

import json
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from contracts.ids import AssistantId
from contracts.message import Body
from contracts.text import Text

ASSISTANTS_MAX = 100
CLAIMS_BYTES_MAX = 4_096

Label = Annotated[Text, Field(min_length=1, max_length=100)]
Choice = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,100}$")]
"""The id of a composer tool or of a model, as ChatKit's inference options name it."""
Icon = Annotated[str, StringConstraints(pattern=r"^[a-z0-9:-]{1,50}$")]
"""The name of one of ChatKit's icons."""
Locale = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8}){0,7}$")]
"""A language tag (RFC 5646), such as ``de-CH``."""
TimeZone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,32}(/[A-Za-z0-9._+-]{1,32}){0,2}$")]
"""A name of the IANA time zone database, such as ``Europe/Zurich``; who takes one in checks that it is in there."""


FileTypes = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9*][a-z0-9.+*/-]{0,189}$")], ...], Field(max_length=50)
]
"""Media types of files, `*` for any word of one, as a file picker's `accept` has them."""


class StartPrompt(Body):
    """A suggestion on the start screen of an assistant: ``label`` is shown, ``prompt`` is sent."""

    label: Label
    prompt: Annotated[Text, Field(min_length=1, max_length=2_000)]
    icon: Icon | None = None


class ComposerTool(Body):
    """A tool that a person may ask for in the composer."""

    id: Choice
    label: Label
    icon: Icon | None = None


class ComposerModel(Body):
    """A model that a person may choose in the composer; ``is_default``: what answers where they choose none."""

    id: Choice
    label: Label
    description: Annotated[Text, Field(max_length=200)] | None = None
    is_default: bool = False
    attachment_types: FileTypes = ("*/*",)


TagId = Annotated[Text, Field(min_length=1, max_length=500)]
"""Of what is chosen in the composer: it comes back with the message, as the id of a tag."""


class ComposerCommand(Body):
    """What a message may begin with (`/` in the composer): a prompt of one of the assistant's servers."""

    id: TagId
    label: Label
    description: Annotated[Text, Field(max_length=200)] | None = None


class ComposerResource(Body):
    """What a message may mention (`@` in the composer): a resource of one of the assistant's servers (``group``)."""

    id: TagId
    label: Label
    group: Label
    description: Annotated[Text, Field(max_length=200)] | None = None


class AssistantCard(Body):
    """What people see of an assistant before they write to it. ``attachment_types``: what can be done with files, by
    the model that answers where they choose none.
    """

    assistant_id: AssistantId
    name: Label
    greeting: Annotated[Text, Field(max_length=500)] | None = None
    start_prompts: Annotated[tuple[StartPrompt, ...], Field(max_length=20)] = ()
    tools: Annotated[tuple[ComposerTool, ...], Field(max_length=50)] = ()
    models: Annotated[tuple[ComposerModel, ...], Field(max_length=50)] = ()
    attachment_types: FileTypes = ("*/*",)
    commands: Annotated[tuple[ComposerCommand, ...], Field(max_length=50)] = ()
    resources: Annotated[tuple[ComposerResource, ...], Field(max_length=100)] = ()


def _bounded(claims: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(json.dumps(claims).encode()) > CLAIMS_BYTES_MAX:
        raise ValueError(f"must have at most {CLAIMS_BYTES_MAX} bytes as JSON")
    return claims


class Requester(Body):
    """What is known of the person who began a turn, beside their id. ``claims``: those of their token that the
    operator lets assistants see; ``locale`` and ``time_zone`` are what their browser said.
    """

    name: Annotated[Text, Field(max_length=200)] | None = None
    locale: Locale | None = None
    time_zone: TimeZone | None = None
    claims: Annotated[dict[str, JsonValue], AfterValidator(_bounded)] = Field(default_factory=dict)
