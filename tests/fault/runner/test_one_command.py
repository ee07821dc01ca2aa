"""A plain Agent and a ChatKitServer, each named on the command line and no more, outlive their runner in a tool."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, natter_up

from tests.openai_server import OpenaiServer, text, tool
from tests.sse import Frame, open_stream, text_of

pytestmark = pytest.mark.thorough
PEOPLE = Path(__file__).parents[2] / "people"
ASSISTANTS = (f"--assistant=shop={PEOPLE / 'shop.py'}:agent", f"--assistant=kit={PEOPLE / 'chatkit_server.py'}:server")
SCRIPTS = {
    "peach": [tool("slow", word="peach"), text("Nobody ", "knows.")],
    "leek": [tool("dig", word="leek"), tool("dig", word="leek"), text("Dug.")],
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_directory() as directory:
        yield directory


async def begin(client: httpx.AsyncClient, assistant_id: str, message: str) -> dict[str, Any]:
    answer = await client.post("/api/ann/chat", json={"message": message, "assistant_id": assistant_id})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def seen(client: httpx.AsyncClient, begun: dict[str, Any]) -> list[Frame]:
    async with asyncio.timeout(60):
        return [frame async for frame in open_stream(client, begun["stream_url"])]


async def test_both_run_by_one_command_and_outlive_a_kill_in_the_middle_of_a_tool(folder: Path) -> None:
    effects = folder / "effects"
    async with OpenaiServer(scripts=SCRIPTS).running() as model:
        environment = {
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": model.base_url,
            "SHOP_EFFECTS": str(effects),
            "AGENT_RUNNER_LEASE_SECONDS": "2",
            "AGENT_RUNNER_LEASE_RENEWAL_SECONDS": "0.5",
        }
        with natter_up(folder / "data", *WITHOUT_WEB, *ASSISTANTS, environment=environment) as natter:
            address, headers = natter.edge_url, natter.headers("ann")
            async with httpx.AsyncClient(base_url=address, headers=headers, timeout=20, trust_env=False) as client:
                shop, kit = await begin(client, "shop", "peach"), await begin(client, "kit", "leek")
                async with asyncio.timeout(20):
                    while not (effects.exists() and {"slow begins peach", "dig leek"} <= set(lines(effects))):
                        await asyncio.sleep(0.02)
                natter.kill("agent_runner")
                frames = await asyncio.gather(seen(client, shop), seen(client, kit))
                for viewed, answer in zip(frames, ("Nobody knows.", "Dug."), strict=True):
                    assert text_of(viewed) == answer
                    assert "run.restarted" in [frame.data["type"] for frame in viewed]
                    assert viewed[-1].data["type"] == "run.completed"
                path = f"/api/ann/conversations/{shop['conversation_id']}/messages"
                (_, answered) = (await client.get(path)).json()["data"]
                assert [(call["name"], call["status"]) for call in answered["tool_calls"]] == [("slow", "unknown")]
    assert sorted(lines(effects)) == ["dig leek", "dig leek", "slow begins peach"]


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()
