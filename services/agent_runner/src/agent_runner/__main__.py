"""``python -m agent_runner``: run a runner."""

import gc

gc.disable()  # what is imported stays: to look for garbage in it is a sixth of a start; `run_until_stopped` enables it

from actor_kit.lifecycle import load_settings, run_until_stopped
from contracts.services import Service

from agent_runner.app import run
from agent_runner.settings import Settings

if __name__ == "__main__":
    settings = load_settings(Settings)
    run_until_stopped(Service.AGENT_RUNNER, settings, lambda stop: run(settings, stop))
