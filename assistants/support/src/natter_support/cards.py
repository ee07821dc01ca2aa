"""What the desk shows beside its words: a card of an order, and the label of a parcel."""

import struct
import zlib
from typing import Any

from natter_support.orders import Order

BAR_PIXELS, HEIGHT_PIXELS = 3, 60


def card(order: Order, note: str = "") -> dict[str, Any]:
    """A card of an order, with what can be done from it. ``note``: what was done last."""
    payload = {"order_id": order.order_id}
    buttons: list[dict[str, Any]] = [
        {"type": "Button", "label": label, "onClickAction": {"type": action, "payload": payload, **more}}
        for label, action, more in (
            ("Send a receipt", "order.receipt", {"streaming": False}),
            ("All is well, thanks", "order.close", {}),
        )
    ]
    told = [{"type": "Caption", "value": note}] if note else []
    return {
        "type": "Card",
        "children": [
            {"type": "Title", "value": f"Order {order.order_id}", "size": "sm"},
            {"type": "Text", "value": f"{order.what}, {order.price}"},
            {"type": "Badge", "label": order.state, "color": "info"},
            *told,
            {"type": "Row", "gap": 2, "children": buttons},
        ],
    }


def label(order: Order) -> bytes:
    """The bars on a parcel, as a PNG: one for each bit of the order's number."""
    bits = f"1{int(order.order_id):016b}1"
    row = b"\x00" + b"".join((b"\x00" if bit == "1" else b"\xff") * BAR_PIXELS for bit in bits)
    header = struct.pack(">IIBBBBB", len(bits) * BAR_PIXELS, HEIGHT_PIXELS, 8, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(row * HEIGHT_PIXELS)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
