"""docs/your-assistant.md, walked: from nothing to an own tool that answers in the browser, from local wheels."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.chromium import chromium

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(600)]  # wheels of everything, and two starts of the stack

ROOT = Path(__file__).parents[2]
READY_SECONDS_MAX = 150
NUMBERS = " ".join(str(number) for number in range(1, 151))
OWN_TOOL = '''
@function_tool
async def open_ticket(subject: str) -> str:
    """Open a ticket for the customer."""
    return f"ticket 17 for {Context.current().user.id}: {subject}"


refunds = '''


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment of its own, our packages from wheels; what they need is lent by the one that runs the tests."""
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    place = tmp_path_factory.mktemp("installed")
    subprocess.run(["make", "-C", str(ROOT), "wheels", f"WHEELS={place / 'dist'}"], check=True, timeout=400)
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(place / "venv")], check=True, timeout=60)
    packages = next((place / "venv" / "lib").glob("python3.*")) / "site-packages"
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))
    python = place / "venv" / "bin" / "python"
    (python.parent / "nats-server").symlink_to(Path(sys.executable).parent / "nats-server")  # lent as well
    wheels = [str(wheel) for wheel in (place / "dist").glob("*.whl")]
    install = [uv, "pip", "install", "--quiet", "--no-index", "--no-deps", "--python", str(python)]
    subprocess.run([*install, *wheels], check=True, timeout=120)
    ours = {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/")}
    return {**ours, "AGENT_RUNNER_DEMO_WORD_DELAY_MS": "30"}


@pytest.fixture(scope="module")
def project(environment: dict[str, str]) -> Iterator[Path]:
    with TemporaryDirectory(prefix="somewhere-") as parent:
        subprocess.run(["natter", "new", "support-desk"], cwd=parent, env=environment, check=True, timeout=60)
        yield Path(parent) / "support-desk"


@contextlib.contextmanager
def developing(project: Path, environment: dict[str, str]) -> Iterator[str]:
    """`natter dev` in the project; gives the address that it prints."""
    log = project.with_name("dev.log")
    with log.open("w") as errors:
        process = subprocess.Popen(
            ["natter", "dev", "--port", "0"],
            cwd=project,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    impatient = threading.Timer(READY_SECONDS_MAX, process.kill)
    impatient.start()
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("ready http://127.0.0.1:"), log.read_text()[-4000:]
        yield ready.split()[1]
    finally:
        impatient.cancel()
        process.terminate()
        process.wait(15)
        if process.stdout is not None:
            process.stdout.close()


def rewritten(project: Path, *changes: tuple[str, str]) -> None:
    """Save the assistant with something changed."""
    file = project / "assistant.py"
    text = file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text)


def says(page: Page, text: str) -> None:
    box = page.get_by_role("textbox").first
    box.fill(text)
    box.press("Enter")


def asked_until_it_knows(page: Page, text: str, answer: str) -> None:
    """The runner that has the new code is there within seconds."""
    for _ in range(10):
        says(page, text)
        with contextlib.suppress(AssertionError):
            expect(page.get_by_text(answer).first).to_be_visible(timeout=6_000)
            return
    raise AssertionError(f"never answered: {answer}")


def test_its_own_tests_pass(project: Path, environment: dict[str, str]) -> None:
    command = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert re.search(r"\b3 passed", done.stdout), done.stdout + done.stderr


def test_an_own_tool_answers_in_the_browser_and_a_change_is_taken_up(
    project: Path, environment: dict[str, str]
) -> None:
    with developing(project, environment) as url, chromium() as browser:
        page = browser.new_page()
        page.goto(url)
        expect(page.get_by_text("What can we do for you?")).to_be_visible(timeout=20_000)
        page.get_by_role("button", name="Where is my order?").click()
        expect(page.get_by_text("due tomorrow").first).to_be_visible(timeout=20_000)
        rewritten(
            project,
            ("\nrefunds = ", OWN_TOOL),
            ("tools=[order_status],", "tools=[order_status, open_ticket],"),
            (
                "    order = next(",
                '    if "ticket" in text:\n        return [DemoCall("open_ticket", {"subject": "lamp"})]\n'
                f'    if "count" in text:\n        return "{NUMBERS}"\n'
                "    order = next(",
            ),
        )
        asked_until_it_knows(page, "open a ticket", "ticket 17 for you: lamp")
        is_handed_over(project, url)
        page.reload()
        expect(page.get_by_text("ticket 17 for you: lamp").first).to_be_visible(timeout=20_000)


def is_handed_over(project: Path, url: str) -> None:
    """An answer under way while a file is saved goes on with the new code, to its end, for who watches it too."""
    with httpx.Client(base_url=f"{url}/api/you", headers={"Origin": url}, timeout=60, trust_env=False) as http:
        begun: dict[str, Any] = http.post("/chat", json={"message": "count, please"}).json()
        seen: list[str] = []
        with http.stream("GET", f"/runs/{begun['run_id']}/stream") as frames:
            for line in frames.iter_lines():
                seen += [line] if line.startswith("data: ") else []
                if len(seen) == 20:
                    rewritten(project, ("def demo(", "# saved meanwhile\ndef demo("))
        told = [json.loads(line.removeprefix("data: ")) for line in seen]
        attempts = [one["type"] for one in told if str(one["type"]).startswith("run.")]
        assert attempts == ["run.started", "run.restarted", "run.completed"]
        messages = http.get(f"/conversations/{begun['conversation_id']}/messages").json()["data"]
        assert [message["content"] for message in messages] == ["count, please", NUMBERS]
