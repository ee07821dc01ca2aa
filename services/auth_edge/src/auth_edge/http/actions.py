"""The answer to `threads.sync_custom_action`: the widget's item, as it is when the run of the action has ended."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from contracts.commands import CustomAction
from contracts.errors import Code, TerminalError
from contracts.queries import GetItem, GetRun
from contracts.replies import RunView, TurnBegun
from fastapi import Response

from auth_edge.http.call import Call

WAIT_SECONDS_MAX: Final = 20
"""Shorter than what proxies wait for an answer (Next.js: 30 s)."""
FIRST_LOOK_SECONDS: Final = 0.03
LOOKS_SECONDS_MAX: Final = 0.5


async def answer(call: Call, action: CustomAction, begun: TurnBegun, headers: Mapping[str, str]) -> Response:
    """Wait for the run and answer with the widget that the action came from, where it came from one and is still there.

    Raises NatterError: what the run failed with, run_finished (it was stopped), action_unfinished (it goes on).
    """
    run = await _ended(call, begun)
    if run.status == "failed":
        raise TerminalError(Code(run.error_code or Code.INTERNAL), run.error_detail or "The action failed.")
    if run.status == "cancelled":
        raise TerminalError(Code.RUN_FINISHED, "The action was stopped.")
    body = json.dumps({} if (item := await _widget(call, action, begun)) is None else {"updated_item": item})
    sent = {name: value for name, value in headers.items() if name != "Location"}
    return Response(body, headers=sent, media_type="application/json")


async def _ended(call: Call, begun: TurnBegun) -> RunView:
    """The run once it has ended. It is looked at more seldom the longer it takes, so that waiting costs little."""
    now = asyncio.get_running_loop().time
    until, look_seconds = now() + WAIT_SECONDS_MAX, FIRST_LOOK_SECONDS
    while now() < until:
        await asyncio.sleep(look_seconds)
        look_seconds = min(look_seconds * 1.5, LOOKS_SECONDS_MAX)
        run = (await _fresh(call).ask(GetRun(principal=call.principal, run_id=begun.run_id))).run
        if run.finished_at is not None:
            return run
    detail = f"It takes longer than {WAIT_SECONDS_MAX} s. It goes on: the conversation's stream shows its end."
    raise TerminalError(Code.ACTION_UNFINISHED, detail)


async def _widget(call: Call, action: CustomAction, begun: TurnBegun) -> object | None:
    if action.message_id is None:
        return None
    query = GetItem(principal=call.principal, conversation_id=begun.conversation_id, message_id=action.message_id)
    try:
        return (await _fresh(call).ask(query)).item.item
    except TerminalError as error:
        if error.code == Code.ITEM_GONE:  # the action has removed it
            return None
        raise


def _fresh(call: Call) -> Call:
    """The call with its whole time before it: each look at the run is a request of its own."""
    seconds = call.edge.settings.answer_timeout_seconds
    return replace(call, deadline=asyncio.get_running_loop().time() + seconds)
