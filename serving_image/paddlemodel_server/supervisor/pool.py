"""The workers as the supervisor keeps them: started, watched, retired, buried, replaced.

`tick` is for every second, `died` for a worker that has ended. What follows from a death is decided in
`restart_policy`, from growth in `recycling`, from the first measurements in `sizing`.
"""

import json
import logging
import os
import signal
import time
from dataclasses import dataclass, field

from paddlemodel_server.errors import StartError
from paddlemodel_server.host import cgroup
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import Learned, ProcessContext
from paddlemodel_server.metrics import catalog
from paddlemodel_server.settings import Settings
from paddlemodel_server.supervisor import processes, recycling, restart_policy, sizing

CANNOT_START = 3  # a worker's exit code: trying again would not help
STUCK_FACTOR = 2.0  # a run that takes this many request deadlines (and half a minute) is stuck
STUCK_SECONDS = 30.0
RETIRE_SECONDS = 1.0  # an HTTP worker may have chosen the worker just before it began to retire

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pause:
    """The pod is unready, so that its only worker can be replaced."""

    until: float  # monotonic seconds: when that worker retires
    index: int


@dataclass
class Place:
    """Where a worker is, or will be, or was."""

    index: int
    wanted: bool = False
    pid: int = 0
    start_at: float = 0.0
    ready_at: float | None = None
    leave_at: float | None = None  # it retires: when its requests are given up on
    idle_since: float | None = None  # it retires, and has nothing left to answer since
    ending: bool = False  # to end
    stuck: bool = False  # its run, or its load, did not end
    due_at: float = 0.0  # when it must be ready
    history: restart_policy.History = field(default_factory=restart_policy.History)


class WorkerPool:
    """All workers of this server."""

    def __init__(
        self, settings: Settings, runtime: ProcessContext, scoreboard: scoreboards.Scoreboard, memory: int
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._scoreboard = scoreboard
        self._memory = memory
        self._counted = catalog.Supervisor(runtime.counters_fd)
        self._groups = cgroup.membership()
        self._oom_kills = cgroup.oom_kills(self._groups)
        self._choice = sizing.at_first(settings, runtime.sizes)
        self._limit: recycling.Limit | None = None  # once the first worker was measured
        self._recycler = recycling.Recycler()
        self._pause: Pause | None = None
        self._resume: int | None = None  # the place whose worker must be ready before the pod is again
        self._stopping = False
        self._in_vain = restart_policy.InVain()
        self._places = [Place(index) for index in scoreboard.worker_indexes(runtime.sizes.workers)]
        self._want(self._choice)

    @property
    def sized(self) -> bool:
        """Whether the first worker has been measured, and the server sized by it."""
        return self._limit is not None

    def pids(self, *, ready: bool) -> list[int]:
        """The workers that have been ready, or those that still load."""
        return [p.pid for p in self._places if p.pid and (p.ready_at is not None) == ready]

    def alive(self) -> list[int]:
        """The places whose worker has a process, in whatever state; any thread may ask."""
        return [place.index for place in self._places if place.pid]

    def next_start(self) -> float | None:
        """When the next worker is to be started, in monotonic seconds."""
        return min((p.start_at for p in self._places if p.wanted and not p.pid), default=None)

    def stop(self) -> None:
        """Replace no grown worker any more, and leave the pod unready: the server ends."""
        self._stopping = True

    def tick(self, now: float) -> None:
        """Do what is due."""
        self._notice_ready(now)
        self._choose()
        self._start(now)
        self._kill_stuck(now)
        self._recycle(now)
        self._let_go(now)

    def _want(self, choice: sizing.Choice) -> None:
        for place in self._places:
            place.wanted = place.index < choice.workers
        self._scoreboard.workers_desired = choice.workers
        self._scoreboard.http_workers_desired = choice.http_workers

    def _start(self, now: float) -> None:
        threads, gpus = self._runtime.sizes.threads, self._runtime.gpus
        for place in self._places:
            if place.wanted and not place.pid and place.start_at <= now:
                extra = processes.worker_environment(threads, gpus, place.index)
                arguments = [str(place.index), str(now)]
                place.pid = processes.spawn("paddlemodel_server.worker.main", arguments, self._runtime, extra)
                place.ready_at = place.leave_at = place.idle_since = None
                place.ending = place.stuck = False
                place.due_at = now + self._settings.load_timeout_seconds
                self._scoreboard.worker(place.index).state = scoreboards.LOADING

    def _notice_ready(self, now: float) -> None:
        for place in self._places:
            if place.ready_at is None and self._scoreboard.worker(place.index).state == scoreboards.READY:
                place.ready_at = now
                if place.index == self._resume and not self._stopping:
                    self._resume = None
                    self._scoreboard.resume()

    def _choose(self) -> None:
        """Once: size the server by what the first worker measured."""
        first = next((place for place in self._places if place.ready_at is not None), None)
        learned = Learned.load(self._runtime.folder) if first and self._limit is None else None
        if first is None or learned is None:
            return
        settings, warm = self._settings, cgroup.private_bytes(first.pid)
        measured = sizing.Measured(
            row_seconds=learned.row_seconds,
            worker_bytes=warm,
            http_seconds=self._runtime.warm_up.http_seconds,
        )
        self._choice = choice = sizing.choose(settings, self._runtime.sizes, measured, self._memory)
        self._want(choice)
        self._limit = recycling.limit(
            settings.worker_memory_limit_bytes, self._memory, warm, choice, gpu=settings.device == "gpu"
        )
        self._scoreboard.worker_memory_limit = self._limit.bytes
        logger.info(
            "sized",
            extra={
                "http_workers": choice.http_workers,
                "workers": choice.workers,
                "threads": self._runtime.sizes.threads,
                "because": choice.because,
                "row_ms": learned.row_seconds and round(learned.row_seconds * 1e3, 4),
                "worker_mib": warm >> 20,
                "worker_limit_mib": self._limit.bytes >> 20,
                "successor_fits": self._limit.spare,
            },
        )
        if self._limit.useless:
            logger.warning(
                "growing workers are not replaced: the warm model alone takes (nearly) all that one may "
                "take; raise the memory limit, or set PADDLEMODEL_WORKERS lower"
            )

    def _kill_stuck(self, now: float) -> None:
        """A run or a load that never ends holds its worker for ever; only killing helps."""
        limit_ns = (STUCK_FACTOR * self._settings.timeout_seconds + STUCK_SECONDS) * 1e9
        for place in self._places:
            started_ns = self._scoreboard.worker(place.index).started_ns
            if not place.pid or place.stuck:
                continue
            if started_ns and now * 1e9 - started_ns > limit_ns:
                self._kill(place, "run")
            elif place.ready_at is None and now > place.due_at:
                self._kill(place, "load")

    def _kill(self, place: Place, what: str) -> None:
        logger.error("a worker's %s is stuck; it is killed", what, extra={"worker": place.index})
        place.stuck = True
        processes.send(place.pid, signal.SIGKILL)

    def _recycle(self, now: float) -> None:
        if self._limit is None or self._stopping:
            return
        if self._pause is not None and now >= self._pause.until:
            self._retire(self._places[self._pause.index], now, scoreboards.DOWN)
            self._pause = None
        ready = [
            recycling.Seen(index=place.index, bytes=cgroup.private_bytes(place.pid))
            for place in self._places
            if place.pid and self._scoreboard.worker(place.index).state == scoreboards.READY
        ]
        free = next((place.index for place in self._places if not place.wanted and not place.pid), None)
        step = self._recycler.step(now, ready, self._limit, free)
        if isinstance(step, recycling.Start):
            logger.warning(
                "a worker has grown to its memory limit; a successor starts",
                extra={"limit_mib": self._limit.bytes >> 20, "successor": step.index},
            )
            self._places[step.index].wanted = True
            self._places[step.index].start_at = now
        elif isinstance(step, recycling.Retire):
            self._replace(step, now)

    def _replace(self, step: recycling.Retire, now: float) -> None:
        place = self._places[step.index]
        logger.warning(
            "a worker has grown to its memory limit; it is replaced",
            extra={"worker": step.index, "mib": cgroup.private_bytes(place.pid) >> 20, "pause": step.alone},
        )
        place.wanted = step.again
        self._counted.worker_ended("recycled")
        self._scoreboard.restarts += 1
        if step.alone:  # nobody else answers: let the Service take the pod out first
            self._scoreboard.drain()
            self._pause = Pause(now + self._settings.drain_seconds, step.index)
            self._resume = step.index
        else:
            self._retire(place, now)

    def _retire(self, place: Place, now: float, state: int = scoreboards.RETIRING) -> None:
        """Let HTTP workers send it nothing new: none that knows another one, or with DOWN none at all."""
        self._scoreboard.worker(place.index).state = state
        place.leave_at = now + self._settings.timeout_seconds + STUCK_SECONDS

    def _let_go(self, now: float) -> None:
        """End what retires and has answered everything."""
        for place in self._places:
            if not place.pid or place.leave_at is None:
                continue
            if self._scoreboard.in_flight(place.index):
                place.idle_since = None
            elif place.idle_since is None:
                place.idle_since = now
            idle = place.idle_since is not None and now >= place.idle_since + RETIRE_SECONDS
            if idle or now > place.leave_at:
                place.ending = True
                processes.send(place.pid, signal.SIGTERM)

    def died(self, pid: int, status: int) -> bool:
        """Bury a worker; False where it was none. Raises StartError where the server cannot go on."""
        place = next((place for place in self._places if place.pid == pid), None)
        if place is None:
            return False
        now = time.monotonic()
        self._notice_ready(now)  # it may have been for less than a second
        ready_seconds = None if place.ready_at is None else now - place.ready_at
        block = self._scoreboard.worker(place.index)
        runs = {"in_run": bool(block.started_ns), "first_run": not block.busy_ns}
        block.clear()
        place.pid, place.start_at = 0, 0.0
        if self._pause is not None and self._pause.index == place.index:
            self._pause = None
        needed = self._recycler.ended(place.index)
        if place.ending:
            block.bury(request_killed=False)
            logger.info("worker exited", extra={"worker": place.index})
            return True
        place.wanted = place.wanted and needed
        oom_kills, self._oom_kills = self._oom_kills, cgroup.oom_kills(self._groups)
        death = restart_policy.Death(
            exit_code=os.waitstatus_to_exitcode(status),
            out_of_memory=self._oom_kills > oom_kills,
            stuck=place.stuck and ready_seconds is not None,
            loading=place.stuck and ready_seconds is None,
            **runs,
        )
        block.bury(request_killed=death.of_requests)
        self._judge(place, death, ready_seconds, needed=needed)
        return True

    def _judge(
        self, place: Place, death: restart_policy.Death, ready_seconds: float | None, *, needed: bool
    ) -> None:
        self._counted.worker_ended(death.kind)
        failure = self._runtime.failure(place.index)
        if death.exit_code == CANNOT_START and failure.exists() and needed:
            said = json.loads(failure.read_text())
            raise StartError(**said)
        if not death.of_requests:  # else any client could end the server
            place.history = place.history.after(ready_seconds)
        if place.history.hopeless and needed:
            message = restart_policy.last_word(self._settings.name, place.history, death, self._memory)
            raise StartError("WorkerCrashes", message)
        wait = 0.0 if death.of_requests else place.history.wait_seconds
        place.start_at = time.monotonic() + wait
        self._scoreboard.restarts += 1
        logger.error(
            "a worker ended; it is replaced" if needed else "a worker ended",
            extra={"worker": place.index, "how": str(death), "wait": wait, "in_run": death.in_run},
        )
        if said := self._in_vain.after(self._settings.name, death, self._memory):
            logger.error(said)
