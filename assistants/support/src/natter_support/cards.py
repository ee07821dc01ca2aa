"""What the desk shows beside its words: cards of orders, a chart, and the label of a parcel."""

import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from chatkit.widgets import WidgetTemplate

from natter_support.orders import Order

BAR_PIXELS, HEIGHT_PIXELS = 3, 60


WAY = WidgetTemplate.from_file(str(Path(__file__).parent / "way.widget"))


def card(order: Order, note: str = "") -> dict[str, Any]:
    """A card of an order, with what can be done from it. ``note``: what was done last."""
    payload = {"order_id": order.order_id}
    buttons: list[dict[str, Any]] = [
        {"type": "Button", "label": label, "onClickAction": {"type": action, "payload": payload, **more}}
        for label, action, more in (
            ("Send a receipt", "order.receipt", {"streaming": False}),
            ("Follow the parcel", "order.follow", {}),
            ("All is well, thanks", "order.close", {}),
        )
    ]
    told = [{"type": "Caption", "value": note}] if note else []
    driver = {
        "type": "Form",
        "onSubmitAction": {"type": "order.note", "payload": payload},
        "children": [
            {"type": "Input", "name": "note", "placeholder": "A note for the driver", "required": True},
            {"type": "Button", "label": "Leave the note", "submit": True},
        ],
    }
    return {
        "type": "Card",
        "children": [
            {"type": "Title", "value": f"Order {order.order_id}", "size": "sm"},
            {"type": "Text", "value": f"{order.what}, {order.price}"},
            {"type": "Badge", "label": order.state, "color": "info"},
            *told,
            {"type": "Row", "gap": 2, "wrap": "wrap", "children": buttons},
            driver,
        ],
    }


def way(order_id: str, where: str, *, is_last: bool) -> Any:
    """Where an order is brought; it may be shown while it is written."""
    return WAY.build({"order_id": order_id, "where": where, "is_streaming": not is_last})


def spent(orders: Sequence[Order]) -> dict[str, Any]:
    """What the orders cost, as bars."""
    rows = [{"order": order.order_id, "price": float(order.price.removeprefix("€ "))} for order in orders]
    series = [{"type": "bar", "dataKey": "price", "label": "€"}]
    chart = {"type": "Chart", "data": rows, "series": series, "xAxis": {"dataKey": "order"}, "height": 160}
    return {"type": "Card", "children": [{"type": "Title", "value": "What you have spent", "size": "sm"}, chart]}


async def printed(order: Order) -> AsyncIterator[bytes]:
    """A label as it comes out of the printer."""
    for height in (HEIGHT_PIXELS // 3, HEIGHT_PIXELS * 2 // 3, HEIGHT_PIXELS):
        yield label(order, height)


def label(order: Order, height: int = HEIGHT_PIXELS) -> bytes:
    """The bars on a parcel, as a PNG: one for each bit of the order's number."""
    bits = f"1{int(order.order_id):016b}1"
    row = b"\x00" + b"".join((b"\x00" if bit == "1" else b"\xff") * BAR_PIXELS for bit in bits)
    header = struct.pack(">IIBBBBB", len(bits) * BAR_PIXELS, height, 8, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(row * height)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
