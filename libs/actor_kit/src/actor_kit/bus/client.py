"""nats-py's client, reading headers faster: that was a third of what a batch of direct gets cost."""

import nats.aio.client

BLANKS = " \t\n\r\x0b\x0c"


class Client(nats.aio.client.Client):
    """The client of every connection. What it overrides belongs to the pinned version of nats-py."""

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        """Read `Name: Value` lines. As nats-py's own: a name that is no word is left out, bad UTF-8 is replaced."""
        headers: dict[str, str] = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            name = name.strip(BLANKS)
            # nats-py asks each character whether it is a blank; a name that is one word has none.
            if colon and name.isascii() and name.split() == [name]:
                headers[name] = value.strip(BLANKS)
        return headers
