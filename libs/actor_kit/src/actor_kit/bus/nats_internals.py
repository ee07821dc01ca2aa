"""All that Natter knows of the inside of nats-py: a client that is lean where each delta passes (ADR 21).

It overrides four methods and uses the private attributes of `PRIVATE_ATTRIBUTES`; `test_nats_internals.py` says in one
failing test which of them a new version of nats-py has changed.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress

import nats.aio.client
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

SUBJECT = re.compile(r"[!-~]+")
BLANKS = " \t\n\r\x0b\x0c"
VERSION_LINE = b"NATS/1.0"


PRIVATE_ATTRIBUTES = (
    *("_max_payload", "_pending", "_pending_data_size", "_transport"),  # to send
    *("_sid", "_subs", "_build_message", "_error_cb"),  # to hand over what was read
    "_nuid",
)


class Client(nats.aio.client.Client):
    """The client of every connection: `send` and `listen` beside what nats-py has."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners: dict[int, Callable[[Msg], None]] = {}
        self._is_write_due = False
        self._has_connection = asyncio.Event()

    def note_connected(self, *, is_connected: bool) -> None:
        """Called when the connection comes or goes."""
        if is_connected:
            self._has_connection.set()
        else:
            self._has_connection.clear()

    async def until_connected(self) -> None:
        """Wait while a reconnect is under way; the caller bounds the time."""
        await self._has_connection.wait()

    def new_token(self) -> str:
        """A subject token that nobody else has."""
        return self._nuid.next().decode()

    # --- sending -----------------------------------------------------------------------------------------

    def send(self, subject: str, payload: bytes, *, reply: str, headers: Mapping[str, str] | None = None) -> None:
        """Publish without waiting: all messages of one turn of the event loop are written together at its end.

        (nats-py's ``publish`` takes a task for that.) Nothing is kept for a reconnect; `until_connected` waits for one.
        Whoever calls this waits for the answer to ``reply``, so what is under way is bounded. Raises nats.errors.Error.
        """
        if not self.is_connected or self.is_draining_pubs:
            raise nats.errors.ConnectionClosedError
        if len(payload) > self._max_payload:
            raise nats.errors.MaxPayloadError
        head = encode_headers(headers) if headers else b""
        if not (SUBJECT.fullmatch(subject) and SUBJECT.fullmatch(reply)):
            raise nats.errors.BadSubjectError
        verb = f"HPUB {subject} {reply} {len(head)}" if headers else f"PUB {subject} {reply}"
        command = b"%b %d\r\n%b%b\r\n" % (verb.encode(), len(head) + len(payload), head, payload)
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += len(payload)
        self._pending.append(command)
        self._pending_data_size += len(command)
        if not self._is_write_due:
            self._is_write_due = True
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        """Write all that this turn of the loop has sent at once: a system call costs more than a message."""
        self._is_write_due = False
        if not self.is_connected or self._transport is None or not self._pending:
            return  # nats-py writes it after its reconnect
        pending, self._pending, self._pending_data_size = self._pending, [], 0
        with suppress(OSError, RuntimeError):  # the socket has just been lost: the reader tells, and nobody is answered
            self._transport.writelines(pending)

    async def flush(self, timeout: int = 10) -> None:  # noqa: ASYNC109 - nats-py's signature
        """Wait until the server has read all that was sent before: nats-py's ping overtakes what it has not written."""
        self._write()
        await super().flush(timeout)

    # --- reading -----------------------------------------------------------------------------------------

    async def listen(self, subject: str, listener: Callable[[Msg], None], *, queue: str = "") -> Subscription:
        """Subscribe; ``listener`` is called for each message as it is read, in order. It must not block.

        nats-py's own callbacks cost a queue and a task's turn for each message.
        """
        sid = self._sid + 1  # the one that `subscribe` takes before it waits for anything
        self._listeners[sid] = listener
        try:
            return await self.subscribe(subject, queue=queue)  # pyright: ignore[reportUnknownMemberType]
        except BaseException:
            del self._listeners[sid]
            raise

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._listeners.pop(sid, None)
        super()._remove_sub(sid, max_msgs)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        listener = self._listeners.get(sid)
        if listener is None or sid not in self._subs:
            return await super()._process_msg(sid, subject, reply, data, headers)
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        try:
            listener(self._build_message(sid, subject, reply, data, decode_headers(headers) if headers else None))
        except Exception as error:  # noqa: BLE001 - as nats-py: what a callback raises is told, and reading goes on
            await self._error_cb(error)

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        return _header_lines(raw.decode("utf-8", "replace"))


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """Headers as they go over the wire (NATS ADR-4). Raises nats.errors.BadHeaderError for a line break in one."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise nats.errors.BadHeaderError("a line break in a header")
    return b"NATS/1.0\r\n%b\r\n" % lines.encode()


def decode_headers(raw: bytes) -> dict[str, str]:
    """Headers from the wire; an inline status (``NATS/1.0 503``) as `Status` and `Description`."""
    first, _, rest = raw.decode("utf-8", "replace").partition("\r\n")
    headers = _header_lines(rest)
    status = first[len(VERSION_LINE) :].strip()
    if status:
        headers["Status"], _, description = status.partition(" ")
        if description:
            headers["Description"] = description
    return headers


def _header_lines(text: str) -> dict[str, str]:
    """Read `Name: Value` lines. As nats-py's own: a name that is no word is left out, bad UTF-8 is replaced."""
    headers: dict[str, str] = {}
    for line in text.split("\r\n"):
        name, colon, value = line.partition(":")
        name = name.strip(BLANKS)
        # nats-py asks each character whether it is a blank; a name that is one word has none.
        if colon and name.isascii() and name.split() == [name]:
            headers[name] = value.strip(BLANKS)
    return headers
