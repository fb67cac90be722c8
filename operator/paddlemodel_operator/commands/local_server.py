"""Starts the server's program on this machine: its fetcher to the end, then itself until a signal."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.commands.faults import CommandError
from paddlemodel_operator.commands.local_pod import Process
from paddlemodel_operator.settings import PREFIX

NAME: Final = "paddlemodel-server"
LOOK_SECONDS: Final = 0.2


def program() -> str:
    """The path of the server's program: beside this one, or on the PATH.

    Raises:
        CommandError: there is none.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which(NAME, path=os.pathsep.join((beside, os.environ.get("PATH", ""))))
    if found is None:
        raise CommandError(
            f"{NAME} is not on this machine; put it beside this program: "
            "pip install ./crds ./serving_image paddlepaddle."
        )
    return found


def finish(name: str, process: Process) -> None:
    """Run a process to its end, such as the fetcher, whose log people see.

    Raises:
        CommandError: it failed; its last line has said why.
    """
    sys.stderr.write(f"==> {process.arguments[0]}\n")
    with _started(name, process) as running:
        code = running.wait()
    if code:
        raise CommandError(f"{process.arguments[0]} failed, as said above.")


def serve(name: str, process: Process, host: str, port: int) -> int:
    """Serve until a signal, and say when it is ready; returns the exit code."""
    admin = _free_port(host)
    settings = {"bind": host, "port": str(port), "admin_port": str(admin), "drain_seconds": "0"}
    changed = process.with_environment(**{contract.variable(key): text for key, text in settings.items()})
    sys.stderr.write("==> serve; Ctrl-C stops it\n")
    with _started(name, changed) as running:
        if _is_ready(running, f"http://{host}:{admin}/readyz"):
            at = address(process, host, port)
            sys.stderr.write(f"==> ready: {at}/ is a page to try it, {at}/predict takes requests\n")
            sys.stderr.write(how_to_ask(process, at))
        code = running.wait()
    return 0 if code == 0 else 1


def address(process: Process, host: str, port: int) -> str:
    """Where clients ask: by https where the pod would speak TLS."""
    scheme = "https" if contract.variable("tls_dir") in process.environment else "http"
    return f"{scheme}://{host}:{port}"


def how_to_ask(process: Process, at: str) -> str:
    """The command for a server that wants a key or speaks TLS, with paths and no key; or nothing."""
    keys, tls = (process.environment.get(contract.variable(name)) for name in ("api_keys_dir", "tls_dir"))
    words = [NAME, "predict", at]
    if keys and (entries := sorted(path for path in Path(keys).iterdir() if path.name[0] != ".")):
        words += ["--key-file", str(entries[0])]
    if tls:
        authority = Path(tls, "ca.crt")
        words += ["--ca-file", str(authority if authority.exists() else Path(tls, "tls.crt"))]
    if len(words) == 3:
        return ""
    name = " (and --server-name NAME where the certificate is not for this address)" if tls else ""
    return f"==> ask it by: {shlex.join(words)}{name}\n"


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as listening:
        return int(listening.getsockname()[1])


def _is_ready(running: "subprocess.Popen[bytes]", url: str) -> bool:
    """Wait until it answers that it is ready; false if it ends before."""
    while running.poll() is None:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(LOOK_SECONDS)
    return False


@contextmanager
def _started(name: str, process: Process) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that gets the signals that end this one, and is never left over.

    It has a session of its own, or a Ctrl-C would reach it twice.
    """
    # The server refuses what is no setting of its own; these begin like one.
    outer = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIX) and name != contract.API_KEY_VARIABLE
    }
    environment = {contract.variable("log_format"): "text", **outer, **process.environment}
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    running: subprocess.Popen[bytes] | None = None
    stopped = False

    def forward(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        if running is not None:
            running.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, forward) for number in ending}
    try:
        running = subprocess.Popen([name, *process.arguments], env=environment, start_new_session=True)
        if stopped:
            running.send_signal(signal.SIGTERM)
        yield running
    finally:
        if running is not None and running.poll() is None:
            running.terminate()
            running.wait()
        for number, handler in before.items():
            signal.signal(number, handler)
    if stopped and process.arguments[0] != "serve":
        raise KeyboardInterrupt
