"""What each service may publish and subscribe to on NATS, derived from the registry and the streams."""

from dataclasses import dataclass

from contracts.commands import DeliverWebhook, RunRequested
from contracts.events import AuditEvent, DeadLetter
from contracts.registry import REGISTRY
from contracts.services import Service, inbox_prefix
from contracts.streams import FILES, STREAMS
from contracts.subjects import subject_filter


@dataclass(frozen=True)
class Permissions:
    """NATS allow-lists; ``allow_responses``: may answer a request on its reply subject, once."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    allow_responses: bool


def _jetstream_rights(service: Service) -> set[str]:
    rights: set[str] = set()
    for stream in STREAMS:
        if service in stream.direct_readers:
            rights.add(f"$JS.API.DIRECT.GET.{stream.name}")
        if service in stream.purgers:
            rights.add(f"$JS.API.STREAM.PURGE.{stream.name}")
        if service in stream.message_deleters:
            rights.add(f"$JS.API.STREAM.MSG.DELETE.{stream.name}")
        if service in stream.inspectors:
            rights.add(f"$JS.API.STREAM.INFO.{stream.name}")
        if service in stream.writers:
            rights |= set(stream.subjects)
        if service is stream.pulled_by:
            rights |= {
                f"$JS.API.CONSUMER.MSG.NEXT.{stream.name}.*",
                f"$JS.API.CONSUMER.INFO.{stream.name}.*",
                f"$JS.ACK.{stream.name}.*.>",
            }
    return rights


def _discovery(service: Service) -> set[str]:
    """The subjects on which a NATS micro service answers (ADR-32 of NATS)."""
    scopes = ("", f".{service}", f".{service}.*")
    return {f"$SRV.{verb}{scope}" for verb in ("PING", "INFO", "STATS") for scope in scopes}


def permissions_of(service: Service) -> Permissions:
    """The allow-lists of one service."""
    publish = {subject_filter(entry.message) for entry in REGISTRY if service in entry.senders}
    for event in (DeadLetter, AuditEvent):  # each in its own name alone
        if subject_filter(event) in publish:
            publish ^= {subject_filter(event), subject_filter(event, service=service)}
    subscribe = {f"{inbox_prefix(service)}.>"}
    if service is Service.OPERATOR:
        publish |= {"$SRV.>", "$JS.API.>", subject_filter(RunRequested), subject_filter(DeliverWebhook)}
        publish |= set(FILES.subjects)  # to put back what a backup has
        return Permissions(tuple(sorted(publish)), tuple(sorted(subscribe)), allow_responses=False)
    publish |= _jetstream_rights(service)
    # What a consumer receives comes through its inbox; everything else by subscription.
    pulled = {subject for stream in STREAMS if stream.pulled_by for subject in stream.subjects}
    received = {subject_filter(entry.message) for entry in REGISTRY if service in entry.receivers}
    elected = {stream.leader_elected for stream in STREAMS if service in stream.heard_by}
    subscribe |= (received - pulled) | _discovery(service) | elected
    return Permissions(tuple(sorted(publish)), tuple(sorted(subscribe)), allow_responses=True)
