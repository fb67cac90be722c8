"""One request between submission and outcome."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from paddlemodel_server.errors import (
    AnswerTooLargeError,
    InputRefusedError,
    InputTooLargeError,
    MemoryTakenError,
    ModelFailedError,
    ServingError,
)
from paddlemodel_server.ipc import layouts, slots
from paddlemodel_server.ipc.scoreboard import WorkerBlock

Array = np.ndarray[Any, np.dtype[Any]]
Outcome = list[Array] | ServingError
Settled = Callable[[Outcome], None]
TENSORS_OF_BODIES: Final = 2  # how much more memory the tensors of requests may take than their bodies
NOWHERE: Final = -1  # the worker of a request that no worker holds

_FAULTS: dict[int, Callable[[], ServingError]] = {
    slots.TOO_LARGE: AnswerTooLargeError,
    slots.MEMORY_TAKEN: MemoryTakenError,
    slots.INPUT_TOO_LARGE: InputTooLargeError,
    slots.REFUSED: InputRefusedError,
}

logger = logging.getLogger(__name__)


class Pending:
    """One request; its slot is free again once the worker that holds it has replied, not before."""

    ran: slots.RunTimes | None = None  # only where somebody may want to know
    reduced = False  # whether it wants the task's reduction of the outputs
    model = 0  # the number of the workers' model that it is for
    alone = False  # whether it must not share a run: one that it shared has ended a worker
    suspected = -1  # how often its worker had died before it ended in a run with this request alone

    def __init__(self, slot: int, deadline: float, seconds: float, arrays: Sequence[Array]) -> None:
        """Make one that no worker holds yet.

        Args:
            slot: where its tensors lie.
            deadline: monotonic seconds.
            seconds: how long the client waits.
            arrays: the tensors, should a worker's death destroy the slot's.
        """
        self.worker = NOWHERE  # the last one that held it
        self.sent = False  # whether that one still does
        self.slot = slot
        self.deadline = deadline
        self.seconds = seconds
        self.arrays = arrays
        self.bytes = sum([array.nbytes for array in arrays])
        self.request_id = ""
        self.layout: layouts.Layout
        self.used = 0  # bytes of the slot
        self.settled: Settled | None = None  # None: nobody waits for it any more

    def write(self, memory: slots.Slots, now: float) -> None:
        """Put the request into its slot.

        Args:
            memory: the slots.
            now: monotonic seconds.

        Raises:
            DoesNotFitError: the tensors are too large.
        """
        control = int(self.deadline * 1e9), int(now * 1e9)
        self.layout = memory.write(
            self.slot, self.arrays, control, self.request_id, reduced=self.reduced, model=self.model
        )
        self.used = max(self.used, self.layout.end)

    def convicted(self, block: WorkerBlock) -> bool:
        """Whether its worker died of it; while that is not known yet, it stays suspected.

        Args:
            block: of the worker that held it last.
        """
        if self.suspected < 0 or block.deaths == self.suspected:
            return False
        self.suspected = -1
        if block.request_killed:
            logger.error("a request has ended its worker", extra={"request_id": self.request_id})
        return bool(block.request_killed)

    def settle(self, outcome: Outcome) -> None:
        """Hand out the outcome; what goes wrong with one request must not keep others from theirs."""
        settled, self.settled = self.settled, None
        if settled is None:
            return
        try:
            settled(outcome)
        except Exception:
            logger.exception("an outcome could not be handed out")


class InFlight(dict[int, Pending]):
    """The requests of an HTTP worker by their slots, and the bytes of their tensors.

    A body is counted as it arrives, but a picture of a few kilobytes may become a tensor of many megabytes.
    """

    def __init__(self, body_bytes: int) -> None:
        """`body_bytes`: what bodies may take together."""
        super().__init__()
        self._most_bytes = TENSORS_OF_BODIES * body_bytes  # the request that goes beyond it is the last
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether there is no memory for another request."""
        return self._bytes > self._most_bytes

    def hold(self, size: int) -> None:
        """Count bytes that a request keeps beside its tensors; less than none give them back."""
        self._bytes += size

    def add(self, pending: Pending) -> None:
        """Count a request in."""
        self[pending.slot] = pending
        self._bytes += pending.bytes

    def remove(self, slot: int) -> Pending:
        """Count the request of a slot out."""
        pending = self.pop(slot)
        self._bytes -= pending.bytes
        return pending


def fault(status: int) -> ServingError:
    """What a worker's reply without an answer means."""
    return _FAULTS.get(status, ModelFailedError)()
