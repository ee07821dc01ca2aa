"""What the relay's NATS user may do: read DELTAS, hear live deltas, ask the store. It can write nothing."""

from contracts.message import Query
from contracts.permissions import permissions_of
from contracts.registry import REGISTRY
from contracts.services import Service, inbox_prefix
from contracts.streams import STREAMS

RIGHTS = permissions_of(Service.STREAM_RELAY)


def test_the_relay_publishes_direct_gets_and_queries_only() -> None:
    queries = {
        entry.message.subject_template
        for entry in REGISTRY
        if Service.STREAM_RELAY in entry.senders and issubclass(entry.message, Query)
    }
    assert set(RIGHTS.publish) == {"$JS.API.DIRECT.GET.DELTAS", *queries}
    assert all(subject.startswith("query.conversation_store.") for subject in queries)


def test_the_relay_may_publish_into_no_stream() -> None:
    first_tokens = {subject.partition(".")[0] for stream in STREAMS for subject in stream.subjects}
    assert not [subject for subject in RIGHTS.publish if subject.partition(".")[0] in first_tokens - {"$JS"}]


def test_the_relay_hears_live_deltas_who_leads_them_its_inbox_and_discovery_only() -> None:
    heard = {subject for subject in RIGHTS.subscribe if not subject.startswith("$SRV.")}
    elected = "$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.DELTAS"
    assert heard == {"live.*.*.*", "control.user.*.revoked", elected, f"{inbox_prefix(Service.STREAM_RELAY)}.>"}
