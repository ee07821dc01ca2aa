"""What every message keeps to: strict producers, tolerant readers, golden examples that always decode."""

import json

import pytest
from contracts.errors import Code, ErrorReply, RetryableError, TerminalError
from contracts.generate.schemas import wire_bodies
from contracts.identity import Principal, user_id_of, user_token
from contracts.ids import new_run_id
from contracts.message import Body, Message
from contracts.registry import REGISTRY, Entry, requests_to
from contracts.services import Service
from contracts.text import storable
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts import commands, golden

BODIES = wire_bodies()
BY_NAME = {body.__name__: body for body in BODIES}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_every_body_has_a_golden_example_and_survives_the_wire(body: type[Body]) -> None:
    decoded = body.decode(golden.example_of(body))
    assert body.decode(decoded.encode()) == decoded


@pytest.mark.parametrize(("name", "versions"), sorted(golden.all_examples().items()))
def test_every_version_that_was_ever_sent_still_decodes(name: str, versions: list[tuple[int, bytes]]) -> None:
    assert name in BY_NAME, f"{name} was removed, but its examples say that somebody may still send it"
    for _version, data in versions:
        BY_NAME[name].decode(data)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_readers_ignore_fields_of_a_newer_producer(body: type[Body]) -> None:
    data = golden.example_of(body)
    newer = json.dumps(golden.as_json(data) | {"field_of_next_year": {"a": 1}}).encode()
    assert body.decode(newer) == body.decode(data)


def test_producers_are_strict() -> None:
    with pytest.raises(ValidationError):
        commands.RunRequested(user_id="a", conversation_id="c", run_id="r", surprise=1)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize("entry", REGISTRY, ids=lambda entry: entry.message.__name__)
def test_every_message_has_a_sentence_a_rule_and_somebody_who_sends_or_receives_it(entry: Entry) -> None:
    assert entry.message.__doc__ or entry.kind == "query"
    assert entry.senders or entry.receivers


def test_one_message_has_one_class_and_every_class_is_registered() -> None:
    registered = {entry.message for entry in REGISTRY}
    assert len(registered) == len(REGISTRY)
    assert registered == {found for found in _subclasses(Message) if "subject_template" in vars(found)}


def test_commands_queries_and_events_carry_no_clock() -> None:
    """What a message means must not depend on whose clock wrote it; stored things have their times in the views."""
    with_times = [
        f"{entry.message.__name__}.{name}"
        for entry in REGISTRY
        for name, field in entry.message.model_fields.items()
        if "datetime" in str(field.annotation).lower()
    ]
    # Which rows are asked for or meant, and when a user wants something to happen: no sender's clock wrote it.
    assert sorted(with_times) == [
        "CreateSchedule.due_at",
        "GetReport.since",
        "RestoreClearedTasks.cleared_at",
        "ScheduleFired.due_at",
    ]


def test_every_request_of_a_service_has_its_own_subject() -> None:
    subjects = [message.subject_template for message in requests_to(Service.CONVERSATION_STORE)]
    assert len(subjects) == len(set(subjects)) >= 25


@pytest.mark.parametrize("bad", ["conv_*", "conv_>", "a.b", "a b", "", "a\x00b", "x" * 65, "../x", "a/b", "ü"])
def test_an_id_that_could_be_syntax_is_refused(bad: str) -> None:
    with pytest.raises(ValidationError):
        commands.CancelRun(principal=Principal(user_id="a"), run_id=bad)


def test_ids_are_uuid7_of_128_bits_in_order_of_creation() -> None:
    ids = [new_run_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(one.startswith("run_") and len(one) == 4 + 32 and one[4 + 12] == "7" for one in ids)
    assert sorted(ids) == ids


@given(st.text(min_size=1, max_size=255).filter(lambda text: text.isprintable()))
def test_any_user_id_becomes_one_token_and_comes_back(user_id: str) -> None:
    token = user_token(user_id)
    assert user_id_of(token) == user_id
    assert not set(token) & set(".*> \t\r\n")


@given(st.text())
def test_what_a_model_says_can_always_be_stored(text: str) -> None:
    clean = storable(text)
    clean.encode()
    assert "\x00" not in clean


@pytest.mark.parametrize("error", [TerminalError(Code.NOT_FOUND, "gone"), RetryableError(Code.RATE_LIMITED, "slow")])
def test_an_error_keeps_its_kind_over_the_wire(error: TerminalError | RetryableError) -> None:
    back = ErrorReply.decode_error(ErrorReply.of(error).encode())
    assert type(back) is type(error)
    assert (back.code, back.detail) == (error.code, error.detail)


def test_an_error_code_of_a_newer_peer_is_internal_and_keeps_its_kind() -> None:
    error = ErrorReply(code="of_next_year", detail="?", retryable=True).to_error()
    assert isinstance(error, RetryableError)
    assert error.code == Code.INTERNAL


def _subclasses(of: type) -> set[type]:
    return {found for child in of.__subclasses__() for found in {child, *_subclasses(child)}}
