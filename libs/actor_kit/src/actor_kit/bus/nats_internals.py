"""All that Natter knows of the inside of nats-py: a client that is lean where each delta passes (ADR 21).

It overrides four methods and the parser's one, and uses the private attributes of `PRIVATE_ATTRIBUTES`;
`test_nats_internals.py` says in one failing test which of them a new version of nats-py has changed.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress

import nats.aio.client
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

SUBJECT = re.compile(r"[!-~]+")
BLANKS = " \t\n\r\x0b\x0c"
VERSION_LINE = b"NATS/1.0"
MSG = re.compile(rb"MSG (\S+) (\d+) (?:(\S+) )?(\d+)\r\n")
HMSG = re.compile(rb"HMSG (\S+) (\d+) (?:(\S+) )?(\d+) (\d+)\r\n")
PLAIN_HEADERS = re.compile(r"(?:[!-9;-~]+: [!-~]+\r\n)+\r\n")
PLAIN_HEADER = re.compile(r"([!-9;-~]+): ([!-~]+)\r\n")

PRIVATE_ATTRIBUTES = (
    *("_max_payload", "_pending", "_pending_data_size", "_transport"),  # to send
    *("_sid", "_subs", "_build_message", "_error_cb", "_ps"),  # to hand over what was read
    "_nuid",
)


class Client(nats.aio.client.Client):
    """The client of every connection: `send` and `listen` beside what nats-py has."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners: dict[int, Callable[[Msg], None]] = {}
        self._ps = LeanParser(self)
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
        if sid not in self._listeners:
            await super()._process_msg(sid, subject, reply, data, headers)
        elif problem := self.hand_over(sid, subject, reply, data, headers):
            await self.tell_of(problem)

    async def tell_of(self, problem: Exception) -> None:
        """Tell whoever the connection tells of errors."""
        await self._error_cb(problem)

    def is_listened_to(self, sid: int) -> bool:
        """Whether the subscription is one of `listen`."""
        return sid in self._listeners

    def hand_over(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> Exception | None:
        """Have the listener of a subscription hear a message. Returns what it raised."""
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        try:
            read = decode_headers(headers) if headers else None
            self._listeners[sid](Msg(self, subject.decode(), reply.decode(), data, read))
        except Exception as error:  # noqa: BLE001 - as nats-py: what a callback raises is told, and reading goes on
            return error
        return None

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        return _header_lines(raw.decode("utf-8", "replace"))


class LeanParser(Parser):
    """nats-py's parser, which is not asked for the messages that have a listener: those are most of what comes.

    It reads each with three patterns, a state and two coroutines; here a chunk's messages are read in one loop.
    """

    nc: Client

    async def parse(self, data: bytes = b"") -> None:
        """Read what came from the server."""
        if self.state == AWAITING_CONTROL_LINE:
            if self.buf:  # the beginning of a message whose rest is here now
                data = bytes(self.buf) + data
                self.buf.clear()
            at, problem, is_whole = self._read_messages(data)
            data = data[at:]
            if problem is not None:
                await self.nc.tell_of(problem)
                await self.parse(data)
                return
            if not is_whole:
                self.buf.extend(data)
                return
        if data:
            await super().parse(data)

    def _read_messages(self, data: bytes) -> tuple[int, Exception | None, bool]:
        """Hand over the messages at the beginning. Returns where what remains begins, what a listener raised, and
        whether what remains is something else than the beginning of such a message.
        """
        at, size, client = 0, len(data), self.nc
        while at < size:
            has_headers = data[at] == 72  # H
            head = (HMSG if has_headers else MSG).match(data, at)
            if head is None or not client.is_listened_to(sid := int(head[2])):
                return at, None, True
            begins = head.end()
            ends = begins + int(head[head.lastindex or 0])
            if ends + 2 > size:
                return at, None, False
            body = begins + int(head[4]) if has_headers else begins
            problem = client.hand_over(sid, head[1], head[3] or b"", data[body:ends], data[begins:body])
            at = ends + 2
            if problem is not None:
                return at, problem, True
        return at, None, True


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """Headers as they go over the wire (NATS ADR-4). Raises nats.errors.BadHeaderError for a line break in one."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise nats.errors.BadHeaderError("a line break in a header")
    return b"NATS/1.0\r\n%b\r\n" % lines.encode()


def decode_headers(raw: bytes) -> dict[str, str]:
    """Headers from the wire; an inline status (``NATS/1.0 503``) as `Status` and `Description`."""
    first, _, rest = raw.decode("utf-8", "replace").partition("\r\n")
    # Nearly all are plain, and are then read in a third of the time.
    headers = dict(PLAIN_HEADER.findall(rest)) if PLAIN_HEADERS.fullmatch(rest) else _header_lines(rest)
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
