"""Write .env from .env.example, with a fresh secret behind each empty name. A .env of before gets what it lacks.

Says where volumes of before are there: their Postgres keeps the password that it was made with.
"""

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


OLD_VOLUME = """\
{volume} is there from before, and its Postgres keeps its old password. Put that one behind POSTGRES_PASSWORD in .env,
or remove the volumes with all that is in them (docker compose down --volumes): else `roles` is refused.
"""


def old_volumes() -> list[str]:
    """Postgres' volumes of this folder's Compose project; none where no engine answers."""
    project = re.sub(r"[^a-z0-9_-]", "", ROOT.name.lower())
    labels = (f"com.docker.compose.project={project}", "com.docker.compose.volume=postgres")
    command = ["docker", "volume", "ls", "--quiet", *(f"--filter=label={label}" for label in labels)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.split() if done.returncode == 0 else []


def fresh(name: str) -> str:
    return f"{name}=s{secrets.token_hex(24)}"


def add_missing(file: Path, names: list[str]) -> None:
    """Append the secrets that a .env of an earlier version does not have."""
    text = file.read_text()
    missing = [name for name in names if not re.search(rf"(?m)^\s*(export\s+)?{name}=", text)]
    if not missing:
        sys.exit(".env exists already, has every secret, and is left as it is")
    with file.open("a") as old:
        old.write("\n".join(["" if text.endswith("\n") else "\n", *map(fresh, missing), ""]))
    sys.stdout.write(f".env was there: added {', '.join(missing)}\n")


def main() -> None:
    """Create .env, readable by its owner alone, or complete it."""
    file, example = ROOT / ".env", (ROOT / ".env.example").read_text()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        add_missing(file, re.findall(r"(?m)^(\w+)=$", example))
        return
    with os.fdopen(descriptor, "w") as new:
        new.write(re.sub(r"(?m)^(\w+)=$", lambda match: fresh(match[1]), example))
    for volume in old_volumes():
        sys.stderr.write(OLD_VOLUME.format(volume=volume))


if __name__ == "__main__":
    main()
