"""The runner's own figures at /metrics. ``model``: the one that was asked for, as people choose it."""

from prometheus_client import Counter, Gauge, Histogram

RUNS = Counter("natter_runs_total", "Attempts that ended, by how.", ["assistant", "outcome"])
RUNS_ACTIVE = Gauge("natter_runs_active", "Runs being executed.")
SLOTS = Gauge("natter_run_slots", "Runs that may be executed at once.")
TAKEOVERS = Counter("natter_takeovers_total", "Attempts that went on with what another had begun.", ["assistant"])
FENCED = Counter("natter_fenced_total", "Attempts that learned that they were taken over, by who said so.", ["by"])
FIRST_TOKEN_SECONDS = Histogram(
    "natter_first_token_seconds",
    "From the claim of a run to the model's first token.",
    ["assistant", "model"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
TOKEN_GAP_SECONDS = Histogram(
    "natter_token_gap_seconds",
    "The longest pause between two tokens of one model call.",
    ["assistant", "model"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
MODEL_SECONDS = Histogram(
    "natter_model_seconds",
    "Time of a model call, and how it ended.",
    ["assistant", "model", "outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
TOKENS = Counter("natter_tokens_total", "Tokens as the provider counted them.", ["assistant", "model", "direction"])
DELTAS_PUBLISHED = Counter("natter_deltas_published_total", "Messages published to DELTAS.")
TOOL_CALLS = Counter(
    "natter_tool_calls_total",
    "Tool calls, by server and how they ended.",
    ["assistant", "model", "server", "status"],
)
QUEUE_PENDING = Gauge("natter_queue_pending", "Runs that nobody has taken yet.", ["assistant"])
QUEUE_ACK_PENDING = Gauge("natter_queue_ack_pending", "Runs that are taken and not settled.", ["assistant"])
QUEUE_AGE_SECONDS = Gauge(
    "natter_queue_age_seconds",
    "How long at least the queue has had a run that nobody took; 0 where it is empty.",
    ["assistant"],
)
WEBHOOKS = Counter("natter_runner_webhooks_total", "Attempts to tell a webhook, by how they went.", ["outcome"])
