"""How many rows fit into memory, learned from Paddle's own failures. Pure: the predictor comes from outside.

The worker's loop runs everything through `Guarded`. Where memory runs out it gives back what it can, runs
the rows in halves, and keeps to what fits; after a quiet minute or two it tries twice as much again, for the
memory may have been another process's. A single row that does not fit is the request's fault or the moment's,
and the client is told which.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from paddlemodel_server.engine import paddle_errors
from paddlemodel_server.engine.interface import Array, Clock, Runs
from paddlemodel_server.errors import InputTooLargeError, MemoryTakenError

GROW_SECONDS = 60.0  # without a failure, before a larger run is dared; twice as long after each further one
MOST_GROW_SECONDS = 3600.0
EXHAUSTED = 5  # rows that used to fit and do not, one after the other: memory has been lost in this process

log = logging.getLogger(__name__)


class Capacity:
    """The learned number of rows of one run."""

    def __init__(self, most: int) -> None:
        """`most`: rows of one run where memory is no limit."""
        self.cap = most
        self._most = most
        self._quiet_seconds = GROW_SECONDS / 2
        self._failed_at = float("-inf")
        self._quiet_since = 0.0

    @property
    def full(self) -> bool:
        """Whether nothing has been taken from it."""
        return self.cap == self._most

    def failed(self, rows: int, now: float) -> None:
        """A run of so many rows found no memory."""
        self.cap = max(1, min(self.cap, rows // 2))
        if now - self._failed_at > 1.0:  # the halves of one batch are one failure
            self._quiet_seconds = min(self._quiet_seconds * 2, MOST_GROW_SECONDS)
        self._failed_at = self._quiet_since = now

    def grown(self, now: float) -> bool:
        """Whether it is time to try more; if so, the cap is larger now."""
        if self.full or now - self._quiet_since < self._quiet_seconds:
            return False
        self.cap = min(self.cap * 2, self._most)
        self._quiet_since = now
        return True


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What a guard calls when it has something to tell."""

    lost: Callable[[str], NoReturn]  # ends this process, for a reason: only a new one can help
    capped: Callable[[int], None]  # gets the cap in rows whenever it changes
    ran_out: Callable[[], None]  # for each run that had not enough memory


class Guarded:
    """A predictor that survives running out of memory; itself something to run."""

    def __init__(
        self,
        predictor: Runs,
        *,
        most: int,
        fitted: int,
        clock: Clock,
        hooks: Hooks,
    ) -> None:
        """Guard a predictor.

        Args:
            predictor: the real one.
            most: rows of one run at most; 0 where rows must not be parted: they change each other's answers.
            fitted: bytes of the inputs of a row that has run before.
            clock: seconds.
            hooks: who is told what.
        """
        self._predictor = predictor
        self._parts = most > 0
        self._capacity = Capacity(max(1, most))
        self._clock = clock
        self._hooks = hooks
        self._limited = False  # whether the cap is less than it might be
        self._fitted = fitted  # bytes of the largest row (or request that cannot be parted) that has run
        self._in_vain = 0

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Run the model, in parts where memory asks for it.

        Raises:
            MemoryTakenError: a row that used to fit does not fit now.
            InputTooLargeError: a row larger than any that ever fitted does not fit.
        """
        if not self._limited:
            return self._run(arrays)
        if self._capacity.grown(self._clock()):
            self._cap_changed("the batch cap grows again after a quiet time")
        rows, cap = self._rows(arrays), self._capacity.cap
        if rows <= cap:
            return self._run(arrays)
        return _joined([self._run([a[at : at + cap] for a in arrays]) for at in range(0, rows, cap)])

    def shrink(self) -> None:
        """Give memory that is held but unused back to the system."""
        self._predictor.shrink()

    def _run(self, arrays: Sequence[Array]) -> list[Array]:
        outputs = self._attempt(arrays)
        if outputs is not None:
            self._in_vain = 0
            self._fitted = max(self._fitted, self._bytes(arrays))
            return outputs
        self._predictor.shrink()
        rows = self._rows(arrays)
        if rows <= 1:
            return self._last_try(arrays)
        self._capacity.failed(rows, self._clock())
        self._cap_changed("memory ran out: the batch cap is lowered", rows)
        half = (rows + 1) // 2
        return _joined([self._run([a[:half] for a in arrays]), self._run([a[half:] for a in arrays])])

    def _attempt(self, arrays: Sequence[Array]) -> list[Array] | None:
        """One run; None where memory ran out. What the error's trace holds is free again on return."""
        try:
            return self._predictor.run(arrays)
        except Exception as error:
            kind = paddle_errors.kind(error)
            if kind == "device":
                self._hooks.lost(f"the device is lost: {paddle_errors.said(error)}")
            if kind != "memory":
                raise
            self._hooks.ran_out()
            log.warning(
                "memory ran out", extra={"cause": paddle_errors.said(error), "shape": list(arrays[0].shape)}
            )
            return None

    def _last_try(self, arrays: Sequence[Array]) -> list[Array]:
        outputs = self._attempt(arrays)
        if outputs is not None:
            return outputs
        if self._bytes(arrays) > self._fitted:
            raise InputTooLargeError
        self._in_vain += 1
        if self._in_vain >= EXHAUSTED:
            self._hooks.lost(f"memory ran out {EXHAUSTED} times in a row for rows that used to fit")
        raise MemoryTakenError

    def _bytes(self, arrays: Sequence[Array]) -> int:
        return sum([a.nbytes for a in arrays]) // max(1, self._rows(arrays))

    def _rows(self, arrays: Sequence[Array]) -> int:
        """How many there are to part; 1 where they must stay together, or where inputs have not as many."""
        counts = {a.shape[:1] for a in arrays}
        return len(arrays[0]) if self._parts and len(counts) == 1 and () not in counts else 1

    def _cap_changed(self, what: str, rows: int | None = None) -> None:
        cap = self._capacity.cap
        self._limited = not self._capacity.full
        log.warning(what, extra={"cap_rows": cap} | ({"rows": rows} if rows else {}))
        self._hooks.capped(cap)


def _joined(parts: Sequence[Sequence[Array]]) -> list[Array]:
    return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]
