"""Loading a target, and what is said of one that cannot be served: every message names the file and the line."""

from pathlib import Path

import pytest
from agents import Agent
from natterkit import Assistant, AssistantError, load_assistant


def write(folder: Path, text: str, name: str = "support.py") -> str:
    file = folder / name
    file.write_text(text)
    return str(file)


def refused(target: str) -> AssistantError:
    with pytest.raises(AssistantError) as caught:
        load_assistant(target)
    return caught.value


def test_a_plain_agent_is_accepted_as_it_is(tmp_path: Path) -> None:
    file = write(tmp_path, "from agents import Agent\nagent = Agent(name='Support')\n")
    assistant = load_assistant(f"{file}:agent")
    assert isinstance(assistant.agent, Agent)
    assert assistant.title == "Support"


def test_an_assistant_and_a_factory_are_accepted(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "from agents import Agent\nfrom natterkit import Assistant\n"
        "def help_desk(context):\n    return Agent(name='Made')\n"
        "assistant = Assistant(agent=help_desk, name='Desk')\n",
    )
    assert load_assistant(f"{file}:assistant").title == "Desk"
    assert load_assistant(f"{file}:help_desk").title == "Help desk"


def test_a_file_may_import_what_lies_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "NAME = 'Beside'\n", name="words_beside.py")
    file = write(tmp_path, "from agents import Agent\nfrom words_beside import NAME\nagent = Agent(name=NAME)\n")
    assert load_assistant(f"{file}:agent").title == "Beside"


def test_a_package_is_loaded_by_its_name() -> None:
    error = refused("natterkit.loading:nothing")
    assert "there is no “nothing”" in str(error)


@pytest.mark.parametrize("target", ["", "support.py", ":agent", "support.py:a-b"])
def test_a_target_without_an_attribute_is_refused(target: str) -> None:
    assert "names no assistant" in str(refused(target))


def test_a_missing_file_or_module_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path}/gone.py: there is no such file" in str(refused(f"{tmp_path}/gone.py:agent"))
    assert "there is no module “no_such_package”" in str(refused("no_such_package.module:agent"))


def test_an_import_that_fails_is_told_with_file_and_line(tmp_path: Path) -> None:
    error = refused(f"{write(tmp_path, 'x = 1' + chr(10) + 'import no_such_thing' + chr(10))}:agent")
    assert error.line == 2
    assert str(error).startswith(f"{tmp_path}/support.py:2: ModuleNotFoundError")


def test_a_mistake_in_the_syntax_is_told_with_file_and_line(tmp_path: Path) -> None:
    error = refused(f"{write(tmp_path, 'x = 1' + chr(10) + 'def broken(:' + chr(10))}:agent")
    assert (error.file, error.line) == (f"{tmp_path}/support.py", 2)


def test_a_missing_attribute_tells_which_there_are(tmp_path: Path) -> None:
    file = write(tmp_path, "from agents import Agent\ntriage = Agent(name='Triage')\n")
    assert "there is no “agent” in it. It has: triage." in str(refused(f"{file}:agent"))


def test_what_is_no_agent_is_refused_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, "from natterkit import Assistant\n\nagent = 3\nassistant = Assistant(agent=None)\n")
    assert str(refused(f"{file}:agent")).startswith(f"{file}:3: “agent” is no assistant: it is of type int")
    assert str(refused(f"{file}:assistant")).startswith(f"{file}:4: “assistant” has no agent")


def test_a_tool_whose_schema_is_refused_is_told_with_its_line(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "from agents import Agent, function_tool\n"
        "@function_tool\n"
        "def look(options: dict[str, int]) -> str:\n"
        "    '''Looks.'''\n"
        "    return ''\n"
        "agent = Agent(name='A', tools=[look])\n",
    )
    error = refused(f"{file}:agent")
    assert error.line == 2
    assert "additionalProperties" in error.reason


def test_two_tools_or_two_agents_of_one_name_are_refused(tmp_path: Path) -> None:
    head = "from agents import Agent, function_tool\n@function_tool\ndef look() -> str:\n    return ''\n"
    file = write(tmp_path, head + "agent = Agent(name='A', tools=[look, look])\n")
    error = refused(f"{file}:agent")
    assert "“look”: agent “A” has another tool of this name" in str(error)
    assert error.line == 2
    twins = write(tmp_path, head + "agent = Agent(name='A', handoffs=[Agent(name='A')])\n", "twins.py")
    assert str(refused(f"{twins}:agent")).startswith(f"{twins}:5: two agents are called “A”")


def test_tools_that_need_an_approval_are_accepted(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "from agents import Agent, function_tool\nfrom agents.mcp import MCPServerStreamableHttp\n"
        "@function_tool(needs_approval=True)\ndef pay() -> str:\n    return ''\n"
        "bank = MCPServerStreamableHttp({'url': 'http://x'}, name='bank', require_approval='always')\n"
        "agent = Agent(name='A', tools=[pay], mcp_servers=[bank])\n",
    )
    assert load_assistant(f"{file}:agent").title == "A"


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("HostedMCPTool({'type': 'mcp', 'server_label': 'x', 'server_url': 'https://x.invalid'})", "an approval"),
        ("LocalShellTool(lambda request: '')", "“local_shell” of agent “A”: the SDK executes it here"),
        ("ShellTool(executor=lambda request: '')", "“shell” of agent “A”: the SDK executes it here"),
    ],
)
def test_a_tool_that_asks_a_person_or_works_outside_of_the_ledger_is_refused(
    tmp_path: Path, tool: str, said: str
) -> None:
    imports = "from agents import Agent, HostedMCPTool, LocalShellTool, ShellTool\n"
    file = write(tmp_path, f"{imports}agent = Agent(name='A', tools=[{tool}])\n")
    error = str(refused(f"{file}:agent"))
    assert error.startswith(f"{file}:2: ")
    assert said in error


def test_tools_that_a_provider_executes_are_accepted(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "from agents import Agent, HostedMCPTool, WebSearchTool\n"
        "mcp = HostedMCPTool({'type': 'mcp', 'server_label': 'x', 'server_url': 'u', 'require_approval': 'never'})\n"
        "agent = Agent(name='A', tools=[WebSearchTool(), mcp])\n",
    )
    assert load_assistant(f"{file}:agent").title == "A"


def test_an_assistant_is_called_as_its_agent_where_it_has_no_name() -> None:
    assert Assistant(agent=Agent(name="Support")).title == "Support"
    assert Assistant(agent=lambda context: Agent(name="x")).title == "Assistant"


@pytest.mark.parametrize("name", ["on_action", "on_mention"])
def test_a_handler_that_is_no_async_function_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "from agents import Agent\nfrom natterkit import Assistant\n"
        f"assistant = Assistant(agent=Agent(name='A'), {name}=lambda *given: None)\n",
    )
    assert f"support.py:3: “{name}” of “assistant” is no async function" in str(refused(f"{file}:assistant"))
