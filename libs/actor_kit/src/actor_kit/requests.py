"""Answers an actor's commands and queries over NATS request/reply."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import structlog
from contracts.errors import Code, ErrorReply, NatterError, RetryableError, TerminalError
from contracts.message import PAYLOAD_BYTES_MAX, Message
from contracts.registry import UNAVAILABLE, requests_to
from contracts.services import Service
from pydantic import ValidationError

from actor_kit.actor import Actor, Delivery, Handler
from actor_kit.bus import Bus, EndpointHandler, Endpoints
from actor_kit.bus.wire import ERROR_CODE_HEADER, ERROR_HEADER, SCHEMA_HEADER
from actor_kit.metrics import HANDLED_SECONDS
from actor_kit.proof import Proofs
from actor_kit.telemetry import traced

log = structlog.get_logger()

VERSION = "1.0.0"
Answer = tuple[dict[str, str], bytes]


def error_answer(error: NatterError) -> Answer:
    """Headers and payload that carry an error, as a NATS micro service does (NATS ADR-32)."""
    headers = {ERROR_HEADER: str(error.code), ERROR_CODE_HEADER: str(error.code)}
    return headers, ErrorReply.of(error).encode()


def invalid_request(error: ValidationError) -> TerminalError:
    """A body that does not follow its contract, with the name of the first field that is wrong."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    return TerminalError(Code.INVALID_REQUEST, first["msg"], field=field)


class RequestServer:
    """``async with RequestServer(bus, actor, service=…)`` answers while the block runs, then drains.

    With ``proofs`` a request is handled only where it proves for whom it is.
    With no requests to answer it still answers `$SRV.PING`, so that every service can be found on the bus.
    """

    def __init__(
        self,
        bus: Bus,
        actor: Actor | None,
        *,
        service: Service,
        proofs: Proofs | None = None,
        concurrency_max: int = 256,
        drain_timeout_seconds: float = 5.0,
    ) -> None:
        self._service = service
        self._actor = actor
        self._proofs = proofs
        self._drain_timeout_seconds = drain_timeout_seconds
        code = UNAVAILABLE.get(service, Code.OVERLOADED)  # a service without requests is never asked
        busy = RetryableError(code, "The service has too much to do.", retry_after_seconds=1.0)
        self._endpoints = Endpoints(
            client=bus.client,
            name=str(service),
            version=VERSION,
            description=f"Natter's {service}",
            concurrency_max=concurrency_max,
            too_busy=lambda: error_answer(busy),
        )

    async def __aenter__(self) -> Self:
        await self._endpoints.open(self._endpoint_handlers())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        await self._endpoints.close(self._drain_timeout_seconds)

    def _endpoint_handlers(self) -> dict[str, EndpointHandler]:
        if self._actor is None:
            return {}
        handlers = self._actor.handlers
        missing = [message.__name__ for message in requests_to(self._service) if message not in handlers]
        if missing:
            raise TypeError(f"{type(self._actor).__name__} has no handler for {', '.join(missing)}")
        return {
            message.subject_template: _endpoint(message, handlers[message], self._proofs)
            for message in requests_to(self._service)
        }


def _endpoint(message_type: type[Message], handler: Handler, proofs: Proofs | None) -> EndpointHandler:
    name = message_type.__name__

    async def answer(headers: Mapping[str, str], payload: bytes) -> Answer:
        started = time.perf_counter()
        with traced(headers, name) as span, structlog.contextvars.bound_contextvars(message=name):
            outcome, result = await _handle(message_type, handler, proofs, headers, payload)
            if outcome != "ok":
                span.set_attribute("error.type", outcome)
        HANDLED_SECONDS.labels(name, outcome).observe(time.perf_counter() - started)
        return result

    return answer


async def _handle(
    message_type: type[Message], handler: Handler, proofs: Proofs | None, headers: Mapping[str, str], payload: bytes
) -> tuple[str, Answer]:
    try:
        message = message_type.decode(payload)
        proof = proofs.check(message, headers) if proofs is not None else None
        delivery = Delivery(subject=message_type.subject_template, headers=headers, proof=proof)
        reply = await handler(message, delivery)
    except ValidationError as error:
        problem: NatterError = invalid_request(error)
    except NatterError as error:
        problem = error
    except Exception:
        log.exception("request.failed")
        problem = TerminalError(Code.INTERNAL, "Something went wrong in the service.")
    else:
        data = reply.encode() if reply is not None else b"{}"
        if len(data) <= PAYLOAD_BYTES_MAX:
            return "ok", ({SCHEMA_HEADER: str(message_type.schema_version)}, data)
        log.error("request.reply_too_large", reply_bytes=len(data))
        problem = TerminalError(Code.PAYLOAD_TOO_LARGE, "The answer is larger than one message may be.")
    return str(problem.code), error_answer(problem)
