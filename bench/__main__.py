"""`python -m bench [NAME …]`: every measurement, one after the other; each is a program of its own."""

import subprocess
import sys
from pathlib import Path

MAIN = 'if __name__ == "__main__":'


def names() -> list[str]:
    """The measurements of this folder."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [file.stem for file in files if file.stem != "__main__" and MAIN in file.read_text(encoding="utf-8")]


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(names())
    if unknown:
        sys.stderr.write(f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(names())}\n")
        return 2
    failed = 0
    for name in wanted or names():
        print(f"\n== {name} ==", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
