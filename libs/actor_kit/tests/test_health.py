"""The operators' port says whether a service lives, whether it can work, and its figures."""

import asyncio
import time

import httpx
import pytest
from actor_kit.health import LOOP_DELAY_SECONDS_MAX, Health, health_server
from actor_kit.settings import ServiceSettings
from actor_kit.uvicorn_internals import Bounds
from natter.servers.ports import free_port
from pydantic import SecretStr


async def test_readiness_names_what_is_missing() -> None:
    health, verdicts = Health(), {"bus": True, "database": False}

    async def bus() -> bool:
        return verdicts["bus"]

    async def database() -> bool:
        if not verdicts["database"]:
            raise ConnectionError("down")
        return True

    health.check("bus", bus)
    health.check("database", database)
    settings = ServiceSettings(metrics_port=free_port())
    async with health_server(settings, health), httpx.AsyncClient(base_url=base_url(settings)) as client:
        await until_up(client)
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, ["database"])
        verdicts["database"] = True
        assert (await client.get("/readyz")).status_code == 200
        health.is_stopping = True
        assert (await client.get("/readyz")).json()["missing"] == ["stopping"]
        assert (await client.get("/healthz")).status_code == 200
        assert "natter_bus_request_seconds" in (await client.get("/metrics")).text


async def test_a_check_that_hangs_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actor_kit.health.CHECK_TIMEOUT_SECONDS", 0.05)
    health = Health()

    async def hangs() -> bool:
        await asyncio.sleep(60)
        return True

    health.check("slow", hangs)
    assert await health.missing() == ["slow"]


async def test_a_late_loop_is_measured_and_not_ready_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actor_kit.health.LATE_SHOWN_SECONDS", 0.5)
    health = Health()
    settings = ServiceSettings(metrics_port=free_port())
    async with health_server(settings, health), httpx.AsyncClient(base_url=base_url(settings)) as client:
        await until_up(client)
        assert (await client.get("/readyz")).status_code == 200
        time.sleep(LOOP_DELAY_SECONDS_MAX + 0.3)  # noqa: ASYNC251  it is to block the loop
        await asyncio.sleep(0.05)
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, ["event_loop"])
        await asyncio.sleep(0.6)
        assert (await client.get("/readyz")).status_code == 200
        metrics = (await client.get("/metrics")).text
    late = [line for line in metrics.splitlines() if line.startswith("natter_loop_delay_seconds_bucket")]
    within, all_of_them = (
        next(line for line in late if f'le="{bound}"' in line).split()[1] for bound in ("1.0", "+Inf")
    )
    assert float(within) < float(all_of_them)


async def test_figures_are_for_who_has_the_token_and_asks_by_a_name_of_this_machine() -> None:
    settings = ServiceSettings(metrics_port=free_port(), metrics_token=SecretStr("collector"))
    async with health_server(settings, Health()), httpx.AsyncClient(base_url=base_url(settings)) as client:
        await until_up(client)
        for refused in ("", "Bearer", "Bearer other", "Basic collector"):
            answer = await client.get("/metrics", headers={"Authorization": refused})
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        allowed = {"Authorization": "Bearer collector"}
        assert (await client.get("/metrics", headers=allowed)).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        rebound = {**allowed, "Host": f"evil.test:{settings.metrics_port}"}
        assert (await client.get("/metrics", headers=rebound)).status_code == 400


async def test_hosts_are_those_of_the_setting_where_it_listens_for_others() -> None:
    named = ServiceSettings(metrics_port=free_port(), metrics_host="0.0.0.0", metrics_hosts_allowed="relay.internal")
    async with health_server(named, Health()), httpx.AsyncClient(base_url=base_url(named)) as client:
        await until_up(client)
        statuses = [
            (await client.get("/metrics", headers={"Host": host})).status_code for host in ("relay.internal", "x")
        ]
        assert statuses == [200, 400]


async def test_a_connection_that_says_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actor_kit.health.BOUNDS", Bounds(connections_max=64, headers_timeout_seconds=0.1))
    settings = ServiceSettings(metrics_port=free_port())
    async with health_server(settings, Health()), httpx.AsyncClient(base_url=base_url(settings)) as client:
        await until_up(client)
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.metrics_port)
        writer.write(b"GET /metrics HTTP/1.1\r\n")
        async with asyncio.timeout(2):
            assert await reader.read() == b""
        writer.close()


async def test_without_a_port_nothing_is_served() -> None:
    async with health_server(ServiceSettings(metrics_port=0), Health()):
        pass


def base_url(settings: ServiceSettings) -> str:
    return f"http://127.0.0.1:{settings.metrics_port}"


async def until_up(client: httpx.AsyncClient) -> None:
    for _ in range(100):
        try:
            await client.get("/healthz")
        except httpx.ConnectError:
            await asyncio.sleep(0.02)
        else:
            return
