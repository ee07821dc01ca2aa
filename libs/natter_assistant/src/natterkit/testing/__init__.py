"""Tests for an assistant: a scripted model, a running Natter, and what came of a message. No network, no Docker.

In the project's ``conftest.py``: ``pytest_plugins = ["natterkit.testing"]``. Then tests take the fixtures ``model`` and
``natter``.
"""

from natterkit.testing.fixtures import model, natter, running_natter, scripted_model
from natterkit.testing.running import Answer, Natter, NatterDidNotStartError, ToolCall
from natterkit.testing.scripted_model import ScriptedModel

__all__ = [
    "Answer",
    "Natter",
    "NatterDidNotStartError",
    "ScriptedModel",
    "ToolCall",
    "model",
    "natter",
    "running_natter",
    "scripted_model",
]
