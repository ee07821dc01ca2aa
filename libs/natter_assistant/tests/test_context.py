"""What an assistant's code knows of its run."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from natterkit import Context, Conversation, User, function_tool, is_repeatable, repeatable
from natterkit.context import Effects, calling, running

NO_EFFECTS = cast("Effects", None)  # nothing is shown here


def a_context(time_zone: str | None = None) -> Context:
    user = User(id="alice", time_zone=time_zone)
    return Context(user, Conversation("conv_1"), run_id="run_1", assistant_id="support", effects=NO_EFFECTS)


def test_there_is_no_current_context_outside_of_a_run() -> None:
    with pytest.raises(LookupError):
        Context.current()
    context = a_context()
    with running(context):
        assert Context.current() is context


async def test_each_of_two_parallel_calls_has_its_own_call_id() -> None:
    context = a_context()

    async def call(call_id: str) -> str | None:
        with calling(call_id):
            await asyncio.sleep(0)
            return context.call_id

    assert await asyncio.gather(call("one"), call("two")) == ["one", "two"]
    assert context.call_id is None


def test_now_is_in_the_users_time_zone_where_that_is_known() -> None:
    assert a_context("Asia/Tokyo").now.utcoffset() == timedelta(hours=9)
    assert a_context().now.utcoffset() == timedelta(0)
    assert a_context("../etc/passwd").now.utcoffset() == timedelta(0)


def test_a_tool_says_whether_it_may_be_repeated() -> None:
    @function_tool
    def once() -> str:
        return ""

    @function_tool(repeatable=True, name_override="look")
    def often() -> str:
        return ""

    assert not is_repeatable(once)
    assert is_repeatable(often)
    assert often.name == "look"
    assert is_repeatable(repeatable(once))
