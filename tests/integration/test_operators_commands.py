"""The commands of an operator, on a stack that runs: who runs, what is done for whom, more processes, a user's data."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from natter.__main__ import main
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up
from typer.testing import CliRunner

pytestmark = pytest.mark.whole_path
PRICES = '{"*": {"input": 1000000, "output": 2000000}}'


@pytest.fixture(scope="module")
def natter() -> Iterator[RunningNatter]:
    with temporary_directory() as directory, natter_up(directory / "data", *WITHOUT_WEB) as natter:
        yield natter


def run(natter: RunningNatter, *arguments: str) -> Any:
    return CliRunner().invoke(main, [*arguments, "--data-dir", str(natter.data_dir)])


def as_json(natter: RunningNatter, *arguments: str) -> Any:
    done = run(natter, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def say(natter: RunningNatter, user: str, message: str) -> str:
    """Write a message and return its run."""
    url = f"{natter.edge_url}/api/{user}/chat"
    return httpx.post(url, json={"message": message}, headers=natter.headers(user)).json()["run_id"]


def wait_for_end(natter: RunningNatter, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        row = as_json(natter, "runs", "show", run_id)
        if row["status"] not in ("queued", "running"):
            return row
        time.sleep(0.05)
    pytest.fail("the run did not end")


def test_status_tells_who_runs_and_what_waits(natter: RunningNatter) -> None:
    found = as_json(natter, "status")
    assert set(found["services"].values()) == {1}
    assert found["processes"] == found["services"]
    assert found["queues"] == [{"assistant": "todo", "pending": 0, "ack_pending": 0}]
    assert (found["viewers"], found["slots_taken"], found["runs"]["running"]) == (0, 0, 0)
    assert found["slots"] > 0
    table = run(natter, "status")
    assert table.exit_code == 0
    assert "agent_runner" in table.stdout
    assert "slots taken" in table.stdout


def test_status_goes_on_while_it_is_watched(natter: RunningNatter) -> None:
    command = [sys.executable, "-m", "natter", "status", "--watch", "--every", "0.2", "--json"]
    watching = subprocess.Popen(
        [*command, "--data-dir", str(natter.data_dir)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert watching.stdout is not None
        looks = [json.loads(watching.stdout.readline()) for _ in range(2)]
        assert all(look["services"]["auth_edge"] == 1 for look in looks)
    finally:
        watching.kill()
        watching.communicate()


def test_a_run_is_listed_shown_and_stopped(natter: RunningNatter) -> None:
    run_id = say(natter, "alice", "count to 500")
    (row,) = as_json(natter, "runs", "list", "--user", "alice")
    assert (row["run_id"], row["assistant_id"]) == (run_id, "todo")
    assert run(natter, "runs", "cancel", run_id).exit_code == 0
    assert wait_for_end(natter, run_id)["status"] == "cancelled"
    assert run_id in run(natter, "runs", "list", "--status", "cancelled").stdout
    shown = run(natter, "runs", "show", run_id).stdout
    assert "cancelled" in shown
    assert "count to" not in shown
    unknown = run(natter, "runs", "show", "run_none")
    assert unknown.exit_code == 1
    assert "no such run" in unknown.stderr


def test_a_tail_tells_what_happens_to_runs(natter: RunningNatter) -> None:
    command = [sys.executable, "-m", "natter", "tail", "--json", "--user", "tina", "--count", "2"]
    tailing = subprocess.Popen(
        [*command, "--data-dir", str(natter.data_dir)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert tailing.stderr is not None
        assert tailing.stderr.readline() == "following runs from now on\n"
        say(natter, "not tina", "count to 2")
        run_id = say(natter, "tina", "count to 2")
        said, errors = tailing.communicate(timeout=20)
    finally:
        tailing.kill()
    events = [json.loads(line) for line in said.splitlines()]
    assert [(one["type"], one["run_id"]) for one in events] == [("run.started", run_id), ("run.completed", run_id)], (
        errors
    )


def test_a_service_gets_more_processes_and_fewer(natter: RunningNatter) -> None:
    assert run(natter, "scale", "agent_runner=2", "stream_relay=2").stdout == "agent_runner=2, stream_relay=2\n"
    time.sleep(1)  # stack.json is kept twice a second
    found = as_json(natter, "status")
    assert (found["services"]["agent_runner"], found["processes"]["stream_relay"]) == (2, 2)
    assert {"stream_relay", "stream_relay.2"} <= natter.state.processes.keys()
    natter.kill("agent_runner.2")  # it is kept alive as the others are
    wait_for_end(natter, say(natter, "alice", "count to 3"))
    assert run(natter, "scale", "agent_runner=1", "stream_relay=1").exit_code == 0
    deadline = time.monotonic() + 5
    while natter.state.processes.keys() & {"agent_runner.2", "stream_relay.2"} and time.monotonic() < deadline:
        time.sleep(0.1)
    found = as_json(natter, "status")
    assert (found["services"]["agent_runner"], found["processes"]["stream_relay"]) == (1, 1)


def test_usage_has_a_cost_where_a_price_is_known(natter: RunningNatter) -> None:
    wait_for_end(natter, say(natter, "uma", "count to 3"))
    (row,) = as_json(natter, "usage", "--by", "user", "--by", "model", "--user", "uma", "--prices", PRICES)
    assert (row["runs"], row["failed"]) == (1, 0)
    assert row["cost_usd"] == row["input_tokens"] + 2 * row["output_tokens"]
    assert "uma" in run(natter, "usage", "--by", "user").stdout


def test_one_user_is_shown_exported_and_erased(natter: RunningNatter, tmp_path: Path) -> None:
    user = "eve > *"
    token = natter.headers(user)
    sent = httpx.post(f"{natter.edge_url}/api/eve%20%3E%20%2A/chat", json={"message": "count to 3"}, headers=token)
    wait_for_end(natter, sent.json()["run_id"])
    shown = as_json(natter, "users", "show", user)
    assert (shown["conversations"], shown["runs_today"]) == (1, 1)
    file = tmp_path / "eve.json"
    assert run(natter, "users", "export", user, "--output", str(file)).exit_code == 0
    assert json.loads(file.read_text())["conversations"]
    assert run(natter, "users", "export", user, "--output", str(file)).exit_code == 1  # never over a file
    refused = CliRunner().invoke(main, ["users", "erase", user, "--data-dir", str(natter.data_dir)], input="n\n")
    assert refused.exit_code == 1
    assert as_json(natter, "users", "show", user)["conversations"] == 1
    assert run(natter, "users", "erase", user, "--yes").exit_code == 0
    assert run(natter, "users", "show", user).exit_code == 1


def test_what_was_audited_is_printed_by_user_and_followed(natter: RunningNatter) -> None:
    for user in ("ada", "ada *"):
        wait_for_end(natter, say(natter, user, "count to 2"))
        assert run(natter, "users", "export", user).exit_code == 0
    command = [sys.executable, "-m", "natter", "audit", "--json", "--user", "ada", "--follow"]
    following = subprocess.Popen(
        [*command, "--data-dir", str(natter.data_dir)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert following.stdout is not None
        found = [json.loads(following.stdout.readline())]
        assert run(natter, "users", "erase", "ada", "--yes").exit_code == 0
        found.append(json.loads(following.stdout.readline()))
    finally:
        following.kill()
        following.communicate()
    assert [(one["action"], one["user_id"]) for one in found] == [("data_exported", "ada"), ("data_erased", "ada")]
    assert "count to" not in str(found)
    assert "data_exported" in run(natter, "audit", "--user", "ada *", "--since", "1h").stdout
    assert run(natter, "audit", "--user", "nobody").stdout == ""
    assert run(natter, "audit", "--since", "soon").exit_code == 2


# --- what is watched: rules and dashboards ------------------------------------------------------------------

DEPLOY = Path(__file__).parents[2] / "deploy"
RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()
PROMTOOL = shutil.which("promtool", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
RULES = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARDS = {path.name: json.loads(path.read_text()) for path in sorted((DEPLOY / "grafana").glob("*.json"))}
METRIC = re.compile(r"\b(?:natter|relay)_[a-z_]+")
OF_HISTOGRAMS = re.compile(r"_(bucket|count|sum)$")


def families_of(natter: RunningNatter) -> set[str]:
    """What all processes of a stack tell at /metrics, by name; a histogram's by its three names."""
    found: set[str] = set()
    for url in natter.state.metrics_urls.values():
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", httpx.get(url).text, re.M):
            found |= {f"{name}_{part}" for part in ("bucket", "count", "sum")} if kind == "histogram" else {name}
    return found


def test_every_metric_of_the_rules_and_the_dashboards_is_told_by_a_stack(natter: RunningNatter) -> None:
    asked = {name for rule in RULES for name in METRIC.findall(rule["expr"])}
    targets = [target for board in DASHBOARDS.values() for panel in board["panels"] for target in panel["targets"]]
    asked |= {name for target in targets for name in METRIC.findall(target["expr"])}
    told = families_of(natter)
    assert len(asked) > 30
    assert asked - told == set()
    figures = RUNBOOK.partition("## Figures to watch")[2].partition("\n## ")[0]
    watched = set(re.findall(r"`((?:natter|relay)_[a-z_]+)", figures))
    watched = {name for name in watched if name not in told and f"{name}_count" not in told}
    assert watched == set()


def test_a_start_is_no_error_of_the_bus(natter: RunningNatter) -> None:
    """The edge is asked whether it is ready before there is a store: that is a probe's finding, and no lost request."""
    (url,) = (url for name, url in natter.state.metrics_urls.items() if name == "auth_edge")
    assert 'kind="store_unavailable"' not in httpx.get(url).text


def test_what_a_run_has_used_is_told_by_assistant_and_model(natter: RunningNatter) -> None:
    wait_for_end(natter, say(natter, "mia", "add a task: buy milk"))
    (url,) = (url for name, url in natter.state.metrics_urls.items() if name == "agent_runner")
    told = httpx.get(url).text
    for wanted in (
        r'natter_tokens_total{assistant="todo",direction="output",model="[^"]+"} [1-9]',
        r'natter_tool_calls_total{assistant="todo",model="[^"]+",server="tasks",status="success"} [1-9]',
        r'natter_first_token_seconds_count{assistant="todo",model="[^"]+"} [1-9]',
        r'natter_token_gap_seconds_count{assistant="todo",model="[^"]+"} [1-9]',
        r'natter_model_seconds_count{assistant="todo",model="[^"]+",outcome="ok"} [1-9]',
        r'natter_queue_wait_seconds_count{mailbox="agent_runner_todo"} [1-9]',
        r'natter_queue_pending{assistant="todo"} 0',
    ):
        assert re.search(wanted, told), (wanted, [line for line in told.splitlines() if line[:20] == wanted[:20]])


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on this machine (Debian: apt-get install prometheus)")
def test_the_alerts_fire_when_they_should_and_not_else() -> None:
    command = [str(PROMTOOL), "test", "rules", "alerts.test.yaml"]
    done = subprocess.run(command, cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tested = yaml.safe_load((DEPLOY / "prometheus" / "alerts.test.yaml").read_text())["tests"]
    fired = {check["alertname"] for case in tested for check in case["alert_rule_test"] if check["exp_alerts"]}
    assert fired == {rule["alert"] for rule in RULES}


def test_each_alert_has_its_page_in_the_runbook() -> None:
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        page = RUNBOOK.partition(f"\n### {rule['alert']}\n")[2].partition("\n#")[0]
        assert "Means:" in page, rule["alert"]
        assert "Do:" in page, rule["alert"]
    assert set(re.findall(r"^### (Natter\w+)$", RUNBOOK, re.M)) == {rule["alert"] for rule in RULES}


def test_another_system_begins_a_turn_with_a_token_until_it_is_revoked(natter: RunningNatter) -> None:
    made = run(natter, "service-tokens", "create", "shop", "--user", "carol", "--assistant", "todo", "--days", "1")
    assert made.exit_code == 0, made.output
    assert "carol by todo; it is shown this once:" in made.stdout
    token = made.stdout.split()[-1]
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "order-42"}
    url, sent = f"{natter.edge_url}/api/service/turns", {"user_id": "carol", "message": "count to 3"}
    begun, again = (httpx.post(url, json=sent, headers=headers) for _ in range(2))
    assert (begun.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    assert wait_for_end(natter, begun.json()["run_id"])["status"] == "completed"
    assert httpx.post(url, json={**sent, "user_id": "dave"}, headers=headers).status_code == 403
    (listed,) = as_json(natter, "service-tokens", "list")
    assert (listed["name"], listed["user_ids"], listed["revoked_at"]) == ("shop", ["carol"], None)
    assert token not in run(natter, "service-tokens", "list").stdout
    assert run(natter, "service-tokens", "revoke", listed["token_id"]).exit_code == 0
    assert httpx.post(url, json=sent, headers=headers).status_code == 401
    unknown = run(natter, "service-tokens", "revoke", "st_unknown")
    assert (unknown.exit_code, "There is no such service token." in unknown.output) == (1, True)
