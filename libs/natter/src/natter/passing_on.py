"""Which variables of the environment each program of a stack gets: those that it reads, and no others.

A shell holds keys of clouds, registries and other projects; a program that was taken over would find them all. Names
may end in `*`. What is secret among these (`settings.PRIVATE`) is handed to its services one by one, in `stack.py`.
"""

from fnmatch import fnmatchcase
from typing import Final

from contracts.services import Service

MACHINE: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "LANG", "LANGUAGE", "LC_*", "TZ", "TERM", "NO_COLOR", "TMPDIR",
    "TMP", "TEMP", "LD_LIBRARY_PATH", "XDG_*", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip
"""What a program needs to run on this machine, and to reach the network from it."""
PYTHON: Final = ("PYTHON*", "VIRTUAL_ENV", "PYENV_*", "COVERAGE_*")
EVERY_SERVICE: Final = (
    *PYTHON, "NATS_*", "LOG_*", "METRICS_*", "DRAIN_TIMEOUT_SECONDS", "LOOP_STALL_SECONDS_MAX", "OTEL_*",
)  # fmt: skip
OWN: Final[dict[str, tuple[str, ...]]] = {
    Service.AUTH_EDGE: (
        "AUTH_EDGE_*", "ANSWER_TIMEOUT_SECONDS", "BODY_*", "CHAT_TOKEN_*", "CONCURRENT_RUNS_MAX", "CONNECTIONS_MAX",
        "CORS_ORIGINS", "EXPORTS_PER_HOUR_MAX", "HEADERS_TIMEOUT_SECONDS", "JWT_*", "PUBLIC_*", "REQUESTS_*",
        "MODEL_PRICES", "OPERATORS_*", "SERVICE_*", "SHARED_*", "TRUSTED_PROXIES",
        "TURNS_PER_MINUTE_MAX", "USER_REQUESTS_*",
        "FILE_STORE_*", "PICTURE_*", "SCANNER_URL", "UPLOAD*", "USER_UPLOADS_*",
    ),
    Service.STREAM_RELAY: ("RELAY_*", "CONNECTIONS_MAX", "CORS_ORIGINS", "JWT_*"),
    Service.CONVERSATION_STORE: (
        "CONVERSATION_STORE_*", "PRINCIPAL_SECRETS_PREVIOUS", "DATABASE_*", "DECISION_*",
        "ENQUEUED_TURNS_MAX", "ERASURE_*", "HISTORY_*", "OUTBOX_*",
        "REQUESTS_CONCURRENT_MAX", "RUN_*", "STATEMENT_SECONDS_MAX", "SWEEP_SECONDS", "TELLS_OTHERS_IDS",
        "USER_TURNS_MAX", "USER_TASKS_MAX", "USER_SHARES_MAX", "USER_BYTES_MAX", "RETENTION_DAYS",
        "USER_SCHEDULES_MAX", "USER_WEBHOOKS_MAX", "USER_SERVICE_TOKENS_MAX", "SCHEDULE_*",
        "USER_ATTACHMENTS_*", "UPLOAD_SECONDS_MAX", "UNUSED_*", "FILE_STORE_*",
        "USER_RUNS_PER_*", "USER_TOKENS_PER_*", "USER_COST_PER_*", "MODEL_PRICES",
    ),
    Service.AGENT_RUNNER: ("AGENT_RUNNER_*", "FILE_STORE_*", "OPENAI_*", "LITELLM_*"),
    Service.TASK_TOOLS: ("TASK_TOOLS_*",),
    "web": ("NATTER_*", "NEXT_*", "NODE_*", "OTEL_*", "FILE_STORE_PUBLIC_URL"),
}  # fmt: skip


def is_for(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a variable is among the names."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
