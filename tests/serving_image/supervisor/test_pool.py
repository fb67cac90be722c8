"""The workers as the supervisor keeps them, by what the scoreboard says of them; no process is started."""

import itertools
import signal
from pathlib import Path

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.ipc import counters
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import Learned, ProcessContext, Sizes
from paddlemodel_server.settings import Settings
from paddlemodel_server.supervisor import processes
from paddlemodel_server.supervisor.pool import STUCK_SECONDS, WorkerPool
from paddlemodel_server.supervisor.restart_policy import CRASHES, SHORT_LIVES

KILLED = int(signal.SIGKILL)  # as a status of waitpid
LOAD_SECONDS = Settings().load_timeout_seconds


class Kept:
    """A fleet whose workers are numbers; time is given."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, workers: int = 1) -> None:
        self.pids: list[int] = []
        self.sent: list[tuple[int, int]] = []
        numbers = itertools.count(1 << 23)  # beyond those of real processes

        def spawn(*_: object) -> int:
            self.pids.append(next(numbers))
            return self.pids[-1]

        monkeypatch.setattr(processes, "spawn", spawn)
        monkeypatch.setattr(processes, "send", lambda pid, number: self.sent.append((pid, number)))
        self.scoreboard = scoreboards.Scoreboard(scoreboards.create())
        sizes = Sizes(http_workers=1, workers=workers, threads=1)
        self.runtime = ProcessContext(
            folder=folder, scoreboard_fd=0, counters_fd=counters.create(), sizes=sizes
        )
        self.pool = WorkerPool(Settings(workers=workers), self.runtime, self.scoreboard, 8 << 30)

    def started(self) -> float:
        """Start what is to be started; returns when."""
        now = self.pool.next_start() or 0.0
        self.pool.tick(now)
        return now

    def ready(self, index: int) -> None:
        self.scoreboard.worker(index).state = scoreboards.READY


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(tmp_path, monkeypatch)


def test_a_worker_that_dies_right_after_it_was_ready_has_been_ready(kept: Kept) -> None:
    """Nobody looked in between: such deaths are short lives, not a model that does not load."""
    for _ in range(SHORT_LIVES - 1):
        kept.started()
        kept.ready(0)
        assert kept.pool.died(kept.pids[-1], KILLED)
    assert SHORT_LIVES > CRASHES
    kept.started()
    kept.ready(0)
    with pytest.raises(StartError, match=f"ended {SHORT_LIVES} times, each soon after its start"):
        kept.pool.died(kept.pids[-1], KILLED)


def test_a_run_that_does_not_end_is_killed_once(kept: Kept) -> None:
    now = kept.started()
    kept.ready(0)
    limit = 2 * Settings().timeout_seconds + STUCK_SECONDS
    kept.scoreboard.worker(0).started_ns = int((now + 1) * 1e9)
    kept.pool.tick(now + 1 + limit)
    assert kept.sent == []
    for seconds in (2.0, 3.0):
        kept.pool.tick(now + limit + seconds)
    assert kept.sent == [(kept.pids[0], signal.SIGKILL)]


def test_a_load_that_does_not_end_is_killed_and_the_fifth_is_the_last(kept: Kept) -> None:
    for _ in range(CRASHES - 1):
        now = kept.started()
        kept.pool.tick(now + LOAD_SECONDS)
        assert (kept.pids[-1], signal.SIGKILL) not in kept.sent
        kept.pool.tick(now + LOAD_SECONDS + 1)
        assert kept.sent[-1] == (kept.pids[-1], signal.SIGKILL)
        assert kept.pool.died(kept.pids[-1], KILLED)
    kept.pool.tick(kept.started() + LOAD_SECONDS + 1)
    with pytest.raises(
        StartError, match=r"since its load did not end\. Raise PADDLEMODEL_LOAD_TIMEOUT_SECONDS"
    ):
        kept.pool.died(kept.pids[-1], KILLED)


def test_the_others_start_when_the_first_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take its cores, and it may find that one is enough."""
    kept = Kept(tmp_path, monkeypatch, workers=2)
    now = kept.started() + LOAD_SECONDS - 1
    kept.pool.tick(now)
    assert len(kept.pids) == 1
    kept.ready(0)
    Learned(onednn=False, sizes={}, load_seconds=1, paddle="3").save(tmp_path)
    kept.pool.tick(now)
    assert kept.pool.sized
    assert len(kept.pids) == 2
    kept.pool.tick(now + LOAD_SECONDS)
    assert kept.sent == []
    kept.pool.tick(now + LOAD_SECONDS + 1)
    assert kept.sent == [(kept.pids[1], signal.SIGKILL)]


def test_no_number_of_deadly_requests_ends_the_server(kept: Kept) -> None:
    """Each worker crashes in a run; the next one starts at once, and nothing is held against the model."""
    for at in range(3 * SHORT_LIVES):
        kept.started()
        kept.ready(0)
        block = kept.scoreboard.worker(0)
        block.started_ns = 1
        assert kept.pool.died(kept.pids[-1], int(signal.SIGSEGV))
        assert (block.deaths, block.request_killed, block.started_ns) == (at + 1, 1, 0)
        assert kept.pool.next_start() is not None
    kept.started()
    kept.ready(0)
    kept.scoreboard.worker(0).started_ns = 1
    assert kept.pool.died(kept.pids[-1], KILLED)  # by a person, or the node
    assert kept.scoreboard.worker(0).request_killed == 0
