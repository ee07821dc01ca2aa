"""What the calls of an attempt wait for a person with: they are parked until nothing else of the run is at work."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

import structlog
from contracts.replies import RunClaimed
from contracts.waiting import CallToDecide, DecidedCall, Form
from natterkit.asking import NotAnsweredError, Request
from pydantic import JsonValue

from agent_runner import rules
from agent_runner.equipment import NESTED
from agent_runner.tool_results import Outcome
from agent_runner.waiting_items import approval_item, client_tool_item, consent_item, form_of, question_item

log = structlog.get_logger()

SETTLE_SECONDS = 0.05
"""How long nothing has to be at work: the calls of one model turn begin together, and one may follow another."""
ASKING_CALL_CHARACTERS_MAX = 240
"""Of a call's id: what the call asks is named by it, with a number behind it."""
CONSENTS_MAX = 3
"""How often a run's user is asked to connect a server: the token of a first consent may be refused at once."""


class Asked(BaseException):
    """A tool has come to a question that nobody has answered yet. It takes the call off the stack, past what an author
    may do about errors.
    """


@dataclass
class Waits:
    """The calls of one attempt that are at work, and those that wait. ``on_quiet`` is called once, when only those are
    left that wait; then the run is suspended, and the attempt after the decisions executes them.

    A call that begins after that waits as well: it has done nothing yet, and is executed by the next attempt.
    """

    claimed: RunClaimed
    mark_asking: Callable[[str], Awaitable[None]]
    """Has the ledger say that a call is to be begun anew."""
    on_quiet: Callable[[], None] = lambda: None
    is_suspending: bool = False
    to_decide: tuple[CallToDecide, ...] = ()
    """What the run is to wait for, once it is quiet."""
    _calls: dict[str, str] = field(default_factory=dict[str, str])
    """The calls at work, each with the one that it is nested in, "" where it is in none."""
    _parked: set[str] = field(default_factory=set[str])
    _pending: dict[str, CallToDecide] = field(default_factory=dict[str, CallToDecide])
    _asked_counts: dict[str, int] = field(default_factory=dict[str, int])
    _models_count: int = 0
    _changes_count: int = 0

    def __post_init__(self) -> None:
        self._decided = {one.call_id: one for one in self.claimed.decisions}
        self._standing = frozenset(self.claimed.standing_approvals)

    # --- what is at work -----------------------------------------------------------------------------------

    @contextmanager
    def call(self, call_id: str) -> Generator[None]:
        """A call is at work while the block runs, unless it is parked."""
        scope = NESTED.get()
        self._calls[call_id] = scope.call_id if scope is not None else ""
        self._change()
        try:
            yield
        finally:
            self._calls.pop(call_id, None)
            self._parked.discard(call_id)
            for key in [key for key in self._pending if key == call_id or key.startswith(f"{call_id}.")]:
                del self._pending[key]  # it has ended otherwise
            self._change()

    @contextmanager
    def model(self) -> Generator[None]:
        """A model is at work."""
        self._models_count += 1
        self._change()
        try:
            yield
        finally:
            self._models_count -= 1
            self._change()

    @property
    def _is_quiet(self) -> bool:
        return bool(self._pending) and not self._models_count and all(map(self._is_held, self._calls))

    def _is_held(self, call_id: str) -> bool:
        """Whether a call waits, or has nothing at work but calls that do."""
        inner = [one for one, outer in self._calls.items() if outer == call_id]
        return call_id in self._parked or (bool(inner) and all(map(self._is_held, inner)))

    def _change(self) -> None:
        self._changes_count += 1
        if not self.is_suspending and self._is_quiet:
            asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._settle, self._changes_count)

    def _settle(self, changes_count: int) -> None:
        if changes_count == self._changes_count and self._is_quiet and not self.is_suspending:
            self.is_suspending = True
            # Of tools of the page one at a time: ChatKit's outputs do not say whose they are.
            tools = [call.call_id for call in self._pending.values() if call.kind == "client_tool"]
            self.to_decide = tuple(call for call in self._pending.values() if call.call_id not in tools[1:])
            self.on_quiet()

    async def _park(self, call_id: str) -> NoReturn:
        """Wait for the end of the attempt."""
        self._parked.add(call_id)
        self._change()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("a parked call only ever ends by its attempt's end")

    async def _mark_outer(self, call_id: str) -> None:
        """The calls that it is nested in are executed again when it has been decided."""
        outer = self._calls.get(call_id, "")
        while outer in self._calls:
            await self.mark_asking(outer)
            outer = self._calls[outer]

    async def park_before(self, call_id: str) -> NoReturn:
        """Wait with a call that has not begun."""
        await self._mark_outer(call_id)
        await self._park(call_id)

    async def if_suspending(self, call_id: str) -> None:
        """A call that comes too late for this attempt waits for the next one."""
        if self.is_suspending:
            await self._park(call_id)

    # --- approvals -----------------------------------------------------------------------------------------

    async def approval(
        self, call_id: str, tool: str, arguments: JsonValue, *, standing_name: str, where: str | None = None
    ) -> Outcome | None:
        """None where the call is approved; what came of it where it was not; else it waits. ``where``: whose tool."""
        decided = self._decided.get(call_id)
        if decided is not None:
            return None if decided.verdict == "approve" else declined(decided)
        if standing_name in self._standing:
            return None
        await self._mark_outer(call_id)
        item = approval_item(self.claimed.run.conversation_id, tool, arguments, where)
        self._pending[call_id] = CallToDecide(
            call_id=call_id,
            kind="approval",
            tool=tool,
            arguments=arguments,
            message_id=item["id"],
            item=item,
            standing_name=standing_name,
        )
        return await self._park(call_id)

    # --- questions and consents ----------------------------------------------------------------------------

    def ask(self, call_id: str | None, request: Request) -> Any:
        """What was answered to the call's n-th request. Raises NotAnsweredError, Asked, LookupError outside a call."""
        if call_id is None or call_id not in self._calls:
            raise LookupError("ctx.ask and ctx.client_tool are for function tools: only their calls can be resumed.")
        decided = self.decided(call_id, lambda key: self._to_decide(key, request))
        if decided.verdict == "approve":
            return decided.answer
        raise NotAnsweredError("expired" if decided.verdict == "expired" else "declined", decided.reason)

    def decided(self, call_id: str, make: Callable[[str], CallToDecide]) -> DecidedCall:
        """What came of the call's n-th request, which ``make`` makes for its id where it is new. Raises Asked."""
        number = self._asked_counts[call_id] = self._asked_counts.get(call_id, 0) + 1
        key = f"{call_id[:ASKING_CALL_CHARACTERS_MAX]}.{number}"
        decided = self._decided.get(key)
        if decided is None:
            self._pending[key] = make(key)
            raise Asked
        return decided

    def question(self, key: str, tool: str, form: Form) -> CallToDecide:
        """A form that is to be asked."""
        item = question_item(self.claimed.run.conversation_id, form)
        return CallToDecide(call_id=key, kind="question", tool=tool, form=form, message_id=item["id"], item=item)

    def has_refused(self, server: str) -> bool:
        """Whether the run's user was asked to connect a server, and did not."""
        return any(one.verdict != "approve" for one in self._consents(server))

    def consent(self, server: str, title: str, url: str, expires_seconds: int) -> DecidedCall | None:
        """How the user has refused to connect a server in this run. Else they are asked: raises Asked.

        None: they were asked often enough. One question is for all calls of the run that need the server.
        """
        earlier = self._consents(server)
        refused = next((one for one in earlier if one.verdict != "approve"), None)
        if refused is not None or len(earlier) >= CONSENTS_MAX:
            return refused
        key = f"consent.{server}.{len(earlier) + 1}"
        item = consent_item(self.claimed.run.conversation_id, title, url)
        asked: dict[str, JsonValue] = {"label": title, "url": url}
        self._pending[key] = CallToDecide(
            call_id=key,
            kind="consent",
            tool=server,
            arguments=asked,
            message_id=item["id"],
            item=item,
            expires_seconds=expires_seconds,
        )
        raise Asked

    def _consents(self, server: str) -> list[DecidedCall]:
        return [one for key, one in self._decided.items() if key.startswith(f"consent.{server}.")]

    def _to_decide(self, key: str, request: Request) -> CallToDecide:
        conversation_id = self.claimed.run.conversation_id
        if request.kind == "client_tool":
            arguments = rules.storable_json(dict(request.arguments))
            item = client_tool_item(conversation_id, key, request.name, arguments)
            return CallToDecide(
                call_id=key,
                kind="client_tool",
                tool=request.name,
                arguments=arguments,
                message_id=item["id"],
                item=item,
            )
        return self.question(key, request.name or "ask", form_of(request))

    async def park_asking(self, call_id: str) -> NoReturn:
        """Wait with a call that has asked. From here on it may be begun anew, whatever it may be repeated."""
        await self.mark_asking(call_id)
        await self._mark_outer(call_id)
        await self._park(call_id)


def declined(decided: DecidedCall) -> Outcome:
    """What a model is told of a call that was not approved."""
    if decided.verdict == "expired":
        return Outcome(
            "failure", "The user was asked to approve this call and did not answer in time. Nothing was done."
        )
    said = f" The user says: {decided.reason}" if decided.reason else ""
    return Outcome("failure", f"The user declined this call. Nothing was done.{said}")


def is_asked(error: BaseException) -> bool:
    """Whether a question is what ended a call, alone or in one of several tasks."""
    several = (
        cast("BaseExceptionGroup[BaseException]", error).exceptions if isinstance(error, BaseExceptionGroup) else ()
    )
    return isinstance(error, Asked) or any(is_asked(one) for one in several)
