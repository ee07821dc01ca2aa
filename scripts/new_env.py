"""Write .env from .env.example, with a fresh secret behind each empty name. An existing .env is left as it is.

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
or remove the volumes with all that is in them (docker compose down --volumes): else migrate is refused.
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


def main() -> None:
    """Create .env, readable by its owner alone."""
    filled = re.sub(
        r"(?m)^(\w+)=$", lambda name: f"{name[1]}=s{secrets.token_hex(24)}", (ROOT / ".env.example").read_text()
    )
    try:
        descriptor = os.open(ROOT / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(".env exists already and is left as it is")
    with os.fdopen(descriptor, "w") as file:
        file.write(filled)
    for volume in old_volumes():
        sys.stderr.write(OLD_VOLUME.format(volume=volume))


if __name__ == "__main__":
    main()
