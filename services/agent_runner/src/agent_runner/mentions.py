"""What a person has mentioned in their message (`@` in the composer), told to the model once."""

import json
from typing import Any

from contracts.errors import Code, NatterError
from contracts.replies import RunClaimed
from contracts.text import storable
from natterkit import Assistant, Context, Tag

from agent_runner.model_errors import AssistantFailedError
from agent_runner.offerings import Chosen
from agent_runner.run_effects import RunEffects

MENTIONS_MAX = 20
DATA_CHARACTERS_MAX = 2_000


async def tell_mentions(
    assistant: Assistant, claimed: RunClaimed, context: Context, effects: RunEffects, chosen: Chosen
) -> None:
    """Have the model know what each tag is, as hidden context: what a server has of it, or what the assistant says.

    A run that has gone on from there knows it already. Raises AssistantFailedError where the assistant's code does.
    """
    if claimed.checkpoint or claimed.user_item.get("type") != "user_message":
        return
    parts: Any = claimed.user_item.get("content") or []
    tags = {part["id"]: part for part in parts if part["type"] == "input_tag"}
    words = " ".join(part["text"].strip() for part in parts if part["type"] == "input_text").strip()
    for part in list(tags.values())[:MENTIONS_MAX]:
        tag = Tag(id=part["id"], text=part["text"], data=part.get("data") or {}, group=part.get("group"))
        told = await chosen.told(tag, words)
        if told is None:
            told = _told(tag) if assistant.on_mention is None else await _asked(assistant, context, tag)
        if told:
            await context.add_hidden_context(told)
    if tags:
        await effects.store()


async def _asked(assistant: Assistant, context: Context, tag: Tag) -> str | None:
    assert assistant.on_mention is not None
    try:
        return await assistant.on_mention(context, tag)
    except NatterError:
        raise
    except Exception as error:
        raise AssistantFailedError(Code.ASSISTANT_FAILED) from error


def _told(tag: Tag) -> str:
    """What is told where the assistant says nothing: what the page knows of it."""
    data = json.dumps(dict(tag.data), ensure_ascii=False)[:DATA_CHARACTERS_MAX]
    known = f", with the data {data}" if tag.data else ""
    return storable(f"The user mentions “{tag.text}”: its id is {tag.id}{known}.")
