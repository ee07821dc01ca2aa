"""Questions that were asked before every process died are answered after it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up
from natterkit.testing.running import Natter

pytestmark = pytest.mark.slow


def test_a_question_outlives_a_restart_of_everything() -> None:
    """Every service, NATS and Postgres with them: `natter up` is killed, and started again on its data."""
    options = (*WITHOUT_WEB, "--assistant", "support=natter_support:assistant")
    with temporary_directory() as directory:
        environment = {"SUPPORT_REFUNDS_FILE": str(directory / "refunds.sqlite")}
        with natter_up(directory / "data", *options, environment=environment) as running:
            with client(running) as natter:
                form = natter.ask("Please send order 1003 again.")
                approval = natter.ask("Please refund order 1001.")
            assert (form.status, approval.status) == ("waiting", "waiting")
            assert (form.waiting_for[0]["kind"], approval.waiting_for[0]["kind"]) == ("question", "approval")
            running.process.kill()
        with natter_up(directory / "data", *options, environment=environment) as running, client(running) as natter:
            for asked in (form, approval):
                assert natter.call("GET", f"/runs/{asked.run_id}").json()["waiting_for"] == list(asked.waiting_for)
            sent = natter.decide(form, answer={"how": "By post", "whom": "Ann"})
            refunded = natter.decide(approval, decision="approve")
    assert (sent.status, refunded.status) == ("completed", "completed")
    assert sent.text == "We send a tray again to Ann, by post."
    assert refunded.text == "€ 24.00 for order 1001 go back to the customer."
    assert [call.status for call in refunded.tool_calls] == ["success", "success"]


@contextmanager
def client(running: RunningNatter) -> Iterator[Natter]:
    natter = Natter(running.edge_url, running.relay_url, running.data_dir)
    with natter.http:
        yield natter
