"""Write .env from .env.example, with a fresh secret behind each empty name. An existing .env is left as it is."""

import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


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


if __name__ == "__main__":
    main()
