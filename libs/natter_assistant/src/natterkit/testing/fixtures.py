"""The fixtures `model` and `natter`: one Natter serves all tests of a session, the script is each test's own."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from natterkit.testing.running import Natter, NatterProcess
from natterkit.testing.scripted_model import NAME, ScriptedModel


@pytest.fixture(scope="session")
def scripted_model() -> Iterator[ScriptedModel]:
    """The model of the whole session; tests take `model`."""
    model = ScriptedModel()
    model.start()
    yield model
    model.stop()


@pytest.fixture(scope="session")
def running_natter(request: pytest.FixtureRequest, scripted_model: ScriptedModel) -> Iterator[Natter]:
    """Natter with the project's assistants (pyproject.toml, `[tool.natter.assistants]`); tests take `natter`."""
    inherited = os.environ  # noqa: TID251 - the stack gets the environment of the tests
    environment = {
        **{name: value for name, value in inherited.items() if not name.startswith("AGENT_RUNNER_")},
        "OPENAI_API_KEY": "scripted",
        "OPENAI_BASE_URL": scripted_model.base_url,
        "AGENT_RUNNER_MODEL": NAME,
        "LOG_FORMAT": "console",
    }
    project = Path(request.config.rootpath)
    with TemporaryDirectory(prefix="natter-") as directory:
        process = NatterProcess(Path(directory) / "data", project, environment)
        try:
            yield process.start()
        finally:
            process.stop()


@pytest.fixture
def model(scripted_model: ScriptedModel) -> ScriptedModel:
    """The model that the assistant asks, with an empty script: `model.says("…")`, `model.calls("tool", …)`."""
    scripted_model.clear()
    return scripted_model


@pytest.fixture
def natter(running_natter: Natter, model: ScriptedModel) -> Natter:
    """A running Natter: `natter.ask("…")`."""
    del model  # its script is this test's
    return running_natter
