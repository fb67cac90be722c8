"""A model's files, served for the time of a command: the same engine as in a pod, on a free local port.

`predict`, `verify` and `export` use it for folders, so that what they see is what requests will see: the
precision, oneDNN or not, batching. PADDLEMODEL_ variables are honoured as by `serve`.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson
import urllib3
from paddlemodel_api import contract
from urllib3.exceptions import HTTPError

from paddlemodel_server.commands.client import Client, is_url
from paddlemodel_server.commands.credentials import Credentials
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files

READY_SECONDS = 300.0
# Runs `serve` in a process that the kernel ends when the command ends, however it ends.
_ATTACHED = """
import os, sys
from paddlemodel_server.ipc.process_context import die_with_parent
die_with_parent(int(sys.argv[1]))
from paddlemodel_server.host import signals
signals.hold()
from paddlemodel_server.supervisor import main
sys.exit(main.run(dict(os.environ)))
"""


@contextmanager
def target(name: str, credentials: Credentials) -> Iterator[Client]:
    """A client of the server at an URL, or of a server for the model in a folder."""
    if is_url(name):
        yield Client(name, credentials)
        return
    folder, _ = files.find(Path(name)) if Path(name).is_dir() else (Path(name), None)
    files.locate(folder)
    with serving(folder) as url:
        yield Client(f"{url}/v2/models/{os.environ.get('PADDLEMODEL_NAME', 'model')}")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the model in `folder` with one HTTP worker and one worker; gives the URL once it is ready."""
    port, admin_port = _free_ports()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _ATTACHED, str(os.getpid())],
            env=environment(folder, port, admin_port, os.environ),
            stdout=log,
            stderr=log,
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        except StartError as error:
            if process.poll() is not None:
                log.seek(0)
                raise _reason(log.read()) or error from error
            raise
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def environment(folder: Path, port: int, admin_port: int, given: Mapping[str, str]) -> dict[str, str]:
    """The settings of such a server: small, but for what is given, and gone as soon as it is told to.

    It asks for no keys and speaks no TLS: only this command knows of it, and has none.
    """
    defaults = {
        "PADDLEMODEL_HTTP_WORKERS": "1",
        "PADDLEMODEL_WORKERS": "1",
        "PADDLEMODEL_LOG_LEVEL": "WARNING",
    }
    fixed = {
        "PADDLEMODEL_MODEL_DIR": str(folder.absolute()),
        "PADDLEMODEL_PORT": str(port),
        "PADDLEMODEL_ADMIN_PORT": str(admin_port),
        "PADDLEMODEL_BIND": "127.0.0.1",
        "PADDLEMODEL_DRAIN_SECONDS": "0",  # nobody else knows of it
        "PADDLEMODEL_LOG_FORMAT": "json",
    }
    left_out = {*contract.ACCESS_VARIABLES, contract.API_KEY_VARIABLE}
    return defaults | {name: value for name, value in given.items() if name not in left_out} | fixed


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    pool, until = urllib3.PoolManager(timeout=5.0, retries=False), time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if pool.request("GET", f"{url}/v2/health/ready").status == 200:
                return
        except HTTPError:
            pass  # it does not listen yet
        time.sleep(0.05)
    raise StartError(
        "NotReady",
        "The model's server did not become ready; `paddlemodel-server serve` says why.",
    )


def _reason(log: bytes) -> StartError | None:
    """The last word of a server that could not start."""
    for line in reversed(log.splitlines()):
        try:
            event = orjson.loads(line)
            return StartError(event["reason"], event["message"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
    return None


def _free_ports() -> tuple[int, int]:
    """Two different ones: both are held while they are looked for."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]
