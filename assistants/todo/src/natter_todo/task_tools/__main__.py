"""``python -m natter_todo.task_tools [--http]``: the task tools over streamable HTTP, or over stdio."""

import gc
import sys

gc.disable()  # what is imported stays: to look for garbage in it is a sixth of a start; `run_until_stopped` enables it

from actor_kit.lifecycle import load_settings, run_until_stopped
from contracts.services import Service

from natter_todo.task_tools.app import serve_http, serve_stdio
from natter_todo.task_tools.settings import Settings

if __name__ == "__main__":
    settings = load_settings(Settings)
    serve = serve_http if "--http" in sys.argv[1:] else serve_stdio
    run_until_stopped(Service.TASK_TOOLS, settings, lambda stop: serve(settings, stop))
