"""The provider side of every contract of a running service: examples in, shapes and error codes out."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from actor_kit.bus import Bus
from actor_kit.proof import prove_user
from contracts.errors import Code, ErrorReply
from contracts.identity import Principal
from contracts.ids import new_id
from contracts.message import Message, reply_type_of
from contracts.registry import REGISTRY, Entry, Rule
from contracts.replies import Done
from contracts.services import Service
from pydantic import ValidationError

from contracts import golden
from natter.contract_tests.connections import Connections
from natter.contract_tests.scenario import STORE_SCENARIO, Step

REQUEST_TIMEOUT_SECONDS = 5.0
ENTRIES = {entry.message: entry for entry in REGISTRY}
ID_FIELDS = (
    "conversation_id",
    "run_id",
    "message_id",
    "task_id",
    "schedule_id",
    "webhook_id",
    "attachment_id",
    "epoch",
)
ONE_RUN = frozenset({Service.AGENT_RUNNER})
"""Who sends what is for one run, and proven with its token."""
NAMED_ID = {
    Rule.CONVERSATION_OWNER: "conversation_id",
    Rule.RUN_OWNER: "run_id",
    Rule.CLAIM: "run_id",
    Rule.RUN_EPOCH: "run_id",
    Rule.TASK_OWNER: "task_id",
    Rule.ATTACHMENT_OWNER: "attachment_id",
}


@dataclass(frozen=True)
class Verdict:
    """One check of one message. ``problem`` is None where the service keeps the contract."""

    message: str
    check: str
    problem: str | None = None


class ProviderTest:
    """Walks through the scenario as a user of its own, and asks each request in the ways that must be refused first."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._user_id = new_id("contract-test")
        self._stranger_id = new_id("contract-test-stranger")
        self._known: dict[str, Any] = {"user_id": self._user_id}

    async def run(self) -> AsyncIterator[Verdict]:
        """Every check, in order. The user is erased by the last step."""
        for step in STORE_SCENARIO:
            body = self._body(step)
            entry = ENTRIES[step.message]
            if not step.path:
                async for verdict in self._refusals(entry, step.message, body):
                    yield verdict
            yield await self._accepted(step, body)

    def _body(self, step: Step) -> dict[str, Any]:
        body: dict[str, Any] = golden.as_json(golden.example_of(step.message))
        if "principal" in step.message.model_fields:
            body["principal"] = {"user_id": self._user_id}
        for name in ID_FIELDS:
            if name in body and name in self._known:
                body[name] = self._known[name]
        for name in step.drop:
            body.pop(name, None)
        for path, value in step.change.items():
            *parents, last = path.split(".")
            target = body
            for parent in parents:
                target = target[parent]
            target[last] = self._filled(value)
        return body

    def _filled(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._filled(element) for element in value]  # pyright: ignore[reportUnknownVariableType]
        is_name = isinstance(value, str) and value.startswith("$")
        return self._known.get(value[1:], value[1:]) if is_name else value

    async def _accepted(self, step: Step, body: dict[str, Any]) -> Verdict:
        """The example, with a field of a newer caller, is answered with its reply."""
        check = f"answers its example ({step.path})" if step.path else "answers its example and ignores a new field"
        name = step.message.__name__
        answer = await self._ask(step.message, body | {"field_of_a_newer_caller": 1})
        if isinstance(answer, ErrorReply):
            return Verdict(name, check, f"refused with {answer.code}: {answer.detail}")
        reply_type = reply_type_of(step.message) or Done
        try:
            reply_type.decode(answer)
        except ValidationError as error:
            return Verdict(name, check, f"the reply is not a {reply_type.__name__}: {error.errors()[0]['msg']}")
        document = json.loads(answer)
        for known, path in step.remember.items():
            value = document
            for part in path.split("."):
                value = value[part]
            self._known[known] = value
        return Verdict(name, check)

    async def _refusals(self, entry: Entry, message: type[Message], body: dict[str, Any]) -> AsyncIterator[Verdict]:
        if "principal" in body:
            without = self._without_principal(body)
            yield await self._refused(message, without, "names a missing field", Code.INVALID_REQUEST)
        yield await self._refused(message, None, "refuses what is not JSON", Code.INVALID_REQUEST)
        named = NAMED_ID.get(entry.rule)
        if named is None or named not in body:
            return
        stranger = body | {"principal": {"user_id": self._stranger_id}}
        yield await self._refused(message, stranger, "refuses another user", Code.FORBIDDEN)
        unknown = body | {named: new_id("unknown")}
        is_of_one_run = entry.senders == ONE_RUN and entry.rule is not Rule.CLAIM
        code = Code.FORBIDDEN if is_of_one_run else Code.NOT_FOUND  # a run's token tells nothing of other ids
        yield await self._refused(message, unknown, "does not know an unknown id", code)
        if entry.rule is Rule.RUN_EPOCH:
            stale = body | {"epoch": body["epoch"] - 1}
            yield await self._refused(message, stale, "refuses a stale epoch", Code.RUN_STALE_EPOCH)

    @staticmethod
    def _without_principal(body: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in body.items() if name != "principal"}

    async def _refused(
        self, message: type[Message], body: dict[str, Any] | None, check: str, expected: Code
    ) -> Verdict:
        answer = await self._ask(message, body)
        if not isinstance(answer, ErrorReply):
            return Verdict(message.__name__, check, f"was answered, expected {expected}")
        if answer.code != expected:
            return Verdict(message.__name__, check, f"was refused with {answer.code}, expected {expected}")
        if expected is Code.INVALID_REQUEST and body is not None and answer.field != "principal":
            return Verdict(message.__name__, check, f"the field is {answer.field!r}, expected 'principal'")
        return Verdict(message.__name__, check)

    async def _ask(self, message: type[Message], body: dict[str, Any] | None) -> bytes | ErrorReply:
        bus: Bus = await self._connections(sorted(ENTRIES[message].senders)[0])
        payload = b"{not json" if body is None else json.dumps(body).encode()
        return await bus.request_bytes(
            message.subject_template, payload, timeout_seconds=REQUEST_TIMEOUT_SECONDS, proof=self._proof(bus, message)
        )

    def _proof(self, bus: Bus, message: type[Message]) -> str | None:
        """What a request of the test's user is proven with: the token that the claim gave, or an assertion."""
        if ENTRIES[message].senders == ONE_RUN:
            return self._known.get("run_token")
        secret = bus.settings.principal_secret
        if secret is None:
            return None
        # As by a token that is issued after the revocation which is one of the steps.
        issued_at = datetime.now(UTC) + timedelta(seconds=5)
        return prove_user(secret.get_secret_value().encode(), Principal(user_id=self._user_id), issued_at=issued_at)
