"""The JetStream streams and consumers, as they must be; created at start by the operator, checked by `doctor`."""

from dataclasses import dataclass
from typing import Literal

from contracts.commands import DeliverWebhook, RunRequested
from contracts.ids import FIRST_ASSISTANT_ID, AssistantId
from contracts.services import Service
from contracts.subjects import subject_filter

DAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True)
class ConsumerSpec:
    """A durable pull consumer: the mailbox of a service."""

    name: str
    stream: str
    filter_subject: str
    ack_wait_seconds: float
    max_deliver: int
    max_ack_pending: int


@dataclass(frozen=True)
class StreamSpec:
    """A stream. ``republish`` is (source, destination); ``first_sequence_from_clock`` see DELTAS."""

    name: str
    subjects: tuple[str, ...]
    retention: Literal["limits", "workqueue"]
    description: str
    max_age_seconds: float
    max_bytes: int
    duplicate_window_seconds: float = 120
    discard: Literal["old", "new"] = "old"
    allow_direct: bool = False
    republish: tuple[str, str] | None = None
    first_sequence_from_clock: bool = False
    direct_readers: frozenset[Service] = frozenset()
    purgers: frozenset[Service] = frozenset()
    heard_by: frozenset[Service] = frozenset()
    """Who hears what is republished, and has to know when another server of a cluster leads the stream."""
    writers: frozenset[Service] = frozenset()
    """Who publishes into it what is no message of the registry: the chunks of files."""
    message_deleters: frozenset[Service] = frozenset()
    """Who may delete single messages."""
    inspectors: frozenset[Service] = frozenset()
    """Who may ask which subjects it holds."""
    allows_rollup: bool = False
    is_size_a_setting: bool = False
    """NATS_FILES_BYTES_MAX says how much it may hold; the size here is the default."""
    is_age_a_setting: bool = False
    """AUDIT_RETENTION_DAYS says how long it keeps what it has; the age here is the default."""
    pulled_by: Service | None = None
    """Whose mailboxes all its consumers are."""

    @property
    def leader_elected(self) -> str:
        """Where NATS says that a server leads this stream now. It may have what the one before it, which died, had
        stored and not yet republished.
        """
        return f"$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.{self.name}"


RUN_STALLS_MAX = 3
"""How often a run may make its runner's event loop stand still, until it is given up."""
RUN_DELIVERIES_MAX = 8
"""How often a run's message is delivered, whatever ended the attempt; the last one only ends the run. More than the
stalls, so that a run that stalls is given up for that. A run that kills its runners is given up, but one that was
beside it, or met some outages in a row, is not."""
RUN_CLAIMS_MAX = 20
"""How often a run is claimed, over all its messages. More than the deliveries of one: the queue may lose a message, and
a claim counts whose answer was lost."""


def runs_mailbox(assistant_id: AssistantId) -> ConsumerSpec:
    """The runs of one assistant: each has a queue of its own, so that each is deployed, scaled and broken alone."""
    return ConsumerSpec(
        name=f"agent_runner_{assistant_id}",
        stream="RUNS",
        filter_subject=subject_filter(RunRequested, assistant_id=assistant_id),
        ack_wait_seconds=8,
        max_deliver=RUN_DELIVERIES_MAX,
        max_ack_pending=100_000,
    )


RUNS_MAILBOX = runs_mailbox(FIRST_ASSISTANT_ID)
"""Of the assistant that is served where no other is named."""

WEBHOOKS_MAILBOX = ConsumerSpec(
    name="agent_runner_webhooks",
    stream="WEBHOOKS",
    filter_subject=subject_filter(DeliverWebhook),
    ack_wait_seconds=30,
    max_deliver=9,
    max_ack_pending=100_000,
)
"""Nine attempts: with the pauses between them a receiver may be away for a day."""

WEBHOOKS = StreamSpec(
    name="WEBHOOKS",
    subjects=(subject_filter(DeliverWebhook),),
    retention="workqueue",
    description="Ends of runs that addresses of users are still to be told of.",
    max_age_seconds=7 * DAY_SECONDS,
    max_bytes=64 * 1024 * 1024,
    discard="new",
    pulled_by=Service.AGENT_RUNNER,
)

SUBJECT_OF_ONE_ASSISTANT = "run.*.*.requested"
"""Where runs were requested when there was one assistant. A store of that version may still ask there: it is taken in,
nobody looks for it, and the sweeper asks again where the runners are."""
CONSUMER_OF_ONE_ASSISTANT = "agent_runner"
"""The one consumer of that time. It would take every assistant's runs."""

RUNS = StreamSpec(
    name="RUNS",
    subjects=(subject_filter(RunRequested), SUBJECT_OF_ONE_ASSISTANT),
    retention="workqueue",
    description="Runs that wait for a free runner; Postgres is the record, this is the queue.",
    max_age_seconds=7 * DAY_SECONDS,
    max_bytes=64 * 1024 * 1024,
    discard="new",
    pulled_by=Service.AGENT_RUNNER,
)

DELTAS = StreamSpec(
    name="DELTAS",
    subjects=("delta.*.*.*",),
    retention="limits",
    description="What viewers see. Each stored message is republished on live.… with its sequence.",
    max_age_seconds=60 * 60,
    max_bytes=512 * 1024 * 1024,
    allow_direct=True,
    republish=("delta.>", "live.>"),
    # Sequences start at the creation time in microseconds, so that an id of an earlier DELTAS (deleted, restored)
    # is always below the first one of this: it reads as expired, never as a place in the new stream.
    first_sequence_from_clock=True,
    direct_readers=frozenset({Service.STREAM_RELAY, Service.AGENT_RUNNER, Service.CONVERSATION_STORE}),
    purgers=frozenset({Service.CONVERSATION_STORE}),
    heard_by=frozenset({Service.STREAM_RELAY}),
)

DEAD_LETTERS = StreamSpec(
    name="DEAD_LETTERS",
    subjects=("dead_letter.>", "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"),
    retention="limits",
    description="Messages that could not be handled, and JetStream's word that it gave one up.",
    max_age_seconds=30 * DAY_SECONDS,
    max_bytes=64 * 1024 * 1024,
    allow_direct=True,
    # To have one handled again for the operator's page: it publishes runs anyway.
    direct_readers=frozenset({Service.CONVERSATION_STORE}),
    message_deleters=frozenset({Service.CONVERSATION_STORE}),
)

AUDIT = StreamSpec(
    name="AUDIT",
    subjects=("audit.*.*.*",),
    retention="limits",
    description="Who signed in, took their data along, had it erased, allowed or shared something. No content.",
    max_age_seconds=90 * DAY_SECONDS,
    max_bytes=256 * 1024 * 1024,
    allow_direct=True,
    is_age_a_setting=True,
)

FILES_BUCKET = "FILES"
FILES = StreamSpec(
    # A bucket of NATS's Object Store is a stream of this name and these subjects (NATS ADR-20).
    name=f"OBJ_{FILES_BUCKET}",
    subjects=(f"$O.{FILES_BUCKET}.C.>", f"$O.{FILES_BUCKET}.M.>"),
    retention="limits",
    description="The bytes of attachments; Postgres says whose they are.",
    max_age_seconds=0,
    max_bytes=4 * 1024**3,
    discard="new",
    allow_direct=True,
    allows_rollup=True,
    writers=frozenset({Service.AUTH_EDGE, Service.AGENT_RUNNER}),
    direct_readers=frozenset({Service.AUTH_EDGE, Service.AGENT_RUNNER, Service.CONVERSATION_STORE}),
    purgers=frozenset({Service.CONVERSATION_STORE}),
    inspectors=frozenset({Service.CONVERSATION_STORE}),
    is_size_a_setting=True,
)

STREAMS: tuple[StreamSpec, ...] = (RUNS, WEBHOOKS, DELTAS, DEAD_LETTERS, AUDIT, FILES)
