"""What we depend on is pinned to what was looked at, and may be used."""

import json
import re
import subprocess
import sys

from contracts.generate.files import REPOSITORY


def test_every_python_package_is_pinned_with_hashes() -> None:
    text = (REPOSITORY / "requirements.lock").read_text()
    requirements = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]
    assert len(requirements) > 50
    for requirement in requirements:
        assert re.match(r"[a-z0-9._-]+(\[[^\]]+\])?==\S+", requirement), requirement[:80]
        assert "--hash=sha256:" in requirement, requirement[:80]


def test_every_npm_package_is_pinned_with_its_integrity() -> None:
    for folder in ("web", "web/chatkit-element"):
        packages = json.loads((REPOSITORY / folder / "package-lock.json").read_text())["packages"]
        ours = {name for name, one in packages.items() if name == "" or one.get("link")}
        lacking = {name for name, one in packages.items() if name not in ours and not one.get("inBundle")}
        assert {name for name in lacking if not packages[name].get("integrity")} == set()
        manifest = json.loads((REPOSITORY / folder / "package.json").read_text())
        wanted = {**manifest.get("dependencies", {}), **manifest.get("devDependencies", {})}
        assert {name for name, version in wanted.items() if not re.fullmatch(r"(npm:.+@)?\d[\w.+-]*", version)} == set()


def test_no_licence_of_what_is_installed_is_one_that_we_refuse() -> None:
    script = "import sys; sys.path.insert(0, 'scripts'); import audit; sys.exit(audit.check_licences())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_refused_licence_is_found() -> None:
    script = (
        "import sys; sys.path.insert(0, 'scripts'); import audit; print([audit.is_refused(x) for x in sys.argv[1:]])"
    )
    names = ["AGPL-3.0-only", "GNU Affero General Public License v3", "MIT", "Apache-2.0"]
    done = subprocess.run(
        [sys.executable, "-c", script, *names], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[True, True, False, False]"
