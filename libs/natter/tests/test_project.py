"""What `natter new` makes, and what `natter dev` reads of a project."""

import tomllib
from pathlib import Path

import pytest
from natter.project import ProjectError, make_project, read_assistants


def test_a_project_has_its_name_where_it_belongs(tmp_path: Path) -> None:
    project = make_project(tmp_path, "support-desk")
    files = {path.name for path in project.iterdir()}
    assert files == {"pyproject.toml", "assistant.py", "test_assistant.py", "conftest.py", "README.md", ".gitignore"}
    for file in project.iterdir():
        assert "$" not in file.read_text()
    for file in project.glob("*.py"):
        compile(file.read_text(), file, "exec")
    assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["name"] == "support-desk"
    assert "Support desk" in (project / "assistant.py").read_text()
    assert read_assistants(project) == {"support_desk": f"{project / 'assistant.py'}:assistant"}


@pytest.mark.parametrize("name", ["", "../up", "a/b", "Desk", "1st", "a b", "x" * 33, ".hidden"])
def test_a_name_that_would_be_no_directory_or_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError, match="no name for a project"):
        make_project(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    with pytest.raises(ProjectError, match="is there already"):
        make_project(tmp_path, "desk")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "natter new NAME"),
        ("[tool", "cannot be read"),
        ("[project]", "names no assistant"),
        ("[tool.natter.assistants]", "names no assistant"),
        ('[tool.natter.assistants]\nBad-Id = "./a.py:x"', "an id begins with a small letter"),
    ],
)
def test_a_project_that_cannot_be_run_says_why(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ProjectError, match=said):
        read_assistants(tmp_path)
