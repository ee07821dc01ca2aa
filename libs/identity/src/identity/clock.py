"""The clock that the verifiers are given, so that tests can set the time."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since 1970-01-01T00:00Z."""

system_clock: Clock = time.time
