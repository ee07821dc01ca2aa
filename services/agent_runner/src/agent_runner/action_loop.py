"""The loop of one attempt where the turn is an action: the assistant's ``on_action`` does what it asks for."""

from typing import Any

from contracts.errors import Code, NatterError, TerminalError
from contracts.replies import RunClaimed, Usage
from natterkit import Action, Assistant, Context, Item
from natterkit.context import running

from agent_runner.model_errors import AssistantFailedError
from agent_runner.run_effects import RunEffects
from agent_runner.session import RunSession
from agent_runner.transcript import Transcript


class ActionLoop:
    """Has the shape of an `AgentLoop`. What it does is not in the ledger: a takeover calls ``on_action`` again."""

    def __init__(
        self,
        assistant: Assistant,
        claimed: RunClaimed,
        *,
        context: Context,
        effects: RunEffects,
        transcript: Transcript,
        session: RunSession,
    ) -> None:
        self.usage = claimed.run.usage or Usage()
        self.model_name: str | None = None
        self.may_go_on = False
        self._assistant = assistant
        self._claimed = claimed
        self._context = context
        self._effects = effects
        self._transcript = transcript
        self._session = session
        self._last_output: list[dict[str, Any]] = []

    async def run(self) -> None:
        """Call ``on_action``. Raises TerminalError: not_supported, item_gone, assistant_failed."""
        action, item = self._claimed.action, sender_of(self._claimed)
        on_action = self._assistant.on_action
        if on_action is None or action is None:
            raise handles_no_actions()
        asked = Action(action.action, action.payload)
        try:
            with running(self._context):
                said = await on_action(self._context, asked, None if item is None else _item(item))
        except NatterError:
            raise
        except Exception as error:
            raise AssistantFailedError(Code.ASSISTANT_FAILED) from error
        if said:
            self.say_instead(said)

    async def close(self) -> None:
        """Nothing is held open."""

    def say_instead(self, words: str) -> None:
        """These words are the answer."""
        self._transcript.say(words)
        content: list[Any] = [{"type": "output_text", "text": words, "annotations": []}]
        self._last_output = [{"type": "message", "role": "assistant", "content": content}]

    def last_items(self, *, is_complete: bool) -> tuple[dict[str, Any], ...]:  # noqa: ARG002 - as an `AgentLoop` has it
        """The words that were said."""
        return tuple(self._last_output)


def sender_of(claimed: RunClaimed) -> dict[str, Any] | None:
    """The widget that a run's action came from, None where it came from the page itself.

    Raises TerminalError (item_gone): it was there when the action was sent, and an answer in between has removed it.
    """
    if claimed.action is None or claimed.action.message_id is None:
        return None
    if not claimed.user_item:
        raise TerminalError(Code.ITEM_GONE, "What this action belongs to is not there any more.")
    return claimed.user_item


def handles_no_actions() -> TerminalError:
    return TerminalError(Code.NOT_SUPPORTED, "This assistant handles no actions.")


def _item(item: dict[str, Any]) -> Item:
    return Item(id=item["id"], type=item["type"], content=item)
