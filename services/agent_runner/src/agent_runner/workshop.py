"""What every attempt of this process works with."""

from dataclasses import dataclass

from actor_kit.bus import Bus

from agent_runner.connections import Desk
from agent_runner.crash_points import CrashPoints
from agent_runner.frames import Frames
from agent_runner.models import Models
from agent_runner.settings import Settings
from agent_runner.store import Store
from agent_runner.toolbox import Toolbox


@dataclass(frozen=True)
class Workshop:
    bus: Bus
    store: Store
    models: Models
    toolbox: Toolbox
    settings: Settings
    crash_points: CrashPoints
    frames: Frames
    desk: Desk
