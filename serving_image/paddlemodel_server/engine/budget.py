"""The time and the memory that the experiments of the warm-up may take. Pure: clocks come from outside."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from paddlemodel_server.engine.interface import Clock

FREE_SECONDS = 0.1  # what costs less than this is done even when the time for probing is spent


class Moment(NamedTuple):
    """A moment by both clocks, or the seconds between two moments."""

    clock: float
    worked: float


class Budget:
    """The time that probing may take, and the clock that times runs."""

    def __init__(self, clock: Clock, worked: Clock, seconds: float) -> None:
        """Start it.

        Args:
            clock: seconds, to time runs.
            worked: seconds, of which `seconds` may pass.
            seconds: the budget.
        """
        self.clock = clock
        self._worked = worked
        self._seconds = seconds
        self._began = self._now()
        self._first = Moment(0.0, 0.0)  # the load and the first run

    def begin(self) -> None:
        """Count from now on: before came the load and the first run, and others will take as long."""
        self._first, self._began = self._passed(), self._now()

    def allows_another(self) -> bool:
        """Whether there is time for one more load and run."""
        return self.allows_work(self._first.worked)

    def allows(self, seconds: float, *, loads: int = 0, part: float = 1.0) -> bool:
        """Whether there is time for something.

        Args:
            seconds: that it takes by the clock.
            loads: loads and first runs that it takes as well.
            part: of the whole budget that may be spent then.
        """
        passed = self._passed()
        # The load and the first run count as well: what has just begun has been disturbed by nobody yet.
        clock, worked = self._first.clock + passed.clock, self._first.worked + passed.worked
        share = min(1.0, worked / clock) if clock > 0 else 1.0
        return self.allows_work(seconds * share + loads * self._first.worked, part)

    def allows_work(self, seconds: float, part: float = 1.0) -> bool:
        """Whether there is time for so many seconds of this process's own work."""
        return seconds < FREE_SECONDS or self._passed().worked + seconds < self._seconds * part

    def _now(self) -> Moment:
        return Moment(self.clock(), self._worked())

    def _passed(self) -> Moment:
        now = self._now()
        return Moment(now.clock - self._began.clock, now.worked - self._began.worked)


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What the kernel says of this process's memory, in bytes."""

    peak: Callable[[], int] = lambda: 0  # the most since it was last asked
    most: Callable[[], int] = lambda: 1 << 60  # what may be reached before the kernel kills
