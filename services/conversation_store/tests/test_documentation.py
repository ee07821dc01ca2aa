"""What is written about the store is true: every table, field, setting and message is named."""

import re
from pathlib import Path

from actor_kit.settings import ServiceSettings
from contracts.registry import requests_to
from contracts.services import Service
from conversation_store.models import METADATA
from conversation_store.settings import Settings

ROOT = Path(__file__).parents[3]
DATA_MODEL = (ROOT / "docs/data-model.md").read_text()
README = (ROOT / "services/conversation_store/README.md").read_text()


def test_every_table_and_field_is_in_the_data_model() -> None:
    section = DATA_MODEL.partition("## Tables and fields")[2].partition("\n## ")[0]
    described: dict[str, set[str]] = {}
    table = ""
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3:
            table = cells[0].strip("`") or table
            described.setdefault(table, set()).update(re.findall(r"`(\w+)`", cells[1]))
    for found in METADATA.tables.values():
        assert described.get(found.name) == {column.name for column in found.columns}, found.name


def test_every_setting_of_its_own_is_in_the_readme() -> None:
    shared = set(ServiceSettings.model_fields)
    for name in set(Settings.model_fields) - shared:
        written = str(Settings.model_fields[name].validation_alias or name.upper())
        assert f"`{written}`" in README or written.startswith("DATABASE_POOL_SIZE"), written


def test_every_request_is_in_the_readme_or_named_by_its_kind() -> None:
    kinds = {
        "Conversation",
        "Conversations",
        "Item",
        "Items",
        "Feedback",
        "Assistants",
        "Task",
        "Tasks",
        "User",
        "Permit",
        "Session",
        "Run",
        "Runs",
    }
    for message in requests_to(Service.CONVERSATION_STORE):
        last_word = re.findall(r"[A-Z][a-z]+", message.__name__)[-1]
        assert message.__name__ in README or last_word in kinds, message.__name__
