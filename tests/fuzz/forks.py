"""Runs a step in a child of its own that is forked, so that a crash, a flag or a leak stays in it."""

import faulthandler
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

STEP_SECONDS = 120  # of an export, of all bare runs of a program


class StepError(Exception):
    """A child that was forked has failed; the message is the end of what it printed."""


def forked(step: Callable[[], None], log: Path) -> int:
    """Run a step in a child of its own; the child's number."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        faulthandler.enable()
        step()
        status = 0
    except BaseException as error:  # noqa: BLE001 - a child must never return into the parent's loop
        os.write(2, f"\n{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def whole(step: Callable[[], None], log: Path) -> None:
    """Run a step to its end.

    Raises:
        StepError: It failed, crashed or did not end.
    """
    pid = forked(step, log)
    if status := _ended(pid, STEP_SECONDS):
        raise StepError(why(status, log))


def _ended(pid: int, seconds: float) -> int:
    """Wait for a child and return its status; it is killed when it takes too long."""
    until = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -signal.SIGKILL
        time.sleep(0.002)


def why(status: int, log: Path) -> str:
    said = log.read_text(errors="replace").split("\n") if log.exists() else []
    last = next((line.strip() for line in reversed(said) if line.strip()), "")[:400]
    return f"{signal.Signals(-status).name if status < 0 else f'exit code {status}'}: {last}"
