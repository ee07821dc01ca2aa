"""The page of `natter dev`: requests go on with a token that the browser never sees, and from the page alone."""

from pathlib import Path

import httpx
import pytest
from natter.dev.page import MODULES, Page, PageSettings
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

HERE = "http://127.0.0.1:3000"


async def tell(request: Request) -> Response:
    """What a service was asked."""
    if request.url.path.endswith("/chatkit"):
        return RedirectResponse("/api/you/runs/run_1/stream", 303)
    told = {"host": request.url.netloc, "path": request.url.path, "headers": dict(request.headers)}
    return JSONResponse(told, headers={"Server": "hidden", "Natter-Run": "run_1"})


@pytest.fixture
def browser(tmp_path: Path) -> httpx.AsyncClient:
    services = Starlette(routes=[Route("/{path:path}", tell, methods=["GET", "POST"])])
    element = tmp_path / "chatkit.js"
    for name in MODULES:
        element.with_name(name).write_text(f"// {name}")
    settings = PageSettings(port=3000, edge_url="http://edge", relay_url="http://relay", secret=SecretStr("s" * 32))
    http = httpx.AsyncClient(transport=httpx.ASGITransport(services))
    page = Page(settings, element, http).app
    return httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url=HERE)


async def test_a_request_goes_on_to_its_service_as_the_one_user(browser: httpx.AsyncClient) -> None:
    headers = {"Natter-Assistant": "desk", "Cookie": "of=another-program", "X-Forwarded-For": "1.2.3.4"}
    told = (await browser.get("/api/you/conversations", headers=headers)).json()
    assert (told["host"], told["path"]) == ("edge", "/api/you/conversations")
    assert told["headers"]["authorization"].startswith("Bearer ey")
    assert told["headers"]["natter-assistant"] == "desk"
    assert not {"cookie", "x-forwarded-for"} & told["headers"].keys()
    stream = await browser.get("/api/you/runs/run_1/stream")
    assert stream.json()["host"] == "relay"
    assert stream.headers["natter-run"] == "run_1"
    assert "server" not in stream.headers
    begun = await browser.post("/api/you/chatkit", headers={"Origin": HERE}, content=b"{}")
    assert (begun.status_code, begun.headers["location"]) == (303, "/api/you/runs/run_1/stream")


async def test_addresses_of_connections_lead_to_the_users_own(browser: httpx.AsyncClient) -> None:
    asked = (await browser.get("/connections/calendar")).json()
    assert asked["path"] == "/api/you/connections/calendar/consent"
    back = (await browser.get("/connections/callback", params={"state": "s", "code": "c"})).json()
    assert back["path"] == "/api/you/connections/callback"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"Host": "evil.test"}),
        ("GET", {"Host": "127.0.0.1:3001"}),
        ("POST", {"Origin": "http://evil.test"}),
        ("POST", {"Origin": "http://127.0.0.1:3001"}),
        ("POST", {"Origin": "null"}),
    ],
)
async def test_no_other_page_may_use_it(browser: httpx.AsyncClient, method: str, headers: dict[str, str]) -> None:
    refused = await browser.request(method, "/api/you/conversations", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_origin")


async def test_the_page_runs_no_script_but_its_own(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "onclick" not in page.text
    assert "<script>" not in page.text
    for source in ("/page.js", "/chatkit.js"):
        assert source in page.text
        assert (await browser.get(source)).headers["content-type"].startswith("text/javascript")
    for name in MODULES:
        assert (await browser.get(f"/{name}?v=1")).text == f"// {name}"
