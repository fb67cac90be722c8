"""Azurite (npm) on loopback: what Azure's blob store answers.

It is installed by npm into the cache of the tests, once: that takes a minute, so the tests that need it are
slow ones.
"""

import base64
import fcntl
import hashlib
import hmac
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import httpx

from devcluster import ports

AZURITE = "3.35.0"
ACCOUNT = "devstoreaccount1"
# Azurite's own, in its documentation.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_NPM = ("npm", "install", "--no-audit", "--no-fund", "--prefix", ".", f"azurite@{AZURITE}")
_CACHE = Path.home() / ".cache" / "paddlemodel" / "stores"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Azure's blob store; yields its endpoint."""
    (port,) = ports.free(1)
    program = _installed(f"azurite-{AZURITE}", "node_modules/.bin/azurite-blob", _NPM)
    command = [str(program), "--blobPort", str(port), "--location", str(folder), "--silent"]
    command += ["--disableTelemetry", "--skipApiVersionCheck"]
    with running(command, f"http://127.0.0.1:{port}/"):
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"


def make_container(endpoint: str, name: str) -> None:
    """An empty container of Azurite, by a request with a shared key."""
    date = format_datetime(datetime.now(UTC), usegmt=True)
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06"}
    shown = "".join(f"{key}:{value}\n" for key, value in headers.items())
    text = "PUT" + "\n" * 12 + f"{shown}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    mac = hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
    headers["authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(mac).decode()}"
    httpx.put(f"{endpoint}/{name}?restype=container", headers=headers).raise_for_status()


def _installed(name: str, program: str, command: Sequence[str]) -> Path:
    """A program of a package; one of the processes that ask installs it, and the others wait."""
    folder = _CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".done").exists():
            subprocess.run(command, check=True, capture_output=True, cwd=folder)
            (folder / ".done").touch()
    return folder / program


@contextmanager
def running(command: Sequence[str], address: str) -> Iterator[None]:
    """Run a store until the end of the block, from the moment on when it answers."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 120
            while process.poll() is None and not _answers(address):
                assert time.monotonic() < deadline, f"{command[0]} does not answer"
                time.sleep(0.1)
            assert process.poll() is None, f"{command[0]} ended"
            yield
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    try:
        httpx.get(address, timeout=5)
    except httpx.HTTPError:
        return False
    return True
