"""What our client does itself, it does as nats-py does; nothing in a header or subject becomes a command."""

import asyncio
import inspect
import re
from importlib.metadata import version

import nats.aio.client
import nats.errors
import pytest
from actor_kit.bus import Bus, Received
from actor_kit.bus.nats_internals import PRIVATE_ATTRIBUTES, Client, LeanParser, decode_headers, encode_headers
from hypothesis import given
from hypothesis import strategies as st
from nats.protocol.parser import Parser

NAMES = st.text(st.characters(max_codepoint=0x2FF, exclude_characters="\r\n"), max_size=12)
LINES = st.lists(st.tuples(NAMES, st.sampled_from([":", ": ", ":\t", ""]), NAMES), max_size=6)


OVERRIDDEN = {
    "flush": ["self", "timeout"],
    "_remove_sub": ["self", "sid", "max_msgs"],
    "_process_msg": ["self", "sid", "subject", "reply", "data", "headers"],
    "_parse_header_lines": ["raw"],
}
CALLED = {
    "_build_message": ["self", "sid", "subject", "reply", "data", "headers"],
    "subscribe": ["self", "subject", "queue", "cb"],
}


def test_nats_py_is_inside_as_we_believe() -> None:
    """An upgrade that changes what `nats_internals` relies on fails here, and says what."""
    theirs, what = nats.aio.client.Client, f"nats-py {version('nats-py')}"
    for name, parameters in (OVERRIDDEN | CALLED).items():
        found = getattr(theirs, name, None)
        assert found is not None, f"{what} has no Client.{name}"
        assert list(inspect.signature(found).parameters)[: len(parameters)] == parameters, f"{what}: Client.{name}"
    ours = {name for name in vars(Client) if name in vars(theirs) and name[:2] != "__"}
    assert ours == set(OVERRIDDEN), "what we override is in this list"
    assert list(inspect.signature(Parser.parse).parameters) == ["self", "data"], f"{what}: Parser.parse"
    client = theirs()
    for name in ("buf", "state", "nc"):
        assert hasattr(client._ps, name), f"{what}: its parser has no {name}"
    for name in PRIVATE_ATTRIBUTES:
        assert hasattr(client, name), f"{what} has no {name}"
    assert isinstance(client._pending, list), f"{what}: _pending"
    for name in ("_transport", "_pending_data_size", "_sid", "_subs", "_max_payload"):
        assert f"self.{name}" in inspect.getsource(theirs), f"{what}: {name} is not used any more"
    used = set(re.findall(r"(?:self|client)\.(_[a-z]\w*)", inspect.getsource(inspect.getmodule(Client))))  # type: ignore[arg-type]
    own = (
        {name for name in vars(Client()) if name not in vars(client)}
        | set(vars(Client))
        | set(vars(LeanParser))
        | set(CALLED)
    )
    assert used - own <= set(PRIVATE_ATTRIBUTES), "what we use of nats-py is in the list"


@given(LINES)
def test_headers_are_read_as_nats_py_reads_them(lines: list[tuple[str, str, str]]) -> None:
    raw = "".join(f"{name}{colon}{value}\r\n" for name, colon, value in lines).encode() + b"\r\n"
    expected = nats.aio.client.Client._parse_header_lines(raw)
    expected.pop("", None)  # nobody can ask for a header without a name
    assert Client._parse_header_lines(raw) == expected


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    raw = b"Name: \xff\r\nN\xffme: x\r\n\r\n"
    assert Client._parse_header_lines(raw) == nats.aio.client.Client._parse_header_lines(raw) == {"Name": "\ufffd"}


LISTENED, THEIRS = 1, 2


class Recording(Client):
    """Keeps what is read: by a listener, or by nats-py's own subscription."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[tuple[str, bytes, dict[str, str]]] = []
        self._listeners[LISTENED] = lambda message: self.read.append(
            (f"{message.subject} {message.reply}", message.data, message.headers or {})
        )

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        self.read.append(
            (f"{subject.decode()} {reply.decode()}", data, decode_headers(headers) if headers else {}),
        )

    async def _process_ping(self) -> None:
        self.read.append(("PING", b"", {}))


def as_sent(sid: int, reply: str, data: bytes, headers: dict[str, str]) -> bytes:
    subject = f"of.{sid} {sid} " + (f"{reply} " if reply else "")
    if not headers:
        return f"MSG {subject}{len(data)}\r\n".encode() + data + b"\r\n"
    head = encode_headers(headers)
    return f"HMSG {subject}{len(head)} {len(head) + len(data)}\r\n".encode() + head + data + b"\r\n"


SENT = st.lists(
    st.just(b"PING\r\n")
    | st.builds(
        as_sent,
        st.sampled_from([LISTENED, LISTENED, THEIRS]),
        st.sampled_from(["", "an.inbox", "7"]),
        st.binary(max_size=30) | st.just(b"\r\nMSG of.1 1 0\r\n\r\n"),
        st.dictionaries(st.sampled_from(["Nats-Sequence", "A"]), st.sampled_from(["1", "two words"]), max_size=2),
    ),
    max_size=8,
)


@given(SENT, st.lists(st.integers(1, 40), max_size=30))
async def test_messages_are_read_as_nats_py_reads_them_however_they_are_cut(
    sent: list[bytes], sizes: list[int]
) -> None:
    ours, theirs = Recording(), Recording()
    theirs._ps = Parser(theirs)
    wire = b"".join(sent)
    for size in [*sizes, len(wire)]:
        chunk, wire = wire[:size], wire[size:]
        for client in (ours, theirs):
            await client._ps.parse(chunk)
    assert ours.read == theirs.read
    assert len(ours.read) == len(sent)


WORDS = st.from_regex(r"[A-Za-z0-9-]{1,12}", fullmatch=True)
VALUES = st.text(st.characters(max_codepoint=0x2FF, exclude_categories=("Cc",)), max_size=20)


@given(st.dictionaries(WORDS, VALUES, min_size=1, max_size=6))
def test_headers_come_back_as_they_were_written(headers: dict[str, str]) -> None:
    expected = {name: value.strip(" \t") for name, value in headers.items()}
    assert decode_headers(encode_headers(headers)) == expected


@pytest.mark.parametrize("value", ["a\r\nPUB x 0\r\n", "a\nb", "a\rb"])
def test_a_line_break_in_a_header_is_refused(value: str) -> None:
    with pytest.raises(nats.errors.BadHeaderError):
        encode_headers({"Name": value})
    with pytest.raises(nats.errors.BadHeaderError):
        encode_headers({value: "Name"})


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (b"NATS/1.0 503\r\n\r\n", {"Status": "503"}),
        (b"NATS/1.0 404 Message Not Found\r\n\r\n", {"Status": "404", "Description": "Message Not Found"}),
        (b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 7\r\n\r\n",
         {"Status": "204", "Description": "EOB", "Nats-Num-Pending": "7"}),
    ],
)  # fmt: skip
async def test_a_status_is_read_as_nats_py_reads_it(raw: bytes, headers: dict[str, str]) -> None:
    assert decode_headers(raw) == headers == await nats.aio.client.Client()._process_headers(raw)


@pytest.mark.parametrize("subject", ["a b", "a\r\nPUB b 0\r\n\r\n", "a\tb", "", "a\u2028b"])
async def test_a_subject_that_is_none_is_refused(store_bus: Bus, subject: str) -> None:
    with pytest.raises(nats.errors.BadSubjectError):
        store_bus.client.send(subject, b"", reply="answers.here")
    with pytest.raises(nats.errors.BadSubjectError):
        store_bus.client.send("subject", b"", reply=subject, headers={"Name": "value"})


async def test_a_listener_that_raises_is_told_and_does_not_end_the_reading(store_bus: Bus) -> None:
    heard: asyncio.Queue[Received] = asyncio.Queue()

    def listener(received: Received) -> None:
        if received.payload == b"1":
            raise ValueError("a bug")
        heard.put_nowait(received)

    await store_bus.subscribe("live.dXNlcg.>", listener)
    for payload in (b"1", b"2"):
        await store_bus.publish_stored("delta.dXNlcg.conv_1.run_1", payload)
    assert (await asyncio.wait_for(heard.get(), 2)).payload == b"2"


async def test_nothing_is_heard_after_unsubscribing(store_bus: Bus) -> None:
    heard: list[Received] = []
    subscription = await store_bus.subscribe("live.dXNlcg.>", heard.append)
    await store_bus.publish_stored("delta.dXNlcg.conv_1.run_1", b"1")
    await subscription.unsubscribe()
    await store_bus.publish_stored("delta.dXNlcg.conv_1.run_1", b"2")
    await store_bus.flush()
    assert [received.payload for received in heard] == [b"1"]
