"""PID 1 of the container: starts workers and HTTP workers, forwards signals, replaces dead workers.

It is small, imports neither Paddle nor the web, and does one thing at a time: wait for a signal, a dead child
or the next second, then act.
"""

import logging
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from paddlemodel_server.access import gate
from paddlemodel_server.errors import StartError
from paddlemodel_server.gpu import devices
from paddlemodel_server.host import cgroup, log, signals, termination
from paddlemodel_server.ipc import counters, gpu_page
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import FurtherModel, ProcessContext
from paddlemodel_server.metrics import catalog, tracing
from paddlemodel_server.metrics.utilization import Seen, Utilization
from paddlemodel_server.protocol.served import Served
from paddlemodel_server.protocol.task.stages import Stages
from paddlemodel_server.settings import Settings
from paddlemodel_server.supervisor import processes, restart_policy, shutdown, sizing
from paddlemodel_server.supervisor.pool import WorkerPool
from paddlemodel_server.tasks import fitting

if TYPE_CHECKING:
    from paddlemodel_server.gpu.sampler import Sampler

MEASURED_SECONDS = 1.0  # from one measurement to the next

logger = logging.getLogger(__name__)


class Supervisor:
    """The parent of all processes."""

    def __init__(
        self,
        settings: Settings,
        runtime: ProcessContext,
        scoreboard: scoreboards.Scoreboard,
        pool: WorkerPool,
        *,
        in_pod: bool,
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._scoreboard = scoreboard
        self._pool = pool
        self._in_pod = in_pod
        self._http_workers_pid = 0
        self._counters = counters.Counters(runtime.counters_fd)
        self._pressure = Utilization()
        self._sampler = _sampler(runtime, scoreboard, pool)
        self._measured_at = 0.0
        self._ran_ns = 0  # by all workers, when it was measured
        self._worked_at: float | None = None  # when a worker last ran the model
        self._ready_said = False
        self._stop_at: float | None = None

    def run(self) -> int:
        """Serve until told to stop; returns the exit code."""
        self._http_workers_pid = processes.spawn("paddlemodel_server.http.master", [], self._runtime)
        if self._sampler:
            self._sampler.start()
        try:
            while self._stop_at is None or time.monotonic() < self._stop_at:
                self._pool.tick(time.monotonic())
                self._measure()
                found = signal.sigtimedwait(signals.AWAITED, self._wait_seconds())
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

    def _wait_seconds(self) -> float:
        now = time.monotonic()
        dues = [due for due in (self._pool.next_start(), self._stop_at) if due is not None]
        return min([1.0 if self._pool.sized else 0.1, *(max(0.01, due - now) for due in dues)])

    def _reap(self) -> None:
        """Bury the dead, orphans included; a StartError where the server cannot go on."""
        while dead := processes.next_dead():
            pid, status = dead
            if pid == self._http_workers_pid:
                self._http_workers_pid = 0
                raise _http_worker_fault(self._runtime, status)
            self._pool.died(pid, status)

    def _measure(self) -> None:
        """Once a second: publish how busy the workers were lately, and how long requests waited."""
        now = time.monotonic()
        if now < self._measured_at + MEASURED_SECONDS:
            return
        self._measured_at = now
        scoreboard, workers = self._scoreboard, self._runtime.sizes.workers
        ready = len(scoreboard.ready(workers))
        left, waited = catalog.waits(self._counters)
        busy = [
            scoreboard.worker(index).ran_ns(time.monotonic_ns())
            for index in scoreboard.worker_indexes(workers)
        ]
        depth = scoreboard.waiting(workers)
        self._pressure.step(
            now, Seen(busy_ns=busy, ready=ready, left=left, waited_seconds=waited, depth=depth)
        )
        scoreboard.busy_ratio, scoreboard.queue_seconds = (
            self._pressure.busy_ratio,
            self._pressure.queue_seconds,
        )
        if (ran_ns := self._ran()) != self._ran_ns:
            self._ran_ns, self._worked_at = ran_ns, now
        if self._sampler:
            self._sampler.watch(now)
        if self._pool.sized and ready == scoreboard.workers_desired and not self._ready_said:
            self._ready_said = True
            logger.info("all workers are ready", extra={"workers": ready})

    def _ran(self) -> int:
        """Nanoseconds of all runs that have ended."""
        workers = self._scoreboard.worker_indexes(self._runtime.sizes.workers)
        return sum(self._scoreboard.worker(index).busy_ns for index in workers)

    # --- stopping

    def _drain(self, number: signal.Signals) -> None:
        """Unready from now on, but still answering: the Service needs time to send its requests elsewhere."""
        now = time.monotonic()
        if self._stop_at is not None:
            self._stop_at = now  # asked a second time
            return
        self._pool.stop()
        self._scoreboard.drain()
        if self._works():
            self._worked_at = now
        idle = None if self._worked_at is None else now - self._worked_at
        seconds = shutdown.seconds(
            self._settings.drain_seconds, idle, by_hand=number != signal.SIGTERM, in_pod=self._in_pod
        )
        self._stop_at = now + seconds
        logger.info("draining", extra={"signal": number.name, "seconds": seconds})

    def _works(self) -> bool:
        """Whether a request is here, or was since the last measurement, up to a second ago."""
        return bool(self._scoreboard.admitted()) or self._ran() != self._ran_ns

    def _end(self) -> bool:
        self._scoreboard.drain()  # requests that wait for a worker wait in vain
        clean = shutdown.end_http_workers(self._http_workers_pid, self._settings.timeout_seconds)
        shutdown.end_workers(self._pool.pids(ready=True), self._pool.pids(ready=False))
        return clean


def _http_worker_fault(runtime: ProcessContext, status: int) -> StartError:
    """Why the HTTP workers' master ended, as far as it can tell."""
    if runtime.http_workers_failure.exists():
        return StartError("HttpWorkersFailed", runtime.http_workers_failure.read_text())
    death = restart_policy.Death(exit_code=os.waitstatus_to_exitcode(status))
    return StartError("HttpWorkersEnded", f"The HTTP workers ended unexpectedly ({death}); see the log.")


def run(environ: dict[str, str]) -> int:
    """Serve; returns the exit code.

    The command line calls `signals.hold` before it imports this; others still get most signals.
    """
    signals.hold()
    log.configure("INFO", "json", "server")  # until the settings say otherwise
    folder: Path | None = None
    try:
        settings = Settings.from_env(environ)
        tracing.wanted(environ)  # refuses what the HTTP workers could not do
        log.configure(settings.log_level, settings.log_format, "server")
        folder = Path(tempfile.mkdtemp(prefix=f"paddlemodel-{secrets.token_hex(4)}-"))
        return _serve(settings, folder, environ)
    except StartError as error:
        said = {"reason": error.reason, **error.details}
        logger.error(error.message, extra=said)  # noqa: TRY400 - the sentence says it all
        termination.write(error.reason, error.message, details=error.details)
        return 1
    except Exception as error:  # nobody has foreseen it, but the last word should not be lost
        fault = f"The server ended by an error that it does not know: {type(error).__name__}: {error}"
        logger.exception(fault, extra={"reason": "Unexpected"})
        termination.write("Unexpected", fault)
        return 1
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _serve(settings: Settings, folder: Path, environ: Mapping[str, str]) -> int:
    chosen = fitting.chosen(settings)
    served = fitting.served(settings, chosen)
    chosen.save(folder)
    access = asdict(gate.Shared.create(settings))
    gate.of(settings, access)  # what it cannot use ends the start
    if chosen.note:
        logger.warning(chosen.note)
    groups = cgroup.membership()
    cpus, memory = cgroup.cpu_limit(groups), cgroup.memory_limit(groups)
    gpus = devices.assigned(environ, sizing.gpu_count()) if settings.device == "gpu" else ()
    sizes = sizing.plan(settings, cpus, len(os.sched_getaffinity(0)), len(gpus), memory)
    scoreboard_fd = scoreboards.create()
    runtime = ProcessContext(
        folder=folder,
        scoreboard_fd=scoreboard_fd,
        counters_fd=counters.create(),
        sizes=sizes,
        gpus=gpus,
        gpu_page_fd=gpu_page.create() if gpus else None,
        access_fds=access,
        warm_up=served.task.warm_up,
        further=_further(settings, served),
    )
    logger.info(
        "starting",
        extra={
            "model": settings.name,
            "further_models": {name: str(folder) for name, folder in settings.further_models.items()},
            "format": served.model.format,
            "task": served.task.name,
            "task_found_in": served.source or "spec",
            "task_settings": [f"{name} {value} ({origin})" for name, value, origin in served.settings],
            "inputs": [f"{t.name} {t.datatype} {list(t.shape)}" for t in served.model.inputs],
            "outputs": [f"{t.name} {t.datatype} {list(t.shape)}" for t in served.model.outputs],
            "cpu_limit": cpus,
            "memory_limit_mib": memory >> 20,
            "bodies_limit_mib": sizes.body_bytes >> 20,
            "gpus": gpus,
        },
    )
    scoreboard = scoreboards.Scoreboard(scoreboard_fd)
    pool = WorkerPool(settings, runtime, scoreboard, memory)
    in_pod = "KUBERNETES_SERVICE_HOST" in environ
    return Supervisor(settings, runtime, scoreboard, pool, in_pod=in_pod).run()


def _further(settings: Settings, served: Served) -> tuple[FurtherModel, ...]:
    """The models beside that of spec.model, in the task's order.

    Raises:
        StartError: `InvalidSettings`; the task has none.
    """
    folders = fitting.further_folders(settings)
    if not isinstance(served.task, Stages):
        if not folders:
            return ()
        why = f"the task {served.task.name} has one model"
        message = f"PADDLEMODEL_FURTHER_MODELS names further ones, but {why}; leave the variable out."
        raise StartError("InvalidSettings", message)
    wanted = served.task.further.items()
    return tuple(FurtherModel(name=name, folder=folders[name], warm_up=warm_up) for name, warm_up in wanted)


def _sampler(
    runtime: ProcessContext, scoreboard: scoreboards.Scoreboard, pool: WorkerPool
) -> "Sampler | None":
    """What looks at the GPUs, if there are any."""
    if runtime.gpu_page_fd is None:
        return None
    from paddlemodel_server.gpu import readings, sampler  # noqa: PLC0415 - brings NVML in

    workers = runtime.sizes.workers
    return sampler.Sampler(
        runtime.gpus,
        workers,
        runtime.gpu_page_fd,
        workers=lambda: readings.Workers(alive=pool.alive(), ready=scoreboard.ready(workers)),
        environ=os.environ,
    )
