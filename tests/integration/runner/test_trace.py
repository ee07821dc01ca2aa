"""One trace from the accepted request to every delta of its answer, and the schema version on each of them."""

import pytest
from actor_kit.bus.wire import SCHEMA_HEADER
from actor_kit.telemetry import traced

from tests.runner_stack import RunnerStack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


async def test_the_trace_of_a_request_is_on_all_that_it_causes(stack: RunnerStack) -> None:
    with traced({"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}):
        begun, _ = await stack.ask("traced", "count to 3")
    deltas, _ = await stack.bus.direct_get("DELTAS", f"delta.*.{begun.conversation_id}.*")
    assert len(deltas) > 5
    assert {delta.headers["traceparent"].split("-")[1] for delta in deltas} == {TRACE_ID}
    assert {delta.headers[SCHEMA_HEADER] for delta in deltas} == {"1"}
