"""What the relay's response relies on in sse-starlette, so that an upgrade which changes it fails here."""

import inspect

from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from stream_relay.response import EventStreamResponse


def parameters_of(method: object) -> list[str]:
    assert inspect.iscoroutinefunction(method)
    return list(inspect.signature(method).parameters)


def test_the_methods_that_are_overridden_and_called_are_there() -> None:
    assert parameters_of(EventSourceResponse.__call__) == ["self", "scope", "receive", "send"]
    assert parameters_of(EventSourceResponse._send_with_timeout) == ["self", "send", "message"]
    assert parameters_of(EventSourceResponse._stream_response) == ["self", "send"]
    assert parameters_of(EventSourceResponse._listen_for_disconnect) == ["self", "receive"]
    assert issubclass(SendTimeoutError, TimeoutError)


def test_only_what_costs_is_overridden() -> None:
    own = {name for name, value in vars(EventStreamResponse).items() if callable(value)}
    assert own & set(dir(EventSourceResponse)) == {"__init__", "__call__", "_send_with_timeout"}


def test_its_data_is_sent_by_their_method_through_our_timeout() -> None:
    source = inspect.getsource(EventSourceResponse._stream_response)
    assert "self._send_with_timeout(" in source
    assert "self.body_iterator" in source


def test_a_server_sent_event_has_the_fields_in_the_order_that_every_reader_here_knows() -> None:
    event = ServerSentEvent("a\r\nb\rc\nd", event="run", id="7", sep="\n")
    assert event.encode() == b"id: 7\nevent: run\ndata: a\ndata: b\ndata: c\ndata: d\n\n"
