"""asyncpg, which has no complete types: what is untyped stays behind this name."""

from typing import Any

import asyncpg as _asyncpg  # pyright: ignore[reportMissingTypeStubs]

asyncpg: Any = _asyncpg
