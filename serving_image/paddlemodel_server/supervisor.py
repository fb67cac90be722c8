"""PID 1 of the container: starts owners and fronts, forwards signals, replaces dead owners.

`cli` calls `run`. It is small, imports neither Paddle nor the web, and does one thing at a time: wait for a
signal, a dead child or the next second, then act.
"""

import json
import logging
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from paddlemodel_server import board as boards
from paddlemodel_server import children, counters, drain, log, sizing, termination
from paddlemodel_server.errors import StartError
from paddlemodel_server.runtime import Runtime
from paddlemodel_server.settings import Settings

CANNOT_START = 3  # an owner's exit code: trying again would not help
CRASHES = 5  # deaths in a row without having been ready: the container gives up, and Kubernetes backs off
BACK_OFF_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0)
DRAIN_SECONDS = 0.5  # fronts answer with `Connection: close` before they stop to listen
STUCK_FACTOR = 2.0  # a run that takes this many request deadlines (and half a minute) is stuck
STUCK_SECONDS = 30.0
BUSY_WINDOW = 30  # seconds
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD}

logger = logging.getLogger(__name__)


@dataclass
class Child:
    """A running owner, or one that waits to be started again."""

    pid: int = 0
    start_at: float = 0.0
    crashes: int = 0


class Supervisor:
    """The parent of all processes."""

    def __init__(self, settings: Settings, runtime: Runtime, board: boards.Board) -> None:
        self._settings = settings
        self._runtime = runtime
        self._board = board
        self._owners = [Child() for _ in range(runtime.sizes.owners)]
        self._fronts_pid = 0
        self._busy: deque[tuple[float, int]] = deque(maxlen=BUSY_WINDOW + 1)
        self._ready_said = False

    def run(self) -> int:
        """Serve until told to stop; returns the exit code."""
        self._fronts_pid = children.spawn("paddlemodel_server.front", [], self._runtime)
        while True:
            self._start_owners()
            self._measure()
            self._kill_stuck()
            found = signal.sigtimedwait(_SIGNALS, self._patience())
            if found is None:
                continue
            if found.si_signo == signal.SIGCHLD:
                ended = self._reap()
                if ended is not None:
                    return ended
            elif found.si_signo != signal.SIGHUP:
                return self._stop(signal.Signals(found.si_signo).name)

    def _patience(self) -> float:
        now = time.monotonic()
        waits = [child.start_at - now for child in self._owners if not child.pid]
        return min([1.0, *(max(0.01, wait) for wait in waits)])

    # --- starting

    def _start_owners(self) -> None:
        """Start what should run."""
        now = time.monotonic()
        for index, child in enumerate(self._owners):
            if not child.pid and child.start_at <= now:
                extra = children.owner_environment(self._runtime.sizes.threads, self._settings.device, index)
                arguments = [str(index), str(now)]
                child.pid = children.spawn("paddlemodel_server.owner", arguments, self._runtime, extra)
                self._board.owner(index).state = boards.LOADING

    # --- watching

    def _reap(self) -> int | None:
        """Bury the dead, orphans included; an exit code where the server cannot go on."""
        while dead := children.next_dead():
            pid, status = dead
            if pid == self._fronts_pid:
                logger.error("the fronts ended; the server ends too", extra={"how": children.how(status)})
                self._fronts_pid = 0
                termination.write(
                    "FrontsEnded",
                    f"The HTTP fronts ended unexpectedly ({children.how(status)}); see the log.",
                )
                drain.end_owners(self._pids())
                return 1
            for index, child in enumerate(self._owners):
                if child.pid == pid:
                    ended = self._owner_died(index, child, status)
                    if ended is not None:
                        return ended
        return None

    def _owner_died(self, index: int, child: Child, status: int) -> int | None:
        block = self._board.owner(index)
        was_ready = block.state == boards.READY
        block.clear()
        child.pid = 0
        if os.waitstatus_to_exitcode(status) == CANNOT_START and self._runtime.failure(index).exists():
            said = json.loads(self._runtime.failure(index).read_text())
            return self._give_up(said["reason"], said["message"])
        child.crashes = 1 if was_ready else child.crashes + 1
        if child.crashes >= CRASHES:
            return self._give_up(
                "OwnerCrashes",
                f"The process that loads the model ended {CRASHES} times in a row ({children.how(status)}).",
            )
        wait = BACK_OFF_SECONDS[min(child.crashes, len(BACK_OFF_SECONDS)) - 1]
        child.start_at = time.monotonic() + wait
        self._board.restarts += 1
        logger.error(
            "an owner ended; it is replaced",
            extra={"owner": index, "how": children.how(status), "wait": wait},
        )
        return None

    def _give_up(self, reason: str, message: str) -> int:
        logger.error(message, extra={"reason": reason})
        termination.write(reason, message)
        drain.end_fronts(self._fronts_pid, self._settings.timeout_seconds)
        drain.end_owners(self._pids())
        return 1

    def _measure(self) -> None:
        """Publish the busy ratio over the last half minute."""
        now = time.monotonic()
        if self._busy and now - self._busy[-1][0] < 1.0:
            return
        blocks = [self._board.owner(index) for index in range(len(self._owners))]
        self._busy.append((now, sum(block.busy_ns for block in blocks)))
        ready = sum(block.state == boards.READY for block in blocks)
        (then, busy_then), (_, busy_now) = self._busy[0], self._busy[-1]
        if ready and now > then:
            ratio = (busy_now - busy_then) / 1e9 / (now - then) / ready
            self._board.busy_ratio = min(1.0, max(0.0, ratio))
        if ready == len(blocks) and not self._ready_said:
            self._ready_said = True
            logger.info("all owners are ready", extra={"owners": ready})

    def _kill_stuck(self) -> None:
        """A run that never ends holds its owner for ever; only killing helps."""
        limit_ns = (STUCK_FACTOR * self._settings.timeout_seconds + STUCK_SECONDS) * 1e9
        for index, child in enumerate(self._owners):
            started_ns = self._board.owner(index).started_ns
            if child.pid and started_ns and time.monotonic_ns() - started_ns > limit_ns:
                logger.error("an owner's run is stuck; it is killed", extra={"owner": index})
                os.kill(child.pid, signal.SIGKILL)

    # --- stopping

    def _stop(self, name: str) -> int:
        """Drain: unready first, then the fronts finish what they have, then the owners go."""
        logger.info("draining", extra={"signal": name})
        self._board.drain()
        time.sleep(DRAIN_SECONDS)
        clean = drain.end_fronts(self._fronts_pid, self._settings.timeout_seconds)
        drain.end_owners(self._pids())
        logger.info("stopped", extra={"clean": clean})
        return 0 if clean else 1

    def _pids(self) -> list[int]:
        return [child.pid for child in self._owners if child.pid]


def run(environ: dict[str, str]) -> int:
    """Serve; returns the exit code."""
    log.configure("INFO", "json", "server")  # until the settings say otherwise
    # Blocked signals wait for sigtimedwait; an ignoring disposition would lose them for PID 1.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    folder: Path | None = None
    try:
        settings = Settings.from_env(environ)
        log.configure(settings.log_level, settings.log_format, "server")
        folder = Path(tempfile.mkdtemp(prefix=f"paddlemodel-{secrets.token_hex(4)}-"))
        return _serve(settings, folder)
    except StartError as error:
        logger.error(error.message, extra={"reason": error.reason})  # noqa: TRY400 - the sentence says it all
        termination.write(error.reason, error.message)
        return 1
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _serve(settings: Settings, folder: Path) -> int:
    from paddlemodel_server.service import describe  # noqa: PLC0415 - brings OpenCV in, only to check the task

    served = describe(settings)
    cpus = sizing.cpu_limit(Path("/proc/self/cgroup").read_text())
    sizes = sizing.plan(settings, cpus, len(os.sched_getaffinity(0)), sizing.gpu_count())
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
            "fronts": sizes.fronts,
            "owners": sizes.owners,
            "threads": sizes.threads,
        },
    )
    return Supervisor(settings, runtime, boards.Board(board_fd)).run()
