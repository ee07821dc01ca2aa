"""These tests want Helm (`scripts/install.sh helm`, or one on the PATH) and Kubernetes' schemas: where they are missing
they are left out, and the header says so.
"""

from tests.deploy.chart import SCHEMAS, find_helm

NAMES = ["test_helm.py"]
collect_ignore = [] if find_helm() and SCHEMAS.exists() else NAMES


def pytest_report_header() -> str:
    """Say whether they run."""
    return "deploy: left out, no Helm (scripts/install.sh helm)" if collect_ignore else f"deploy: {find_helm()}"
