"""PgBouncer is no Python wheel: `make test` installs it where it may, and says so where it may not."""

import os
import shutil

HAS_PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None

collect_ignore = [] if HAS_PGBOUNCER else ["test_pgbouncer.py"]


def pytest_report_header() -> list[str]:
    """Say at the start of a run what is left out."""
    return [] if HAS_PGBOUNCER else ["PgBouncer is missing: tests/integration/store/test_pgbouncer.py is left out"]
