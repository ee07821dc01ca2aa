"""One connection to NATS: it reconnects for as long as the process lives, and drains before it closes."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import nats.errors
import structlog
from contracts.errors import Code, ErrorReply, NatterError, RetryableError, TerminalError
from contracts.identity import Principal
from contracts.message import PAYLOAD_BYTES_MAX, Command, Message, Query
from contracts.services import Service, inbox_prefix
from contracts.streams import ConsumerSpec
from nats.aio.msg import Msg
from opentelemetry.trace import SpanKind

from actor_kit.bus.asking import ReplyT, ask_until, read_reply
from actor_kit.bus.direct import DirectReader
from actor_kit.bus.inbox import Inbox
from actor_kit.bus.nats_internals import Client
from actor_kit.bus.publishing import OnAck, publish_then
from actor_kit.bus.pull import PullConsumer
from actor_kit.bus.wire import (
    ERROR_CODE_HEADER,
    SCHEMA_HEADER,
    PublishAck,
    Received,
    StoredMessage,
    Subscription,
    received,
)
from actor_kit.metrics import BUS_ERRORS, BUS_REQUEST_SECONDS
from actor_kit.proof import PROOF_HEADER, prove_user
from actor_kit.settings import ServiceSettings
from actor_kit.telemetry import inject_trace
from actor_kit.tracing import span

log = structlog.get_logger()

PING_INTERVAL_SECONDS = 10
RECONNECT_WAIT_SECONDS = 0.5
CONNECT_TIMEOUT_SECONDS = 5
PENDING_BYTES_MAX = 32 * 1024 * 1024


class Bus:
    """Requests, streams and subscriptions of one service. Open it with `Bus.open` or `Bus.connect`."""

    def __init__(self, client: Client, service: Service, settings: ServiceSettings) -> None:
        self.client = client
        self.service = service
        self.settings = settings
        self._inbox = Inbox(client, inbox_prefix(service))
        self._direct = DirectReader(client, self._inbox)
        self._reconnected: list[Callable[[], Awaitable[None]]] = []

    @classmethod
    async def connect(cls, settings: ServiceSettings, *, service: Service) -> "Bus":
        """Connect, waiting until a server answers. Raises RetryableError (bus_unavailable) after a first refusal."""
        client = Client()
        bus = cls(client, service, settings)
        password = settings.nats_password.get_secret_value() if settings.nats_password else None
        seed = settings.nats_nkey_seed.get_secret_value() if settings.nats_nkey_seed else None
        try:
            await client.connect(
                servers=settings.nats_url.split(","),
                name=str(service),
                user=settings.nats_user,
                password=password,
                nkeys_seed_str=seed,
                inbox_prefix=inbox_prefix(service),
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_WAIT_SECONDS,  # pyright: ignore[reportArgumentType]  seconds, as float too
                ping_interval=PING_INTERVAL_SECONDS,
                max_outstanding_pings=2,
                pending_size=PENDING_BYTES_MAX,
                drain_timeout=int(settings.drain_timeout_seconds),
                error_cb=bus._on_error,
                disconnected_cb=bus._on_disconnected,
                reconnected_cb=bus._on_reconnected,
            )
        except (OSError, nats.errors.Error) as error:
            raise RetryableError(Code.BUS_UNAVAILABLE, f"NATS cannot be reached: {error}") from error
        client.note_connected(is_connected=True)
        await bus._inbox.open()
        return bus

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: ServiceSettings, *, service: Service) -> AsyncGenerator["Bus"]:
        """`connect`, and `drain` at the end."""
        bus = await cls.connect(settings, service=service)
        try:
            yield bus
        finally:
            await bus.drain()

    @asynccontextmanager
    async def another(self) -> AsyncGenerator["Bus"]:
        """One more connection of this service, for another event loop than this one's."""
        async with Bus.open(self.settings, service=self.service) as bus:
            yield bus

    @property
    def is_connected(self) -> bool:
        return self.client.is_connected

    def on_reconnected(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call back after each reconnect, when the subscriptions are in place again."""
        self._reconnected.append(callback)

    async def drain(self) -> None:
        """Flush what is outgoing and close."""
        if self.client.is_closed:
            return
        try:
            await self.client.drain()
        except (TimeoutError, nats.errors.Error):
            await self.client.close()

    async def flush(self) -> None:
        """Wait until the server has read all that was sent before."""
        await self.client.flush()

    # --- request and reply ------------------------------------------------------------------------------

    async def request(
        self,
        request: Command[ReplyT] | Query[ReplyT],
        *,
        timeout_seconds: float = 2.5,
        run_token: str | None = None,
        is_probe: bool = False,
    ) -> ReplyT:
        """Ask the one service that answers this command or query, and return its reply.

        With ``run_token`` the request is for a run; else a service that has PRINCIPAL_SECRET proves its principal.
        Raises what the service raised (TerminalError or RetryableError with its code), and RetryableError with
        ``bus_unavailable`` (not connected), `unavailable_code` (nobody answers) or ``deadline_exceeded``.
        A probe's errors are its caller's finding, and no errors of the bus.
        While nobody answers it asks again within the deadline: nothing was done then. After a time-out only a
        query is asked again, by the caller.
        """
        payload = request.encode()
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise TerminalError(Code.PAYLOAD_TOO_LARGE, "The request is larger than one message may be.")
        name = type(request).__name__
        with BUS_REQUEST_SECONDS.labels(name).time(), span(f"request {name}", SpanKind.CLIENT):
            headers = inject_trace(
                {SCHEMA_HEADER: str(type(request).schema_version), **self._proof(request, run_token)}
            )
            try:
                answer = await self._ask(type(request).subject_template, payload, headers, timeout_seconds)
            except RetryableError as error:
                if not is_probe:
                    BUS_ERRORS.labels(error.code).inc()
                raise
        return read_reply(request, answer)

    def _proof(self, request: Message, run_token: str | None) -> dict[str, str]:
        if run_token is not None:
            return {PROOF_HEADER: run_token}
        principal: object = getattr(request, "principal", None)
        secret = self.settings.principal_secret
        if secret is None or not isinstance(principal, Principal):
            return {}
        return {PROOF_HEADER: prove_user(secret.get_secret_value().encode(), principal)}

    async def request_bytes(
        self, subject: str, payload: bytes, *, timeout_seconds: float, proof: str | None = None
    ) -> bytes | ErrorReply:
        """Ask with bytes as they are, for tools that test contracts. Raises RetryableError where nobody answers."""
        headers = {SCHEMA_HEADER: "1", **({} if proof is None else {PROOF_HEADER: proof})}
        answer = await self._ask(subject, payload, inject_trace(headers), timeout_seconds)
        if ERROR_CODE_HEADER in (answer.headers or {}):
            return ErrorReply.decode(answer.data)
        return answer.data

    async def _ask(self, subject: str, payload: bytes, headers: dict[str, str], timeout_seconds: float) -> Msg:
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        return await ask_until(deadline, self.client, self._inbox, subject, payload, headers)

    # --- core NATS --------------------------------------------------------------------------------------

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Core NATS: whoever listens now may hear it. Raises RetryableError (bus_unavailable)."""
        try:
            await self.client.publish(subject, payload, headers=dict(headers) if headers else None)
        except nats.errors.Error as error:
            raise RetryableError(Code.BUS_UNAVAILABLE, "The bus cannot be reached.") from error

    async def subscribe(self, subject: str, callback: Callable[[Received], None], *, queue: str = "") -> Subscription:
        """Call back for each message, in order. The callback must not block."""

        return await self.client.listen(subject, lambda message: callback(received(message)), queue=queue)

    # --- JetStream --------------------------------------------------------------------------------------

    async def publish_stored(
        self,
        subject: str,
        payload: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        message_id: str | None = None,
        expected_last_subject_sequence: int | None = None,
        timeout_seconds: float = 2.0,
    ) -> PublishAck:
        """Publish into the stream of a subject and wait for its ack.

        Raises WrongLastSequence where the subject's last sequence is not the expected one, TerminalError
        (payload_too_large), RetryableError (bus_unavailable) where no ack came: publish it again with the same
        ``message_id``.
        """
        return await self.publish_async(
            subject,
            payload,
            headers,
            message_id=message_id,
            expected_last_subject_sequence=expected_last_subject_sequence,
            timeout_seconds=timeout_seconds,
        )

    def publish_async(
        self,
        subject: str,
        payload: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        message_id: str | None = None,
        expected_last_subject_sequence: int | None = None,
        timeout_seconds: float = 2.0,
    ) -> asyncio.Future[PublishAck]:
        """`publish_stored` as a future: the message is on its way when this returns; the future raises as that does.

        Messages of one connection are stored in the order they were sent.
        """
        acked: asyncio.Future[PublishAck] = asyncio.get_running_loop().create_future()

        def on_ack(ack: PublishAck | NatterError) -> None:
            if acked.done():
                return
            if isinstance(ack, NatterError):
                acked.set_exception(ack)
            else:
                acked.set_result(ack)

        self.publish_then(
            on_ack,
            subject,
            payload,
            headers,
            message_id=message_id,
            expected_last_subject_sequence=expected_last_subject_sequence,
            timeout_seconds=timeout_seconds,
        )
        return acked

    def publish_then(
        self,
        on_ack: OnAck,
        subject: str,
        payload: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        message_id: str | None = None,
        expected_last_subject_sequence: int | None = None,
        timeout_seconds: float = 2.0,
    ) -> None:
        """`publish_stored` without a future, for a writer of thousands: ``on_ack`` is called with the ack as it is
        read, or with the error that `publish_stored` raises. It must not block.
        """
        publish_then(
            self._inbox,
            on_ack,
            subject,
            payload,
            dict(headers or {}),
            message_id=message_id,
            expected_last_subject_sequence=expected_last_subject_sequence,
            timeout_seconds=timeout_seconds,
        )

    async def direct_get(
        self,
        stream: str,
        subject_filter: str,
        *,
        from_sequence: int = 1,
        batch_max: int = 256,
        timeout_seconds: float = 2.0,
    ) -> tuple[list[StoredMessage], int]:
        """Messages of a stream by subject filter, and how many more follow. Raises RetryableError."""
        return await self._direct.get(
            stream,
            subject_filter,
            from_sequence=from_sequence,
            batch_max=batch_max,
            timeout_seconds=timeout_seconds,
        )

    async def direct_get_last(
        self, stream: str, subject_filter: str, *, timeout_seconds: float = 2.0
    ) -> StoredMessage | None:
        """The last message of a subject filter. Raises RetryableError."""
        return await self._direct.get_last(stream, subject_filter, timeout_seconds=timeout_seconds)

    async def purge(self, stream: str, subject_filter: str) -> None:
        """Remove all messages of a subject filter from a stream. Raises RetryableError."""
        try:
            request = json.dumps({"filter": subject_filter}).encode()
            answer = await self.client.request(f"$JS.API.STREAM.PURGE.{stream}", request, timeout=5)
            if "error" in json.loads(answer.data):
                raise RetryableError(Code.BUS_UNAVAILABLE, f"{stream} refused to be purged.")
        except (TimeoutError, nats.errors.Error) as error:
            raise RetryableError(Code.BUS_UNAVAILABLE, f"{stream} could not be purged.") from error

    def pull_consumer(self, spec: ConsumerSpec) -> PullConsumer:
        return PullConsumer(self.client, inbox_prefix(self.service), spec)

    # --- what the connection tells ----------------------------------------------------------------------

    async def _on_error(self, error: Exception) -> None:
        # A permissions violation arrives here, asynchronously: it is a bug or an attack, and must be seen.
        is_violation = "permissions violation" in str(error).lower()
        BUS_ERRORS.labels("permissions_violation" if is_violation else type(error).__name__).inc()
        log.error("bus.permissions_violation" if is_violation else "bus.error", error=str(error) or repr(error))

    async def _on_disconnected(self) -> None:
        self.client.note_connected(is_connected=False)
        if not self.client.is_closed and not self.client.is_draining:
            log.warning("bus.disconnected")

    async def _on_reconnected(self) -> None:
        self.client.note_connected(is_connected=True)
        log.info("bus.reconnected")
        for callback in self._reconnected:
            try:
                await callback()
            except NatterError as error:
                log.warning("bus.reconnect_callback_failed", code=error.code)
