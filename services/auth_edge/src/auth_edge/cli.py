"""What the command line of auth_edge does."""

from functools import partial
from pathlib import Path

from actor_kit.lifecycle import load_settings, run_until_stopped
from contracts.services import Service

from auth_edge.app import create_app, serve
from auth_edge.openapi import build_openapi, to_yaml
from auth_edge.settings import Settings


def run() -> None:
    """Run the service until SIGTERM or SIGINT."""
    settings = load_settings(Settings)
    run_until_stopped(Service.AUTH_EDGE, settings, partial(serve, settings))


def write_openapi(path: str) -> None:
    """Write the OpenAPI document; it does not depend on the environment."""
    Path(path).write_text(to_yaml(build_openapi(create_app(Settings.model_construct()))), encoding="utf-8")
