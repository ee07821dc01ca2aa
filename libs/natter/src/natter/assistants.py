"""Which assistants a stack offers, and where their code is: what `natter up --assistant ID=TARGET` says."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.ids import FIRST_ASSISTANT_ID, AssistantId
from pydantic import TypeAdapter, ValidationError

TODO = {FIRST_ASSISTANT_ID: "natter_todo:assistant"}
"""What is served where nothing else is named."""
_ID: TypeAdapter[str] = TypeAdapter(AssistantId)


def read_assistants(entries: Sequence[str], folder: Path) -> dict[AssistantId, str]:
    """Targets by id, in the order given; the path of a file becomes absolute, from ``folder``.

    Raises ValueError with what is wrong, and how to write it.
    """
    found: dict[AssistantId, str] = {}
    for entry in entries:
        assistant_id, sign, target = entry.partition("=")
        if not sign or not target:
            raise ValueError(f"{entry!r}: write ID=path/to/file.py:attribute or ID=package.module:attribute")
        try:
            _ID.validate_python(assistant_id)
        except ValidationError:
            hint = "an id begins with a small letter and has at most 32 of a-z, 0-9 and _"
            raise ValueError(f"{assistant_id!r}: {hint}") from None
        if assistant_id in found:
            raise ValueError(f"{assistant_id!r} is given twice")
        found[assistant_id] = _absolute(target, folder)
    return found


def _absolute(target: str, folder: Path) -> str:
    path, _, attribute = target.rpartition(":")
    if not path.endswith(".py"):
        return target
    file = str((folder / Path(path).expanduser()).resolve())
    if re.search(r"[\s,]", file):
        raise ValueError(f"{file}: the path of an assistant has no blank and no comma in it")
    return f"{file}:{attribute}"


def as_text(targets: Mapping[AssistantId, str]) -> str:
    """As AGENT_RUNNER_ASSISTANTS has them."""
    return ",".join(f"{assistant_id}={target}" for assistant_id, target in targets.items())
