"""The shop's own system, as far as the desk needs it: orders that can be looked up, and refunds that are made once."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = "create table if not exists refund (idempotency_key text primary key, user_id text, order_id text)"
LOCK_SECONDS_MAX = 5.0


@dataclass(frozen=True)
class Order:
    order_id: str
    what: str
    price: str
    state: str


ORDERS = {
    order.order_id: order
    for order in (
        Order("1001", "a teapot", "€ 24.00", "delivered on Monday"),
        Order("1002", "two cups", "€ 18.00", "on its way, and arrives tomorrow"),
        Order("1003", "a tray", "€ 31.00", "being packed"),
    )
}


class Refunds:
    """Refunds in a file. ``make`` may be called again with the same key: the money goes back once."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def make(self, order_id: str, *, user_id: str, idempotency_key: str) -> bool:
        """Pay an order back to a user; False where the order was paid back before, by another call."""
        with closing(self._open()) as database, database:
            known = database.execute("select idempotency_key from refund where order_id = ?", (order_id,)).fetchone()
            if known is not None:
                return bool(known[0] == idempotency_key)
            database.execute("insert into refund values (?, ?, ?)", (idempotency_key, user_id, order_id))
        return True

    def count(self, order_id: str) -> int:
        """How often an order was paid back."""
        with closing(self._open()) as database:
            row = database.execute("select count(*) from refund where order_id = ?", (order_id,)).fetchone()
        return int(row[0])

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._file, timeout=LOCK_SECONDS_MAX, isolation_level="IMMEDIATE")
        database.execute(_SCHEMA)
        return database
