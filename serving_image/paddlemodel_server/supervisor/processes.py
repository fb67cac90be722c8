"""Starts, signals and buries the supervisor's children; the system calls, and no decisions."""

import os
import signal
import sys
import time
from collections.abc import Sequence

from paddlemodel_server.gpu import devices
from paddlemodel_server.ipc.process_context import ProcessContext


def spawn(
    module: str, arguments: list[str], runtime: ProcessContext, extra: dict[str, str] | None = None
) -> int:
    """Start one of our modules in a fresh interpreter; returns its process number."""
    command = [sys.executable, "-m", module, *arguments, str(os.getpid()), runtime.to_json()]
    environment = os.environ | (extra or {})
    # A process group of its own: Ctrl-C in a terminal must reach the supervisor only.
    return os.posix_spawn(sys.executable, command, environment, setpgroup=0, setsigmask=())


def worker_environment(threads: int, gpus: Sequence[str], index: int) -> dict[str, str]:
    """What a worker's libraries must know before they are imported: their threads, their GPU.

    Workers may be more than the GPUs are, and then share them. CUDA numbers devices by their speed unless
    told to go by the bus, as all other tools do.
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    extra = dict.fromkeys(names, str(threads))
    if gpus:
        extra |= {devices.CUDA: gpus[index % len(gpus)], devices.ORDER: devices.BUS_ORDER}
    return extra


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that has just ended gets none."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def next_dead() -> tuple[int, int] | None:
    """The number and status of a child that has ended, orphans included; None where none has."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def wait(pid: int, seconds: float) -> bool:
    """Wait for one child; True once it has ended."""
    until = time.monotonic() + seconds
    while True:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return True
        except ChildProcessError:
            return True
        if time.monotonic() > until:
            return False
        signal.sigtimedwait({signal.SIGCHLD}, 0.05)
