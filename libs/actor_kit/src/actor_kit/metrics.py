"""The figures that every service shows at /metrics; a service's own live in its metrics.py."""

from prometheus_client import Counter, Gauge, Histogram

LATENCY_BUCKETS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

BUS_REQUEST_SECONDS = Histogram(
    "natter_bus_request_seconds", "Time of a request over the bus.", ["message"], buckets=LATENCY_BUCKETS_SECONDS
)
BUS_ERRORS = Counter("natter_bus_errors_total", "Errors of the bus by what they were.", ["kind"])
HANDLED_SECONDS = Histogram(
    "natter_handled_seconds", "Time in a handler.", ["message", "outcome"], buckets=LATENCY_BUCKETS_SECONDS
)
IN_FLIGHT = Gauge("natter_in_flight", "Messages being handled.", ["mailbox"])
QUEUE_WAIT_SECONDS = Histogram(
    "natter_queue_wait_seconds",
    "From a message's publish to its first delivery.",
    ["mailbox"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
DEAD_LETTERS_COUNT = Counter("natter_dead_letters_total", "Messages given up.", ["message", "code"])
LOOP_DELAY_SECONDS = Histogram(
    "natter_loop_delay_seconds",
    "How late the event loop does what is due, looked at four times a second.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
LOOP_DELAY_LAST_SECONDS = Gauge("natter_loop_delay_last_seconds", "The last one of these delays.")
TURNED_AWAY = Counter("natter_turned_away_total", "HTTP requests answered 503 because of too many connections.")
