"""One model of a worker at work: waiting requests joined into a run, and what is left of its outputs.

The worker's loop has one for each of its models. A request says by its layout which of them it is for.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from paddlemodel_server.engine import warmup
from paddlemodel_server.engine.run_sizes import best_size, padded_size
from paddlemodel_server.ipc import slots
from paddlemodel_server.ipc.layouts import Layout, layout_of
from paddlemodel_server.protocol.served import Ragged
from paddlemodel_server.tasks import reducers
from paddlemodel_server.tasks import rows as output_rows
from paddlemodel_server.worker import gather
from paddlemodel_server.worker.batching import Job

Jobs = Sequence[Job[gather.Source]]
logger = logging.getLogger(__name__)


class RowsMissingError(Exception):
    """An output has not one row for each of the inputs', so that nobody can tell whose they are."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the task asks of a run: how outputs are parted, what is left of them, how large it may be."""

    ragged: Ragged | None = None
    reduce: reducers.Reduce | None = None  # for requests that want it
    sized: bool = False  # whether large rows run in smaller numbers


class Runner:
    """A model that is ready, and how it runs."""

    def __init__(
        self,
        prepared: warmup.Prepared,
        answers: Answers = Answers(),
        alone: Callable[[], None] = lambda: None,
    ) -> None:
        """`alone` is called if its requests share no runs any more."""
        self._prepared = prepared
        self._answers = answers
        self._alone = alone
        self.cap = max(prepared.sizes, default=1)  # rows of a run at most
        self.run_ns = 0  # in the model; the loop sets it to 0

    @property
    def sizes(self) -> Mapping[int, float]:
        """Seconds of a run, by rows; empty where requests cannot share one."""
        return self._prepared.sizes

    def sizes_for(self, layout: Layout) -> Mapping[int, float]:
        """Those for requests of a layout: of large pictures fewer share a run than of small ones."""
        sizes, rows = self._prepared.sizes, layout.rows
        if not self._answers.sized or not sizes or not rows:
            return sizes
        row = sum(elements * dtype.itemsize for dtype, _, _, elements in layout.tensors) // rows
        fit = {
            size: seconds for size, seconds in sizes.items() if size * row <= self.cap * self._prepared.fitted
        }
        return fit or {1: sizes[min(sizes)]}

    def outputs(self, jobs: Jobs, rows: int, *, batched: bool) -> list[slots.Array]:
        """The outputs of one or several runs, or what the task leaves of them."""
        outputs = self._in_pieces(jobs, rows) if batched else self._model(gather.joined(jobs, 0))
        reduce = self._answers.reduce if self._reduces(jobs) else None
        if reduce is None:
            return outputs
        return reduce(output_rows.cut(outputs, 0, rows) if batched else outputs)

    def answer(self, arrays: Sequence[slots.Array], *, reduced: bool, full: bool) -> list[slots.Array]:
        """The outputs for one request that lies in no slot.

        Args:
            arrays: its inputs.
            reduced: whether it wants the task's reduction.
            full: whether runs that requests could share are filled up to the largest size.
        """
        layout = layout_of(tuple((array.dtype, array.shape) for array in arrays))
        sizes = self.sizes_for(layout) if layout.rows else {}
        if full and sizes:
            sizes = {max(sizes): sizes[max(sizes)]}
        outputs = self._pieces(arrays, layout.rows, sizes) if sizes else self._model(list(arrays))
        reduce = self._answers.reduce if reduced else None
        return outputs if reduce is None else reduce(outputs)

    def ragged(self, jobs: Jobs) -> Ragged | None:
        """The outputs of these requests that have another number of rows."""
        return None if self._reduces(jobs) else self._answers.ragged

    def _reduces(self, jobs: Jobs) -> bool:
        """Whether these requests, which are alike, want the task's reduction."""
        return self._answers.reduce is not None and jobs[0].source[1].reduced

    def _in_pieces(self, jobs: Jobs, rows: int) -> list[slots.Array]:
        """Run rows in the sizes that were warmed up; a request may be larger than any of them."""
        sizes = self.sizes_for(jobs[0].source[1])
        cap = max(sizes)
        if rows <= cap:
            return self._batch(gather.joined(jobs, padded_size(rows, sizes)))
        return self._pieces(gather.joined(jobs, rows), rows, sizes)

    def _pieces(
        self, inputs: Sequence[slots.Array], rows: int, sizes: Mapping[int, float]
    ) -> list[slots.Array]:
        cap, done = max(sizes), 0
        answers: list[list[slots.Array]] = []
        while done < rows:
            size = best_size(rows - done, sizes) if rows - done > cap else rows - done
            piece = [gather.padded(a[done : done + size], padded_size(size, sizes)) for a in inputs]
            answers.append(output_rows.cut(self._batch(piece), 0, size, self._answers.ragged))
            done += size
        return output_rows.joined(answers)

    def _batch(self, inputs: list[slots.Array]) -> list[slots.Array]:
        """Run rows that are to be parted again, or were filled up: each must have its own in every output."""
        outputs = self._model(inputs)
        if not output_rows.parted(outputs, len(inputs[0]), self._answers.ragged):
            raise RowsMissingError
        return outputs

    def stop_batching(self) -> None:
        """The warm-up's request did not show that the number of rows depends on their values."""
        logger.warning("no batching any more: an output has another number of rows than the inputs")
        self._prepared = replace(self._prepared, sizes={})
        self.cap = 1
        self._alone()

    def _model(self, inputs: list[slots.Array]) -> list[slots.Array]:
        began_ns = time.monotonic_ns()
        try:
            return self._prepared.predictor.run(inputs)
        finally:
            self.run_ns += time.monotonic_ns() - began_ns
