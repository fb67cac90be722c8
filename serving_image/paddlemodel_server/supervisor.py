"""PID 1 of the container: starts owners and fronts, forwards signals, replaces dead owners.

`cli` calls `run`. It is small, imports neither Paddle nor the web, and does one thing at a time: wait for a
signal, a dead child or the next second, then act.
"""

import logging
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections import deque
from pathlib import Path

from paddlemodel_server import board as boards
from paddlemodel_server import (
    cgroup,
    children,
    counters,
    crashes,
    drain,
    log,
    signals,
    sizing,
    termination,
    trace,
)
from paddlemodel_server.errors import StartError
from paddlemodel_server.fleet import Fleet
from paddlemodel_server.runtime import Runtime
from paddlemodel_server.settings import Settings

BUSY_WINDOW = 30  # seconds

logger = logging.getLogger(__name__)


class Supervisor:
    """The parent of all processes."""

    def __init__(
        self, settings: Settings, runtime: Runtime, board: boards.Board, fleet: Fleet, *, in_pod: bool
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._board = board
        self._fleet = fleet
        self._in_pod = in_pod
        self._fronts_pid = 0
        self._busy: deque[tuple[float, int]] = deque(maxlen=BUSY_WINDOW + 1)
        self._worked_at: float | None = None  # when an owner last ran the model
        self._ready_said = False
        self._stop_at: float | None = None

    def run(self) -> int:
        """Serve until told to stop; returns the exit code."""
        self._fronts_pid = children.spawn("paddlemodel_server.front", [], self._runtime)
        try:
            while self._stop_at is None or time.monotonic() < self._stop_at:
                self._fleet.tick(time.monotonic())
                self._measure()
                found = signal.sigtimedwait(signals.AWAITED, self._patience())
                if found is None:
                    continue
                if found.si_signo == signal.SIGCHLD:
                    self._reap()
                elif found.si_signo != signal.SIGHUP:
                    self._drain(signal.Signals(found.si_signo))
        except StartError as error:
            self._end()
            raise error from None
        clean = self._end()
        logger.info("stopped", extra={"clean": clean})
        return 0 if clean else 1

    def _patience(self) -> float:
        now = time.monotonic()
        dues = [due for due in (self._fleet.next_start(), self._stop_at) if due is not None]
        return min([1.0 if self._fleet.sized else 0.1, *(max(0.01, due - now) for due in dues)])

    def _reap(self) -> None:
        """Bury the dead, orphans included; a StartError where the server cannot go on."""
        while dead := children.next_dead():
            pid, status = dead
            if pid == self._fronts_pid:
                self._fronts_pid = 0
                raise _front_fault(self._runtime, status)
            self._fleet.died(pid, status)

    def _measure(self) -> None:
        """Publish the busy ratio over the last half minute."""
        now = time.monotonic()
        if self._busy and now - self._busy[-1][0] < 1.0:
            return
        blocks = [self._board.owner(n) for n in self._board.owner_indexes(self._runtime.sizes.owners)]
        self._busy.append((now, sum(block.busy_ns for block in blocks)))
        ready = sum(block.state == boards.READY for block in blocks)
        (then, busy_then), (_, busy_now) = self._busy[0], self._busy[-1]
        if len(self._busy) > 1 and busy_now != self._busy[-2][1]:
            self._worked_at = now
        if ready and now > then:
            ratio = (busy_now - busy_then) / 1e9 / (now - then) / ready
            self._board.busy_ratio = min(1.0, max(0.0, ratio))
        if self._fleet.sized and ready == self._board.owners_wanted and not self._ready_said:
            self._ready_said = True
            logger.info("all owners are ready", extra={"owners": ready})

    # --- stopping

    def _drain(self, number: signal.Signals) -> None:
        """Unready from now on, but still answering: the Service needs time to send its requests elsewhere."""
        now = time.monotonic()
        if self._stop_at is not None:
            self._stop_at = now  # asked a second time
            return
        self._fleet.stopping = True
        self._board.drain()
        if self._works():
            self._worked_at = now
        idle = None if self._worked_at is None else now - self._worked_at
        seconds = drain.seconds(
            self._settings.drain_seconds, idle, by_hand=number != signal.SIGTERM, in_pod=self._in_pod
        )
        self._stop_at = now + seconds
        logger.info("draining", extra={"signal": number.name, "seconds": seconds})

    def _works(self) -> bool:
        """Whether a request is here, or was since the last measurement, up to a second ago."""
        blocks = [self._board.owner(n) for n in self._board.owner_indexes(self._runtime.sizes.owners)]
        measured = self._busy[-1][1] if self._busy else 0
        return bool(self._board.admitted(boards.MAX_FRONTS)) or sum(b.busy_ns for b in blocks) != measured

    def _end(self) -> bool:
        clean = drain.end_fronts(self._fronts_pid, self._settings.timeout_seconds)
        drain.end_owners(self._fleet.pids(ready=True), self._fleet.pids(ready=False))
        return clean


def _front_fault(runtime: Runtime, status: int) -> StartError:
    """Why the fronts' master ended, as far as it can tell."""
    if runtime.fronts_failure.exists():
        return StartError("FrontsFailed", runtime.fronts_failure.read_text())
    death = crashes.Death(exit_code=os.waitstatus_to_exitcode(status))
    return StartError("FrontsEnded", f"The HTTP fronts ended unexpectedly ({death}); see the log.")


def run(environ: dict[str, str]) -> int:
    """Serve; returns the exit code.

    The command line calls `signals.hold` before it imports this; whoever does not still gets most signals.
    """
    signals.hold()
    log.configure("INFO", "json", "server")  # until the settings say otherwise
    folder: Path | None = None
    try:
        settings = Settings.from_env(environ)
        trace.wanted(environ)  # refuses what the fronts could not do
        log.configure(settings.log_level, settings.log_format, "server")
        folder = Path(tempfile.mkdtemp(prefix=f"paddlemodel-{secrets.token_hex(4)}-"))
        return _serve(settings, folder, in_pod="KUBERNETES_SERVICE_HOST" in environ)
    except StartError as error:
        logger.error(error.message, extra={"reason": error.reason})  # noqa: TRY400 - the sentence says it all
        termination.write(error.reason, error.message)
        return 1
    except Exception as error:  # nobody has foreseen it, but the last word should not be lost
        fault = f"The server ended by an error that it does not know: {type(error).__name__}: {error}"
        logger.exception(fault, extra={"reason": "Unexpected"})
        termination.write("Unexpected", fault)
        return 1
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _serve(settings: Settings, folder: Path, *, in_pod: bool) -> int:
    from paddlemodel_server.service import describe  # noqa: PLC0415 - brings OpenCV in, only to check the task

    served = describe(settings)
    groups = cgroup.membership()
    cpus, memory = cgroup.cpu_limit(groups), cgroup.memory_limit(groups)
    sizes = sizing.plan(settings, cpus, len(os.sched_getaffinity(0)), sizing.gpu_count(), memory)
    board_fd = boards.create()
    runtime = Runtime(folder=folder, board_fd=board_fd, counters_fd=counters.create(), sizes=sizes)
    logger.info(
        "starting",
        extra={
            "model": settings.name,
            "format": served.model.format,
            "inputs": [f"{t.name} {t.datatype} {list(t.shape)}" for t in served.model.inputs],
            "outputs": [f"{t.name} {t.datatype} {list(t.shape)}" for t in served.model.outputs],
            "cpu_limit": cpus,
            "memory_limit_mib": memory >> 20,
            "bodies_limit_mib": sizes.body_bytes >> 20,
        },
    )
    board = boards.Board(board_fd)
    fleet = Fleet(settings, runtime, board, memory)
    return Supervisor(settings, runtime, board, fleet, in_pod=in_pod).run()
