"""The figures of the store at /metrics."""

from actor_kit.metrics import LATENCY_BUCKETS_SECONDS
from prometheus_client import Counter, Gauge, Histogram

DATABASE_RETRIES = Counter("natter_store_database_retries_total", "Transactions that were tried again.")
DATABASE_CONNECTIONS = Gauge("natter_store_database_connections", "Connections of the pool.", ["state"])
OUTBOX_PUBLISHED = Counter("natter_store_outbox_published_total", "Messages of the outbox that were published.")
OUTBOX_DROPPED = Counter("natter_store_outbox_dropped_total", "Messages that the bus refuses for good.")
OUTBOX_LAG_SECONDS = Gauge("natter_store_outbox_lag_seconds", "Age of the oldest message that waits in the outbox.")
OUTBOX_WAITING = Gauge("natter_store_outbox_waiting", "Messages that wait in the outbox.")
OUTBOX_DELAY_SECONDS = Histogram(
    "natter_store_outbox_delay_seconds", "From the commit to the bus's ack.", buckets=LATENCY_BUCKETS_SECONDS
)
RUNS_WAITING = Gauge("natter_store_runs_waiting", "Runs that wait for a person, of all users.")
RUNS_UNFINISHED = Gauge("natter_store_runs_unfinished", "Runs that are not finished, over all replicas.", ["state"])
OLDEST_QUEUED_SECONDS = Gauge("natter_store_oldest_queued_seconds", "How long the oldest run waits to be claimed.")
FENCED_WRITES = Counter("natter_store_fenced_writes_total", "Writes of an attempt that was taken over, refused.")
SCHEDULES_FIRED = Counter(
    "natter_store_schedules_fired_total", "Turns that were due, by what became of them.", ["code"]
)
RUNS_SWEPT = Counter("natter_store_runs_swept_total", "Runs that the sweeper took care of.", ["outcome"])
FILES_SWEPT = Counter(
    "natter_store_files_swept_total",
    "What the sweeper deleted: `unused` attachments, files that were `due`, `orphan` files.",
    ["kind"],
)
