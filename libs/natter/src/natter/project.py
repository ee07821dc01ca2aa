"""A project with assistants outside of this repository: made by `natter new`, read by `natter dev` and `natter up`."""

import re
import tomllib
from pathlib import Path
from string import Template
from typing import Any, cast

from natter import assistants

_TEMPLATE = Path(__file__).parent / "template"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class ProjectError(Exception):
    """The project cannot be made or read; the text says why, and what to do."""


def make_project(parent: Path, name: str) -> Path:
    """Make the directory ``name`` with an assistant, its test, and how to run both. Raises ProjectError."""
    if not NAME.fullmatch(name):
        raise ProjectError(f"{name!r} is no name for a project: letters a to z, digits, - and _, a letter first")
    project = parent / name
    try:
        project.mkdir()
    except FileExistsError:
        raise ProjectError(f"{project} is there already: choose another name") from None
    except OSError as error:
        raise ProjectError(f"{project} cannot be made: {error.strerror}") from error
    words = {"name": name, "id": name.replace("-", "_"), "title": name.replace("-", " ").replace("_", " ").capitalize()}
    for template in sorted(_TEMPLATE.glob("*.txt")):
        file = template.name.removesuffix(".txt")
        text = Template(template.read_text(encoding="utf-8")).substitute(words)
        (project / (".gitignore" if file == "gitignore" else file)).write_text(text, encoding="utf-8")
    return project


def read_assistants(project: Path) -> dict[str, str]:
    """The assistants of ``[tool.natter.assistants]``, by id, each with its target. Paths in targets are absolute.

    Raises ProjectError.
    """
    file = project / "pyproject.toml"
    try:
        document: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProjectError(f"{file} is not there: `natter new NAME` makes a project") from None
    except (OSError, ValueError) as error:
        raise ProjectError(f"{file} cannot be read: {error}") from error
    named: Any = document.get("tool", {}).get("natter", {}).get("assistants", {})
    if not isinstance(named, dict) or not named:
        raise ProjectError(
            f'{file} names no assistant: [tool.natter.assistants] with my_id = "./assistant.py:assistant"'
        )
    entries = [f"{assistant_id}={target}" for assistant_id, target in cast("dict[str, Any]", named).items()]
    try:
        return assistants.read_assistants(entries, project)
    except ValueError as error:
        raise ProjectError(f"{file}: {error}") from error
