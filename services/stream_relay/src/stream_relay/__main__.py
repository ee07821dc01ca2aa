"""`python -m stream_relay`: run the service until SIGTERM."""

import gc

gc.disable()  # what is imported stays: to look for garbage in it is a sixth of a start; `run_until_stopped` enables it

from actor_kit.lifecycle import load_settings, run_until_stopped
from contracts.services import Service

from stream_relay.app import serve
from stream_relay.settings import Settings

if __name__ == "__main__":
    settings = load_settings(Settings)
    run_until_stopped(Service.STREAM_RELAY, settings, lambda stop: serve(settings, stop))
