"""The JSON operations of ChatKit on threads and items, each as ChatKit's own answer."""

import asyncio
import json
from typing import Any

from chatkit.types import ItemFeedbackParams, ItemsListParams, ThreadListParams
from chatkit_protocol import items
from contracts.commands import DeleteConversation, RecordFeedback, UpdateConversation
from contracts.queries import GetConversation, ListConversations, ListItems
from contracts.replies import ItemPage
from fastapi import Response
from pydantic import ValidationError

from auth_edge import rules, translate
from auth_edge.http.attachments import with_addresses
from auth_edge.http.call import Call


async def get(call: Call, thread_id: str) -> Response:
    """The thread with its first items, and in headers what a page needs to join the stream."""
    rules.admit_to_conversation(call.principal, thread_id)
    conversation, page = await asyncio.gather(
        call.ask(GetConversation(principal=call.principal, conversation_id=thread_id)),
        call.ask(ListItems(principal=call.principal, conversation_id=thread_id, limit=translate.PAGE_SIZE_DEFAULT)),
    )
    return _json(items.thread(conversation.conversation, with_addresses(call, page)), _resume_headers(page))


async def list_all(call: Call, params: ThreadListParams) -> Response:
    """A page of threads without their items. A token bound to one conversation sees that one."""
    bound_to = call.principal.conversation_id
    if bound_to is not None:
        only = await call.ask(GetConversation(principal=call.principal, conversation_id=bound_to))
        return _json(items.page([items.thread(only.conversation)], has_more=False))
    try:
        query = ListConversations(
            principal=call.principal,
            limit=translate.page_limit(params),
            after=params.after,
            order=params.order,
            archived=False,
        )
    except ValidationError as error:
        raise translate.invalid_request(error, "params") from error
    page = await call.ask(query)
    return _json(items.page([items.thread(view) for view in page.data], has_more=page.has_more, after=page.after))


async def list_items(call: Call, thread_id: str, params: ItemsListParams) -> Response:
    """A page of items."""
    rules.admit_to_conversation(call.principal, thread_id)
    try:
        query = ListItems(
            principal=call.principal,
            conversation_id=thread_id,
            limit=translate.page_limit(params),
            after=params.after,
            order=params.order,
        )
    except ValidationError as error:
        raise translate.invalid_request(error, "params") from error
    page = await call.ask(query)
    return _json(items.item_page(with_addresses(call, page)), _resume_headers(page))


async def rename(call: Call, thread_id: str, title: str) -> Response:
    """The renamed thread, without its items."""
    rules.admit_to_conversation(call.principal, thread_id)
    try:
        command = UpdateConversation(principal=call.principal, conversation_id=thread_id, title=title)
    except ValidationError as error:
        raise translate.invalid_request(error, "params") from error
    return _json(items.thread((await call.ask(command)).conversation))


async def delete(call: Call, thread_id: str) -> Response:
    """An empty object, as the stock server says it."""
    rules.admit_to_conversation(call.principal, thread_id)
    await call.ask(DeleteConversation(principal=call.principal, conversation_id=thread_id))
    return _json({})


async def record_feedback(call: Call, thread_id: str, params: ItemFeedbackParams) -> Response:
    """An empty object, as the stock server says it."""
    rules.admit_to_conversation(call.principal, thread_id)
    item_ids = translate.feedback_ids(params.item_ids)
    await call.ask(
        RecordFeedback(principal=call.principal, conversation_id=thread_id, message_ids=item_ids, kind=params.kind)
    )
    return _json({})


def _resume_headers(page: ItemPage) -> dict[str, str]:
    # While it waits for the person nothing is being written, as after the end of a turn of ChatKit.
    name = "Natter-Waiting-Run" if page.is_waiting else "Natter-Active-Run"
    active = {name: page.active_run_id} if page.active_run_id else {}
    return {"Natter-Resume-From": str(page.resume_from), **active}


def _json(value: Any, headers: dict[str, str] | None = None) -> Response:
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Response(content, headers=headers, media_type="application/json")
