"""What waits to be written to one viewer: bounded, and emptied when it would be more."""

from collections import deque

from stream_relay.frames import Frame
from stream_relay.metrics import OVERFLOWS


class FrameQueue:
    """Frames in the order they were offered. After an overflow nothing is taken in until `restart`.

    ``read_to`` is the place up to which the viewer has read DELTAS in order, ``place`` the highest that it was shown.
    """

    def __init__(self, *, frames_max: int, bytes_max: int) -> None:
        self.read_to = 0
        self.place = 0
        self.has_overflowed = False
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._frames: deque[Frame] = deque()
        self._bytes_count = 0
        self._late: list[Frame] = []

    def __len__(self) -> int:
        return len(self._frames)

    def offer(self, frame: Frame) -> None:
        """Take a frame in; one too many empties the queue."""
        self._frames.append(frame)
        self._bytes_count += len(frame.full)
        if self.has_overflowed:
            self.empty()
        elif len(self._frames) > self._frames_max or self._bytes_count > self._bytes_max:
            OVERFLOWS.inc()
            self.empty()

    def empty(self) -> None:
        """Drop what waits: the viewer will read it from DELTAS, after its place."""
        self.has_overflowed = True
        # A late one, before what was shown already, would not be read again from there.
        self._late += [frame for frame in self._frames if self.read_to < frame.sequence < self.place]
        self._frames.clear()
        self._bytes_count = 0

    def restart(self) -> list[Frame]:
        """Take frames in again. What is offered before this is to be read; returns what reading would not find."""
        late, self._late = self._late, []
        self.has_overflowed = False
        return late

    def take(self, bytes_max: int) -> list[Frame]:
        """Take frames out, up to about so many bytes; those that the viewer has read are left out."""
        frames: list[Frame] = []
        bytes_count = 0
        while self._frames and bytes_count < bytes_max:
            frame = self._frames.popleft()
            self._bytes_count -= len(frame.full)
            if frame.sequence > self.read_to:
                self.place = max(self.place, frame.sequence)
                bytes_count += len(frame.full)
                frames.append(frame)
        return frames

    def start_at(self, place: int) -> None:
        """Begin anew at a place."""
        self.place = self.read_to = place

    def read(self, sequence: int) -> None:
        """Remember that everything up to a sequence was read in order."""
        self.read_to = max(self.read_to, sequence)
        self.place = max(self.place, self.read_to)
