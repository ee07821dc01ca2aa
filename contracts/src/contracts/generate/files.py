"""Where generated files go: they are written in a checkout, never in an installed package."""

import json
from pathlib import Path
from typing import Any

CONTRACTS = Path(__file__).resolve().parents[3]
REPOSITORY = CONTRACTS.parent


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def as_text(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
