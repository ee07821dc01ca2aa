"""The web app's directory, and its build when there is none that is up to date."""

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from natter.settings import Settings

NODE_MAJOR_MIN = 20
BUILD_SECONDS_MAX = 600
INSTALL_SECONDS_MAX = 600
BUILT_FROM = ".next/natter-sources.sha256"
NOT_SOURCES = {
    "node_modules",
    ".next",
    "dist",
    "dist-test",
    "public/chatkit",
    "test-results",
    "playwright-report",
    "next-env.d.ts",
}
"""Names, and paths from the web app's directory, of what is made, not written."""


class WebAppError(Exception):
    """The web app cannot be run; the text says why and what to do."""


def find_web_app(settings: Settings, progress: Callable[[str], None]) -> Path:
    """Return the web app's directory, with its packages installed and built. Raises WebAppError."""
    directory = settings.web_dir or _beside_the_sources()
    if directory is None or not (directory / "package.json").exists():
        raise WebAppError("the web app is not here: start with --no-web, or set NATTER_WEB_DIR to its directory")
    _check_node()
    with (directory / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that start at once: one builds, the other waits
        _install_and_build(directory, progress)
    return directory


def _install_and_build(directory: Path, progress: Callable[[str], None]) -> None:
    if not (directory / "node_modules" / "next").exists():
        progress("installing the web app's packages (npm install)")
        _run(directory, ["npm", "install", "--no-save", "--no-audit", "--no-fund"], INSTALL_SECONDS_MAX)
    sources = _hash_of_sources(directory)
    if _built_from(directory) != sources:
        progress("building the web app (when its sources have changed; half a minute or more)")
        _run(directory, ["npm", "run", "build"], BUILD_SECONDS_MAX)
        (directory / BUILT_FROM).write_text(sources)


def _beside_the_sources() -> Path | None:
    """`web/` of the checkout that this package is installed from, if it is one."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "web" / "package.json").exists():
            return parent / "web"
    return None


def node_major() -> int | None:
    """The major version of the Node on the PATH; None when there is none."""
    node = shutil.which("node")
    if node is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    major = version.strip().lstrip("v").partition(".")[0]
    return int(major) if major.isdigit() else None


def _check_node() -> None:
    major = node_major()
    if major is None or major < NODE_MAJOR_MIN:
        found = "none is on the PATH" if major is None else f"this is Node {major}"
        raise WebAppError(f"the web app needs Node {NODE_MAJOR_MIN} or newer, {found}; --no-web needs none")


def _built_from(directory: Path) -> str:
    """The hash of the sources that the present build was made from; empty when there is no build."""
    file = directory / BUILT_FROM
    return file.read_text() if file.exists() and (directory / ".next" / "BUILD_ID").exists() else ""


def _hash_of_sources(directory: Path) -> str:
    """One hash over the path and content of every source file: times say nothing after a checkout."""
    digest = hashlib.sha256()
    for path in sorted(_sources(directory, directory)):
        digest.update(f"{path.relative_to(directory)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(directory: Path, root: Path) -> Iterator[Path]:
    for path in directory.iterdir():
        if path.name in NOT_SOURCES or path.relative_to(root).as_posix() in NOT_SOURCES or path.is_symlink():
            continue
        if path.is_dir():
            yield from _sources(path, root)
        elif path.suffix != ".tsbuildinfo":
            yield path


def _run(directory: Path, command: list[str], seconds_max: float) -> None:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=seconds_max)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WebAppError(f"{' '.join(command)} in {directory} failed: {error}") from error
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise WebAppError(f"{' '.join(command)} in {directory} failed:\n{last}")
