"""For operators and developers, without a token: health, and the interface's description."""

from importlib import resources
from typing import Final, Literal

from actor_kit.health import Health
from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel

from auth_edge.http.documented import operation_id

router = APIRouter(tags=["operations"], generate_unique_id_function=operation_id)
ASSETS: Final = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}


class Alive(BaseModel):
    """The process runs."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether a request would be answered, and if not, what is missing."""

    status: Literal["ok", "unavailable"]
    missing: list[str]


@router.get("/healthz", summary="Alive?")
async def healthz() -> Alive:
    """Whether the process runs."""
    return Alive()


@router.get("/readyz", summary="Ready?", responses={503: {"model": Readiness, "description": "Something is missing"}})
async def readyz(request: Request) -> Readiness:
    """Whether a request would be answered now."""
    health: Health = request.app.state.health
    missing = await health.missing()
    readiness = Readiness(status="unavailable" if missing else "ok", missing=missing)
    return JSONResponse(readiness.model_dump(), 503) if missing else readiness  # pyright: ignore[reportReturnType]


@router.get("/docs", include_in_schema=False)
async def docs() -> HTMLResponse:
    """Swagger UI, from this host alone."""
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Natter: the interface",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="data:,",
    )


@router.get("/docs/{asset}", include_in_schema=False)
async def docs_asset(asset: Literal["swagger-ui-bundle.js", "swagger-ui.css"]) -> Response:
    content = resources.files("fastapi_swagger.resources").joinpath(asset).read_bytes()
    return Response(content, media_type=ASSETS[asset], headers={"Cache-Control": "public, max-age=86400"})
