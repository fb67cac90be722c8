"""A request that runs in several parts, such as texts of different lengths: settled once, with all answers.

Each part is a submission of its own, so that it shares a run with parts of other requests that have its
shape. Who waits sees one. Whose request it is holds the bytes of all parts; those in flight the queue counts
itself, so that they are given back meanwhile.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Protocol

from paddlemodel_server.errors import ServingError
from paddlemodel_server.ipc import slots
from paddlemodel_server.pipeline.pending import NOWHERE, Array, Outcome, Pending, Settled

AT_ONCE: Final = 16  # parts of a request that wait or run, at most; the others leave room for other requests


class Queue(Protocol):
    """The way to the workers; `Dispatcher` is it, and says what its methods do."""

    def admit(self) -> None:
        """Count a request in, or raise why not."""

    def leave(self) -> None:
        """Take back what `admit` counted: one request less is in flight."""

    @property
    def roomy(self) -> bool:
        """Whether an admitted request may have several submissions at once."""
        ...

    def hold(self, size: int) -> None:
        """Count bytes that an admitted request keeps; less than none give them back."""

    def check_memory(self) -> None:
        """Refuse an admitted request, now decoded, where others have taken the memory meanwhile."""

    def submit(  # noqa: PLR0913 - an object for all would be one more for each request
        self,
        arrays: Sequence[Array],
        began: float,
        seconds: float,
        request_id: str,
        settled: Callable[[Outcome], None],
        *,
        reduced: bool = False,
        model: int = 0,
    ) -> Pending:
        """Hand it to a worker."""
        ...

    def abandon(self, pending: Pending) -> None:
        """Nobody waits for it any more."""


class Parts:
    """All parts of one request; its attributes are those of the part that was settled last."""

    worker = NOWHERE
    ran: slots.RunTimes | None = None
    arrays: Sequence[Array] = ()

    def __init__(self, queue: Queue, settled: Settled) -> None:
        """Make one without parts.

        Args:
            queue: the way to the workers.
            settled: called once, with the outputs of all parts one behind the other, or with what went wrong
                first; never after `abandon`.
        """
        self._queue = queue
        self._settled: Settled | None = settled
        self._running: dict[int, Pending] = {}
        self._due: Iterator[tuple[int, Sequence[Array]]]
        self._outputs: list[list[Array]] = []

    def submit(
        self,
        parts: Sequence[Sequence[Array]],
        began: float,
        seconds: float,
        request_id: str,
        *,
        reduced: bool = False,
        model: int = 0,
    ) -> None:
        """Hand parts in, the first of them now; the other arguments are those of `Queue.submit`.

        Raises:
            ServingError: one cannot be handed in; then none runs.
        """
        self._outputs = [[] for _ in parts]
        self._due = iter(enumerate(parts))
        self._arguments, self._reduced, self._model = (began, seconds, request_id), reduced, model
        try:
            self._fill()
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        self._settled = None
        running, self._running = self._running, {}
        for pending in running.values():
            self._queue.hold(pending.bytes)
            self._queue.abandon(pending)

    def _fill(self) -> None:
        """Hand in as many as may run; one always may, so that the request goes on."""
        while len(self._running) < AT_ONCE and (not self._running or self._queue.roomy) and self._next():
            pass

    def _next(self) -> bool:
        """Hand in the next part; False where there is none."""
        at, arrays = next(self._due, (None, ()))
        if at is None:
            return False
        settled = partial(self._settle, at)
        pending = self._running[at] = self._queue.submit(
            arrays, *self._arguments, settled, reduced=self._reduced, model=self._model
        )
        self._queue.hold(-pending.bytes)
        return True

    def _settle(self, at: int, outcome: Outcome) -> None:
        settled, pending = self._settled, self._running.pop(at)
        self._queue.hold(pending.bytes)
        self.worker, self.ran, self.arrays = pending.worker, pending.ran, pending.arrays
        if not isinstance(outcome, ServingError):
            self._outputs[at] = outcome
            try:
                self._fill()
            except ServingError as error:
                outcome = error
        if isinstance(outcome, ServingError):
            self.abandon()
        elif self._running:
            return
        else:
            self._settled = None
            outcome = [output for outputs in self._outputs for output in outputs]
        if settled:
            settled(outcome)
