"""What every attempt of this process works with."""

from dataclasses import dataclass

from actor_kit.bus import Bus
from file_store import FileStore
from natterkit import Assistant

from agent_runner.assistants import LoadedAssistants
from agent_runner.connections import Desk
from agent_runner.crash_points import CrashPoints
from agent_runner.file_text import FileTexts
from agent_runner.frames import Frames
from agent_runner.models import Models
from agent_runner.pictures import Pictures
from agent_runner.settings import Settings
from agent_runner.store import Store


@dataclass(frozen=True)
class Workshop:
    bus: Bus
    store: Store
    models: Models
    assistants: LoadedAssistants
    settings: Settings
    crash_points: CrashPoints
    frames: Frames
    desk: Desk
    files: FileStore
    texts: FileTexts
    pictures: Pictures

    def bounds(self, assistant: Assistant) -> "RunBounds":
        """The bounds of an assistant's runs: its own, within the runner's."""
        own, most = assistant.bounds, self.settings
        return RunBounds(
            seconds_max=min(own.seconds_max or most.run_seconds_max, most.run_seconds_max),
            turns_max=min(own.turns_max or most.run_turns_max, most.run_turns_max),
            tokens_max=min(own.tokens_max or most.run_tokens_max, most.run_tokens_max),
        )


@dataclass(frozen=True)
class RunBounds:
    """Bounds of a run over all its attempts."""

    seconds_max: float
    turns_max: int
    tokens_max: int
