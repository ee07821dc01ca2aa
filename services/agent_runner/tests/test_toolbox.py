"""Tools of many servers: names that a model's provider takes, each once; and which calls may be repeated."""

import re

import pytest
from agent_runner.remote_tools import (
    NAME_CHARACTERS_MAX,
    TOOLS_MAX,
    RemoteTool,
    may_be_repeated,
    needs_approval,
    with_names_for_models,
)
from agent_runner.tool_servers import ToolServer
from mcp.types import ToolAnnotations
from natterkit import McpServer


def tools(server: str, *names: str) -> list[RemoteTool]:
    config = McpServer(name=server, url="http://127.0.0.1:9/mcp")
    return [RemoteTool(name, name, "", {"type": "object"}, ToolServer(config)) for name in names]


def test_a_name_that_several_servers_use_is_the_first_ones() -> None:
    named = with_names_for_models([*tools("tasks", "add", "list"), *tools("other", "add", "add")])
    assert [(tool.name, tool.remote_name) for tool in named] == [("add", "add"), ("list", "list"), ("other_add", "add")]


def test_names_that_providers_refuse_are_changed_for_the_model_alone() -> None:
    given = ["files/read", "files.read", "größe", "x" * 100]
    named = with_names_for_models(tools("docs", *given))
    assert [tool.name for tool in named][:3] == ["files_read", "docs_files_read", "gr__e"]
    assert [tool.remote_name for tool in named] == given
    for tool in named:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", tool.name)
        assert len(tool.name) <= NAME_CHARACTERS_MAX


def test_no_more_tools_are_offered_than_a_provider_takes() -> None:
    named = with_names_for_models(
        [*tools("tasks", "add"), *tools("many", *(f"tool_{number}" for number in range(200)))]
    )
    assert len(named) == TOOLS_MAX
    assert named[0].name == "add"


READS = ToolAnnotations(read_only_hint=True)
SAME_TWICE = ToolAnnotations(read_only_hint=False, idempotent_hint=True)
CHANGES = ToolAnnotations(read_only_hint=False, idempotent_hint=False)


@pytest.mark.parametrize(
    ("repeat", "repeated"),
    [("never", []), ("idempotent", [READS, SAME_TWICE]), ("always", [READS, SAME_TWICE, CHANGES, None])],
)
def test_a_call_is_repeated_only_where_its_server_and_the_setting_say_that_it_may_be(
    repeat: str, repeated: list[ToolAnnotations | None]
) -> None:
    annotations = [READS, SAME_TWICE, CHANGES, None]
    assert [one for one in annotations if may_be_repeated(repeat, one)] == repeated


def test_nothing_that_may_change_something_is_repeated_by_default() -> None:
    assert McpServer(name="bank", url="http://127.0.0.1:9/mcp").repeat == "idempotent"


DESTROYS = ToolAnnotations(read_only_hint=False, destructive_hint=True)
ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False)


@pytest.mark.parametrize(
    ("ask", "asked"),
    [
        ("never", []),
        ("destructive", [DESTROYS, CHANGES, None]),
        ("changes", [ADDS, DESTROYS, CHANGES, None]),
        ("always", [READS, ADDS, DESTROYS, CHANGES, None]),
    ],
)
def test_a_person_is_asked_as_the_setting_of_the_server_says(ask: str, asked: list[ToolAnnotations | None]) -> None:
    every = [READS, ADDS, DESTROYS, CHANGES, None]
    assert [one for one in every if needs_approval(ask, one)] == asked


def test_before_what_may_destroy_something_a_person_is_asked_by_default() -> None:
    assert McpServer(name="bank", url="http://127.0.0.1:9/mcp").ask == "destructive"
