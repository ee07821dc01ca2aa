"""The runner's own figures at /metrics."""

from prometheus_client import Counter, Gauge, Histogram

RUNS = Counter("natter_runs_total", "Attempts that ended, by how.", ["outcome"])
RUNS_ACTIVE = Gauge("natter_runs_active", "Runs being executed.")
SLOTS = Gauge("natter_run_slots", "Runs that may be executed at once.")
FIRST_TOKEN_SECONDS = Histogram(
    "natter_first_token_seconds",
    "From the claim of a run to the model's first token.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
DELTAS_PUBLISHED = Counter("natter_deltas_published_total", "Messages published to DELTAS.")
TOOL_CALLS = Counter("natter_tool_calls_total", "Tool calls, by server and how they ended.", ["server", "status"])
