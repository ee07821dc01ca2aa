"""The web app is built when its sources changed, and only then."""

import json
from pathlib import Path

import pytest
from natter.settings import Settings
from natter.web_app import WebAppError, find_web_app

pytestmark = pytest.mark.slow

BUILD = "require('fs').mkdirSync('.next',{recursive:true});require('fs').writeFileSync('.next/BUILD_ID','x')"


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A web app whose build takes no time."""
    (tmp_path / "node_modules" / "next").mkdir(parents=True)
    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"build": f'node -e "{BUILD}"'}}))
    (tmp_path / "page.tsx").write_text("one")
    return tmp_path


def builds(web: Path) -> int:
    """How many builds it takes to start now."""
    said: list[str] = []
    assert find_web_app(Settings(web_dir=web), said.append) == web
    return sum("building" in line for line in said)


def test_it_is_built_once_for_the_same_sources(web: Path) -> None:
    assert builds(web) == 1
    (web / "page.tsx").touch()
    (web / "node_modules" / "more.js").write_text("not a source")
    (web / "chatkit-element" / "dist-test").mkdir(parents=True)  # what its tests build
    (web / "chatkit-element" / "dist-test" / "page.js").write_text("not a source")
    assert builds(web) == 0


@pytest.mark.parametrize("change", ["content", "name", "new", "gone"])
def test_it_is_built_again_when_a_source_changed(web: Path, change: str) -> None:
    assert builds(web) == 1
    page = web / "page.tsx"
    match change:
        case "content":
            page.write_text("two")
        case "name":
            page.rename(web / "other.tsx")
        case "new":
            (web / "features").mkdir()
            (web / "features" / "page.tsx").write_text("one")
        case _:
            page.unlink()
    assert builds(web) == 1


def test_a_build_that_fails_is_tried_again_and_says_why(web: Path) -> None:
    (web / "package.json").write_text(json.dumps({"scripts": {"build": "echo Type error in page.tsx >&2; exit 1"}}))
    for _ in range(2):
        with pytest.raises(WebAppError, match=r"Type error in page\.tsx"):
            builds(web)


def test_where_there_is_no_web_app_the_way_out_is_said(tmp_path: Path) -> None:
    with pytest.raises(WebAppError, match="--no-web"):
        find_web_app(Settings(web_dir=tmp_path), lambda _text: None)


def test_without_node_the_way_out_is_said(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WebAppError, match=r"Node 20.*--no-web"):
        find_web_app(Settings(web_dir=web), lambda _text: None)
