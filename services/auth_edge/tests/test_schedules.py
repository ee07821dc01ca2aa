"""Schedules at the door: what is sent is checked, and what is known of the person goes with it."""

from typing import Any

import pytest
from auth_edge.testing import RunningEdge
from contracts.commands import CreateSchedule, UpdateSchedule


async def test_a_schedule_is_made_with_what_is_known_of_its_user(edge: RunningEdge, store: Any) -> None:
    sent = {"text": "list my tasks", "cron": "0 9 * * FRI"}
    made = await edge.call("POST", "/schedules", json=sent, headers={"Natter-Time-Zone": "Europe/Zurich"})
    assert (made.status_code, made.headers["location"]) == (201, "schedules/sched_1")
    asked = store.only(CreateSchedule)
    assert (asked.kind, asked.cron, asked.time_zone) == ("prompt", "0 9 * * FRI", None)
    assert asked.requester.time_zone == "Europe/Zurich"
    at = await edge.call("POST", "/schedules", json={"text": "call mum", "due_at": "2027-03-01T09:00:00+01:00"})
    assert at.status_code == 201
    (listed,) = (await edge.call("GET", "/schedules")).json()["data"]
    assert listed["next_due_at"].startswith("2026-11-21T12:00:00")
    await edge.call("PATCH", "/schedules/sched_1", json={"paused": True})
    assert store.only(UpdateSchedule).paused is True
    assert (await edge.call("DELETE", "/schedules/sched_1")).status_code == 204


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"text": " ", "cron": "0 9 * * FRI"}, "text"),
        ({"text": "x", "cron": "every friday"}, "cron"),
        ({"text": "x", "cron": "0 0 9 * * FRI"}, "cron"),
        ({"text": "x", "due_at": "2027-03-01T09:00:00"}, "due_at"),
        ({"text": "x", "cron": "0 9 * * FRI", "time_zone": "a b"}, "time_zone"),
    ],
)
async def test_what_is_no_time_is_refused_with_its_field(edge: RunningEdge, sent: dict[str, Any], field: str) -> None:
    refused = await edge.call("POST", "/schedules", json=sent)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert refused.json()["field"] == f"body.{field}"
