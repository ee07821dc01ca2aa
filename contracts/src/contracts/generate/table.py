"""The subject table of ARCHITECTURE.md, between its two markers."""

from contracts.generate.files import REPOSITORY
from contracts.registry import REGISTRY
from contracts.services import Service
from contracts.streams import STREAMS

START, END = "<!-- subjects: generated -->", "<!-- /subjects -->"


def _names(services: frozenset[Service]) -> str:
    return ", ".join(sorted(services)) or "—"


def _stream_of(template: str) -> str:
    first = template.split(".", 1)[0]
    return next((stream.name for stream in STREAMS if stream.subjects[0].startswith(f"{first}.")), "—")


def subject_table() -> str:
    lines = ["| message | kind | subject | from | to | stream | who may ask |", "|---|---|---|---|---|---|---|"]
    for entry in REGISTRY:
        template = entry.message.subject_template
        lines.append(
            f"| `{entry.message.__name__}` | {entry.kind} | `{template}` | {_names(entry.senders)} "
            f"| {_names(entry.receivers)} | {_stream_of(template)} | {entry.rule.value.replace('_', ' ')} |"
        )
    return "\n".join(lines)


def architecture_with_table() -> str:
    """ARCHITECTURE.md with the table as the registry has it now. Raises ValueError where the markers are missing."""
    text = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"ARCHITECTURE.md lacks the markers {START} and {END}")
    return f"{before}{START}\n{subject_table()}\n{END}{after}"
