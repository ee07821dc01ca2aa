"""Subjects are built from templates, and what users choose is never syntax."""

import pytest
from contracts.commands import RunRequested
from contracts.events import ChatKitDelta, RunCancelRequested
from contracts.subjects import parse_subject, subject_filter, subject_of


def test_a_subject_is_filled_in_and_read_back() -> None:
    subject = subject_of(ChatKitDelta, user_id="a.*>b", conversation_id="conv_1", run_id="run_1")
    assert subject == "delta.YS4qPmI.conv_1.run_1"
    assert parse_subject(ChatKitDelta, subject) == {
        "user_token": "YS4qPmI",
        "conversation_id": "conv_1",
        "run_id": "run_1",
    }


def test_a_filter_leaves_the_unknown_open() -> None:
    assert subject_filter(RunRequested) == "run.*.*.*.requested"
    assert subject_filter(ChatKitDelta, user_id="alice") == "delta.YWxpY2U.*.*"


@pytest.mark.parametrize("bad", ["*", ">", "a.b", "a b", "", "a\n"])
def test_a_token_that_is_syntax_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="run_id is not a subject token"):
        subject_of(RunCancelRequested, run_id=bad)


def test_a_missing_token_is_refused() -> None:
    with pytest.raises(ValueError, match="needs run_id"):
        subject_of(RunCancelRequested)


@pytest.mark.parametrize("subject", ["run.t.a.b.requested.c", "run.a.b.requested", "other.t.a.b.requested"])
def test_a_foreign_subject_is_not_read(subject: str) -> None:
    with pytest.raises(ValueError, match="is not a subject of RunRequested"):
        parse_subject(RunRequested, subject)
