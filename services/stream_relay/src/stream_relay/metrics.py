"""What the relay counts, at /metrics."""

from typing import Final

from actor_kit.metrics import LATENCY_BUCKETS_SECONDS
from prometheus_client import Counter, Gauge, Histogram

VIEWERS: Final = Gauge("relay_viewers", "Open streams.", ["state"])
"""``catching_up``: reads history; ``live``: gets deltas as they are published."""
for _state in ("catching_up", "live"):
    VIEWERS.labels(_state)  # so that nobody is told as 0, and not as nothing
CHANNELS: Final = Gauge("relay_channels", "Subjects that the relay listens to.")
ATTACH_SECONDS: Final = Histogram(
    "relay_attach_seconds", "From a request to its answer's first byte.", ["stream"], buckets=LATENCY_BUCKETS_SECONDS
)
CATCH_UP_SECONDS: Final = Histogram(
    "relay_catch_up_seconds",
    "From an answer's first byte until the stream is live.",
    ["begin"],
    buckets=LATENCY_BUCKETS_SECONDS,
)
"""``resumed``: after a Last-Event-ID; ``new``: without one."""
RESUME_GAP_DELTAS: Final = Histogram(
    "relay_resume_gap_deltas",
    "Deltas that a viewer had missed when it came back.",
    buckets=(0, 1, 10, 100, 1_000, 10_000),
)
FRAMES: Final = Counter("relay_frames_total", "Deltas encoded, once for all their viewers.")
GAPS: Final = Counter("relay_gaps_total", "Losses noticed and read again from DELTAS.")
FENCED: Final = Counter("relay_fenced_total", "Deltas of fenced attempts that were not shown.")
RESETS: Final = Counter("relay_resets_total", "Viewers told that what they asked for is gone.", ["reason"])
OVERFLOWS: Final = Counter("relay_overflows_total", "Slow viewers sent to read what their queue could not hold.")
ENDS: Final = Counter("relay_ends_total", "Streams ended, by why.", ["reason"])
REFUSED: Final = Counter("relay_refused_total", "Requests refused.", ["code"])
