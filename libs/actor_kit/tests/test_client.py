"""Headers are read as nats-py itself reads them."""

import nats.aio.client
from actor_kit.bus.client import Client
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text(st.characters(max_codepoint=0x2FF, exclude_characters="\r\n"), max_size=12)
LINES = st.lists(st.tuples(NAMES, st.sampled_from([":", ": ", ":\t", ""]), NAMES), max_size=6)


@given(LINES)
def test_headers_are_read_as_nats_py_reads_them(lines: list[tuple[str, str, str]]) -> None:
    raw = "".join(f"{name}{colon}{value}\r\n" for name, colon, value in lines).encode() + b"\r\n"
    expected = nats.aio.client.Client._parse_header_lines(raw)
    expected.pop("", None)  # nobody can ask for a header without a name
    assert Client._parse_header_lines(raw) == expected


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    raw = b"Name: \xff\r\nN\xffme: x\r\n\r\n"
    assert Client._parse_header_lines(raw) == nats.aio.client.Client._parse_header_lines(raw) == {"Name": "\ufffd"}
