"""The built-in demo model: offline and rule-based, so that Natter runs with no key; it says what it is."""

from agent_runner.demo.model import DemoModel

__all__ = ["DemoModel"]
