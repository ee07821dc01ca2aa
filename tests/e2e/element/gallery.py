"""The gallery of widgets in a browser: what is shown in it, and pictures of it, compared with those that are kept.

`python -m tests.e2e.element.gallery` makes the pictures of gallery_pictures/ anew: look at them before you commit them.
"""

import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.chromium import chromium
from tests.e2e.element import servers

WEB = Path(__file__).parents[3] / "web"
WIDGETS: list[dict[str, Any]] = json.loads(
    (WEB / "chatkit-element" / "gallery" / "widgets.json").read_text(encoding="utf-8")
)
PICTURES = Path(__file__).parent / "gallery_pictures"
FONT = WEB / "node_modules" / "geist" / "dist" / "fonts" / "geist-sans" / "Geist-Variable.woff2"
"""The pictures' own font: the system's is another one on every machine."""
ACCENT = "#0FFF50"
SETTLE_MS = 400
WEBP_QUALITY = 0.55


@dataclass(frozen=True)
class View:
    """How the gallery is looked at."""

    scheme: str
    locale: str
    width: int

    @property
    def name(self) -> str:
        """The picture's name."""
        return f"{self.locale}-{self.scheme}-{self.width}"


VIEWS = [View(scheme, "en", width) for scheme in ("light", "dark") for width in (390, 1280)] + [
    View("light", "ar", 390),
    View("dark", "ar", 1280),
]


def widget_items(widgets: list[Any]) -> list[dict[str, Any]]:
    """The widgets as the items of a thread."""
    base = {"thread_id": "gallery", "created_at": "2026-01-01T00:00:00", "type": "widget"}
    return [{**base, "id": f"w{number}", "widget": widget} for number, widget in enumerate(widgets)]


def thread_of(items: list[dict[str, Any]]) -> dict[str, Any]:
    """A thread with these items, as a server answers with it."""
    thread = {"id": "gallery", "title": "Gallery", "created_at": "2026-01-01T00:00:00", "status": {"type": "active"}}
    return {**thread, "items": {"data": items, "has_more": False}}


def open_thread(page: Page, origin: str, items: list[dict[str, Any]], options: dict[str, Any] | None = None) -> None:
    """Show a thread that no server has."""
    page.route("**/chatkit", lambda route: route.fulfill(json=thread_of(items)))
    page.route("**/geist.woff2", lambda route: route.fulfill(path=FONT, content_type="font/woff2"))
    server = servers.stock_server(origin)
    page.goto(server.url(options={"initialThread": "gallery", **(options or {})}))
    expect(page.locator("openai-chatkit .w-message")).to_have_count(len(items))


def look(browser: Browser, origin: str, view: View) -> tuple[BrowserContext, bytes]:
    """The page of a view, still open, and a PNG of the whole gallery."""
    height = 900
    context = browser.new_context(viewport={"width": view.width, "height": height}, reduced_motion="reduce")
    page = context.new_page()
    theme = {
        "colorScheme": view.scheme,
        "color": {"accent": {"primary": ACCENT, "level": 1}},
        "typography": {"fontFamily": "Geist", "fontSources": [{"family": "Geist", "src": "/geist.woff2"}]},
    }
    open_thread(
        page, origin, widget_items([entry["widget"] for entry in WIDGETS]), {"theme": theme, "locale": view.locale}
    )
    # As high as its content, so that one picture shows all of it.
    page.add_style_tag(
        content="html, body, main { height: auto !important; } openai-chatkit { height: 20000px !important; }"
    )
    log = page.locator("openai-chatkit .log")
    expect(log.locator(".w-plot svg")).to_have_count(2)
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(SETTLE_MS)
    page.set_viewport_size({"width": view.width, "height": int(log.evaluate("element => element.scrollHeight")) + 200})
    return context, log.screenshot(animations="disabled")


CONVERT = """async ([png, quality]) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext("2d").drawImage(image, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/webp", quality });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""

COMPARE = """async ([png, webp, scale, step]) => {
    const read = async (type, data) => {
        const image = await createImageBitmap(await (await fetch(`data:image/${type};base64,${data}`)).blob());
        const canvas = new OffscreenCanvas(Math.ceil(image.width / scale), Math.ceil(image.height / scale));
        const context = canvas.getContext("2d");
        context.imageSmoothingQuality = "high";
        context.drawImage(image, 0, 0, canvas.width, canvas.height);
        const { data: pixels } = context.getImageData(0, 0, canvas.width, canvas.height);
        return { size: [image.width, image.height], pixels };
    };
    const [now, kept] = [await read("png", png), await read("webp", webp)];
    let other = 0;
    for (let at = 0; at < Math.min(now.pixels.length, kept.pixels.length); at += 4)
        if ([0, 1, 2].some((channel) => Math.abs(now.pixels[at + channel] - kept.pixels[at + channel]) > step)) other++;
    return { now: now.size, kept: kept.size, share: (4 * other) / now.pixels.length };
}"""
SCALE = 8
"""Pictures are compared an eighth as large: how a letter's edges are drawn is another thing on every machine."""
STEP = 26
"""Of 255, in one channel: as much as a hairline makes of an eighth of a picture."""


def encoded(data: bytes) -> str:
    """For the page."""
    return base64.b64encode(data).decode()


def difference(page: Page, png: bytes, name: str) -> dict[str, Any]:
    """What `COMPARE` finds between a picture as it is now and the one that is kept."""
    kept = (PICTURES / f"{name}.webp").read_bytes()
    return page.evaluate(COMPARE, [encoded(png), encoded(kept), SCALE, STEP])


def pictures(browser: Browser, origin: str) -> Iterator[tuple[View, Page, bytes]]:
    """Each view, a page that can convert and compare, and its picture."""
    for view in VIEWS:
        context, png = look(browser, origin, view)
        yield view, context.pages[0], png
        context.close()


def main(folder: Path | None) -> None:
    """Write the pictures, and PNGs to look at into another folder where one is named."""
    process = servers.start_server("stock_server")
    PICTURES.mkdir(exist_ok=True)
    try:
        with chromium() as browser:
            for view, page, png in pictures(browser, servers.origin_of(process)):
                webp = base64.b64decode(page.evaluate(CONVERT, [encoded(png), WEBP_QUALITY]))
                (PICTURES / f"{view.name}.webp").write_bytes(webp)
                if folder is not None:
                    (folder / f"{view.name}.png").write_bytes(png)
                sys.stdout.write(f"{view.name}.webp {len(webp)} bytes\n")
    finally:
        servers.stop_server(process)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
