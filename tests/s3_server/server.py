"""A real server of S3 on a free port: moto's, with what `strict` adds to it."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from natter.servers.ports import free_port

MOTO_PYTHON = Path(__file__).parent / ".venv/bin/python"
START_SECONDS_MAX = 30
BUCKET = "natter-files"


def is_installed() -> bool:
    return MOTO_PYTHON.exists()


@contextmanager
def s3_server() -> Iterator[str]:
    """Its address, with an empty bucket in it, until the block ends."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"PATH": os.environ["PATH"], "HOME": "/tmp"}
    command = [str(MOTO_PYTHON), str(Path(__file__).with_name("strict.py")), str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        give_up_at = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                httpx.put(f"{url}/{BUCKET}", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, "moto did not start"
                assert time.monotonic() < give_up_at, "moto did not start in time"
                time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()
