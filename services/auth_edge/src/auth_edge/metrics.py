"""The figures of auth_edge at /metrics, beside those of actor_kit."""

from actor_kit.metrics import LATENCY_BUCKETS_SECONDS
from prometheus_client import Counter, Histogram

HTTP_SECONDS = Histogram(
    "natter_http_seconds",
    "Time of an HTTP request.",
    ["method", "route", "status"],
    buckets=LATENCY_BUCKETS_SECONDS,
)
TRANSCRIPTION_SECONDS = Histogram(
    "natter_transcription_seconds",
    "Time in which speech was written down, or was not.",
    buckets=LATENCY_BUCKETS_SECONDS,
)
AUDITED = Counter("natter_audited_total", "What the web app has noted, failed sign-ins among it.", ["action"])
REFUSED_TOKENS = Counter("natter_refused_tokens_total", "Requests whose token was refused.", ["reason"])
