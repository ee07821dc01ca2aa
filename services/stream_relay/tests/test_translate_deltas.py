"""Messages of DELTAS as the relay reads them, and the filters of the three streams."""

import pytest
from actor_kit.bus import Received
from contracts.identity import user_token
from stream_relay.translate import Delta, Filter, live_delta


def delta(payload: bytes, *, event: str | None = None, epoch: int | None = None) -> Delta:
    return Delta("delta.u.c.r", 7, 0, event, epoch, payload)


@pytest.mark.parametrize("kind", ["thread.created", "thread.item.removed", "thread.item.done"])
def test_what_the_store_publishes_first_is_a_beginning(kind: str) -> None:
    payload = b'{"type":"%s"}' % kind.encode()
    assert delta(payload).is_beginning
    assert not delta(payload, epoch=1).is_beginning  # a runner's: something came before it
    assert not delta(payload, event="run").is_beginning


@pytest.mark.parametrize("payload", [b'{"type":"error"}', b'{"type":"thread.updated"}', b"{}", b"[]", b"no json"])
def test_what_the_store_publishes_last_is_not(payload: bytes) -> None:
    assert not delta(payload).is_beginning


@pytest.mark.parametrize(
    ("wanted", "tail"),
    [
        (Filter("a.b>"), "*.*"),
        (Filter("a.b>", "conv_1"), "conv_1.*"),
        (Filter("a.b>", run_id="run_1"), "*.run_1"),
        (Filter("a.b>", "conv_1", "run_1"), "conv_1.run_1"),
    ],
)
def test_a_filter_names_its_user_and_no_other(wanted: Filter, tail: str) -> None:
    assert wanted.stored == f"delta.{user_token('a.b>')}.{tail}"
    assert wanted.live == f"live.{user_token('a.b>')}.{tail}"


@pytest.mark.parametrize("bad", ["*", ">", "a.b", "a b", ""])
def test_an_id_that_is_no_token_makes_no_filter(bad: str) -> None:
    with pytest.raises(ValueError, match="run_id"):
        _ = Filter("alice", run_id=bad).stored


def test_a_live_delta_has_its_place_and_the_one_before_it() -> None:
    headers = {
        "Nats-Subject": "delta.u.c.r",
        "Nats-Sequence": "9",
        "Nats-Last-Sequence": "4",
        "Natter-Event": "run",
        "Natter-Epoch": "2",
    }
    assert live_delta(Received("live.u.c.r", headers, b"{}")) == Delta("delta.u.c.r", 9, 4, "run", 2, b"{}")
    odd = live_delta(Received("live.u.c.r", {**headers, "Natter-Epoch": "two"}, b"{}"))
    assert odd.epoch is None
