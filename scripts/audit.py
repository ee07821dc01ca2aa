"""What we depend on: known holes, signatures, licences (`audit`), and the list of all of it in CycloneDX (`sbom`).

Usage: scripts/audit.py audit | sbom. A service that does not answer (a mirror without audits) is said and passed over;
what it answers counts. Licences are read from what is installed.
"""

import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = [ROOT / "web", ROOT / "web" / "chatkit-element"]
BOMS = ROOT / "build" / "sbom"
REFUSED_LICENCES = ("AGPL", "AFFERO", "SSPL", "BUSL", "COMMONS CLAUSE")
AWAY = ("ConnectionError", "ENOTFOUND", "ECONNREFUSED", "404", "405", "403", "501", "timed out", "endpoint")


def main() -> int:
    """Run what was asked for; 1 if something was found."""
    if sys.argv[1:] == ["sbom"]:
        return write_boms()
    if sys.argv[1:] == ["audit"]:
        found = [audit_python(), *map(audit_npm, WEB), check_licences()]
        return 1 if any(found) else 0
    say(str(__doc__))
    return 2


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def uv_tool(package: str, *command: str) -> list[str]:
    """A command of a package that is not ours to depend on."""
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    return [uv, "tool", "run", "--from", package, *command]


def audit_python() -> bool:
    """Known holes of what requirements.lock names, with the lock's own hashes."""
    lock = str(ROOT / "requirements.lock")
    return report("pip-audit", uv_tool("pip-audit", "pip-audit", "--require-hashes", "--no-deps", "-r", lock), ROOT)


def audit_npm(folder: Path) -> bool:
    """Known holes of what is delivered, and the registry's signatures of what is installed."""
    holes = report(f"npm audit {folder.name}", ["npm", "audit", "--omit=dev", "--audit-level=high"], folder)
    return report(f"npm audit signatures {folder.name}", ["npm", "audit", "signatures"], folder) or holes


def report(name: str, command: list[str], folder: Path) -> bool:
    """Print what an auditor says; whether it has found something."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    if done.returncode and any(word in said for word in AWAY) and "vulnerabilit" not in said:
        say(f"- {name}: the registry does not answer this here")
        return False
    say(f"{'x' if done.returncode else '+'} {name}\n{said[-4000:]}")
    return done.returncode != 0


def check_licences() -> bool:
    """Whether a Python or npm package is under a licence that asks for more than we can give."""
    found = [f"{name}: {licence}" for name, licence in licences() if is_refused(licence)]
    say("\n  ".join([f"{'x' if found else '+'} licences", *found]))
    return bool(found)


def is_refused(licence: str) -> bool:
    return any(word in licence.upper() for word in REFUSED_LICENCES)


def licences() -> list[tuple[str, str]]:
    """(package, licence) of everything that is installed for us."""
    folders = [str(path) for path in (ROOT / ".venv/lib").glob("*/site-packages")]
    python = [
        (meta["Name"], " ".join([meta.get("License-Expression") or "", *(meta.get_all("Classifier") or [])]))
        for meta in (distribution.metadata for distribution in metadata.distributions(path=folders))
    ]
    locks = [json.loads((folder / "package-lock.json").read_text()) for folder in WEB]
    npm = [(name, str(entry.get("license", ""))) for lock in locks for name, entry in lock["packages"].items()]
    return python + npm


def write_boms() -> int:
    """One CycloneDX document for Python, one for each npm package of ours, in build/sbom/."""
    BOMS.mkdir(parents=True, exist_ok=True)
    lock, out = str(ROOT / "requirements.lock"), str(BOMS / "python.json")
    subprocess.run(uv_tool("cyclonedx-bom", "cyclonedx-py", "requirements", lock, "-o", out), check=True)
    for folder in WEB:
        command = ["npm", "sbom", "--sbom-format", "cyclonedx", "--package-lock-only", "--omit", "dev"]
        text = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
        (BOMS / f"{folder.name}.json").write_text(text)
    say(f"written: {', '.join(sorted(path.name for path in BOMS.iterdir()))} in {BOMS.relative_to(ROOT)}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
