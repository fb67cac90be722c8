"""Requests whose right answers are known, since the plain predictor gave them: all else is held to these.

The plain predictor is FP32 as Paddle loads it, without oneDNN, kept tensors, reused memory or company in a
run. Its answers are collected first, as many as there is time for.
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import NamedTuple

import numpy as np

from paddlemodel_server.engine.budget import Budget, Memory
from paddlemodel_server.engine.difference import alike, difference
from paddlemodel_server.engine.interface import Array, Clock, Runs
from paddlemodel_server.engine.made_up import inputs
from paddlemodel_server.engine.made_up.first_request import Example
from paddlemodel_server.engine.paddle_errors import said
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.served import Ragged
from paddlemodel_server.tasks import rows as output_rows

TOLERANCE = 1e-3  # of each number: what other kernels may round otherwise
FINE = 2e-5  # of the largest number of an output: likewise, of what the largest ones cancel out to
MOST_UNSTABLE = 0.1  # likewise, where the plain predictor itself answers otherwise when it is nudged
LEAST = 0.01  # of the largest value in typical answers: what the largest of another one counts as at least
COMPARING = 0.6  # of the time for all experiments: more than two requests are compared in this part of it
MOST_ROWS = 3  # of one sample that are tried alone
MORE = "PADDLEMODEL_WARMUP_SECONDS allows more"
_ROUNDING = 10  # an answer may be so many times as far off as that to the nudged request

log = logging.getLogger(__name__)


class Trial(NamedTuple):
    """A request and the right answer to it."""

    inputs: list[Array]
    answer: list[Array] | None  # None: too extreme to be compared; its rows are company for others
    typical: bool = False  # the example, a sample, or random numbers: a lower precision must do well on it


class Material(NamedTuple):
    """What requests are made of, beside the example."""

    samples: Sequence[list[Array]]  # the user's
    given: inputs.Shapes  # by the task: the shapes of inputs that are never others
    gentle: bool  # made-up numbers must be harmless


class Verdict(NamedTuple):
    """What a comparison found."""

    fault: str | None  # what is answered wrongly, in words
    seconds: float  # of the fastest run of one row; the first one is slow


class Trials:
    """All requests of the trial."""

    def __init__(self, example: Example, ragged: Ragged | None = None, fine: float = FINE) -> None:
        """Begin with the example.

        Args:
            example: a request of one row, where requests may share runs, and the plain predictor's answer.
            ragged: outputs that have another number of rows.
            fine: what a device may round otherwise, as a part of the largest number of an output.
        """
        self._fine = fine
        self.rows = [
            Trial(example.inputs, example.answer, typical=True)
        ]  # of one row and of equal shapes: may be joined
        self.wholes: list[Trial] = []  # of several rows, or of other shapes
        self.seconds = example.seconds  # of the fastest run of one row so far
        self._ragged = ragged
        self._least: list[float] = []
        self._rescale()

    @property
    def example(self) -> list[Array]:
        """The inputs of the first request; engines are tried out with it."""
        return self.rows[0].inputs

    @property
    def compared(self) -> list[Trial]:
        """Every request with an answer."""
        return [trial for trial in (*self.rows, *self.wholes) if trial.answer is not None]

    def collect(
        self,
        plain: Runs,
        model: Model,
        material: Material,
        means: tuple[Budget, Memory],
    ) -> None:
        """Ask the plain predictor as much as there is time and memory for, the user's samples first."""
        budget, memory = means
        due, first = 0.0, self.seconds
        plain.shrink()  # what earlier runs have left behind would hide what these take
        memory.peak()
        base, row_bytes = memory.peak(), 0
        for request, typical, is_row in _candidates(model, self.example, material):
            more = _count(request) / _count(self.example)
            cost = first * more
            part = COMPARING if len(self.compared) > 1 else 1.0  # two are the least that show anything
            if not budget.allows(2 * cost + due, loads=int(budget.allows_another()), part=part):
                continue
            # The predictors that are compared with it run it while this one is still loaded.
            if more > 1 and base + 2 * row_bytes * more > memory.most():
                continue
            began = budget.clock()
            try:
                answer = plain.run(request)
            except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
                log.debug("a request of the trial is not taken", extra={"cause": said(error)})
                plain.shrink()
                continue
            if is_row:
                row_bytes = max(row_bytes, memory.peak() - base)
                self.seconds = min(self.seconds, budget.clock() - began)
            due += cost if is_row or self.wholes else cost + first  # other shapes: the example once more
            (self.rows if is_row else self.wholes).append(Trial(request, answer, typical))
        if len(self.rows) > 1 and not material.gentle:
            self.rows.append(Trial(inputs.deafening(model, self.example), None))
        self._rescale()

    def judge(self, other: Runs, plain: Runs, clock: Clock, rounds: int = 1) -> Verdict:
        """Compare another predictor's answers to all requests, and after other shapes the example's again.

        Args:
            other: the predictor.
            plain: the one whose answers are right; it tells what rounding moves.
            clock: seconds.
            rounds: how often it is asked all of them. More than once, where it has the same kernels but keeps
                something from run to run: then nothing may be rounded otherwise.
        """
        seconds = float("inf")
        again = self.rows[:1] if self.wholes else []
        for trial in [*self.compared * rounds, *again]:
            began = clock()
            found = other.run(trial.inputs)
            if _count(trial.inputs) == _count(self.example):
                seconds = min(seconds, clock() - began)
            if not self._same(trial, found) and (rounds > 1 or not self._rounded(plain, trial, found)):
                shapes = [list(array.shape) for array in trial.inputs]
                return Verdict(f"it answers a request of shapes {shapes} otherwise", seconds)
        return Verdict(None, seconds)

    def parted(self, predictor: Runs, rows: int) -> bool:
        """Whether each row is answered in runs of so many rows as it is alone; every row runs at least once.

        Raises:
            Exception: the model fails on so many rows.
        """
        for at in range(0, max(len(self.rows), rows), rows):
            trials = list(islice(cycle(self.rows), at, at + rows))
            found = predictor.run(joined([trial.inputs for trial in trials]))
            if not output_rows.parted(found, rows, self._ragged):
                return False
            for place, trial in enumerate(trials):
                mine = output_rows.cut(found, place, place + 1, self._ragged)
                if not self._same(trial, mine) and not self._rounded(predictor, trial, mine):
                    return False
        return True

    def too_few_rows(self) -> str | None:
        """Why nothing can be said of rows in company; None where something can."""
        if len(self.rows) < 2:
            return f"there was no other row to compare with; {MORE}, and so does a warmup.json"
        loose = self._ragged.outputs if self._ragged else ()
        if any(not any(len(t.answer[at]) for t in self.rows if t.answer is not None) for at in loose):
            return (
                "the model found nothing in any request of the trial, so that there was nothing to compare; "
                "add one as warmup.npz in which it finds something"
            )
        return None

    def answered_by(self, predictor: Runs) -> None:
        """Let another predictor's answers be the right ones: those of a lower precision that was chosen."""
        self.rows = [t if t.answer is None else t._replace(answer=predictor.run(t.inputs)) for t in self.rows]
        self.wholes = []
        self._fine = TOLERANCE
        self._rescale()

    def _rescale(self) -> None:
        """The least that an output's largest number counts as, so that rounding around zero is no fault."""
        answers = [trial.answer for trial in self.compared if trial.typical and trial.answer is not None]
        self._least = [LEAST * max(map(_largest, column)) for column in zip(*answers, strict=False)]

    def _scales(self, answer: Sequence[Array]) -> list[float]:
        """What the differences of each output are measured by: its largest finite number."""
        return [max(_largest(output), least) for output, least in zip(answer, self._least, strict=True)]

    def _same(self, trial: Trial, found: Sequence[Array]) -> bool:
        if trial.answer is None:
            return True
        wanted = trial.answer
        return len(wanted) == len(found) and all(
            alike(one, other, self._fine * scale) or close(one, other, self._allowed(one, scale))
            for one, other, scale in zip(wanted, found, self._scales(wanted), strict=True)
        )

    def _allowed(self, answer: Array, scale: float) -> Array:
        """How far each number may be off: as a part of itself, or of the output's largest if that is more."""
        if not np.issubdtype(answer.dtype, np.floating):
            return np.zeros(answer.shape)
        fine = max(self._fine, min(TOLERANCE, float(np.finfo(answer.dtype).eps)))
        own = np.abs(np.nan_to_num(answer.astype(np.float64), posinf=0, neginf=0))
        return np.maximum(fine * scale, TOLERANCE * own)

    def _rounded(self, plain: Runs, trial: Trial, found: Sequence[Array]) -> bool:
        """Whether rounding explains a difference: the plain predictor magnifies that of its inputs as much.

        The other one is not asked: numbers that differ every time would explain themselves. A typical request
        may differ by no more than TOLERANCE of the largest number. A model that imitates whole numbers
        magnifies rounding everywhere, and its users would see it.
        """
        wanted = trial.answer or []
        try:
            nudged = plain.run(inputs.nudged(trial.inputs))
        except Exception:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            return False
        if not len(wanted) == len(found) == len(nudged):
            return False
        most = TOLERANCE if trial.typical else MOST_UNSTABLE
        return all(
            close(a, b, np.maximum(min(most * scale, _ROUNDING * _moved(a, c)), self._allowed(a, scale)))
            for a, b, c, scale in zip(wanted, found, nudged, self._scales(wanted), strict=True)
        )


def joined(requests: Sequence[Sequence[Array]]) -> list[Array]:
    """Several requests as one, their rows one below the other."""
    return [np.concatenate(arrays) if arrays[0].ndim else arrays[0] for arrays in zip(*requests, strict=True)]


def close(one: Array, other: Array, allowed: Array) -> bool:
    """Whether outputs are the same: in shape and dtype, each number to its `allowed`, whole ones exactly."""
    apart = difference(one, other)
    return not apart.fault and bool((apart.absolute <= (0 if apart.whole else allowed)).all())


def _candidates(
    model: Model, example: list[Array], material: Material
) -> Iterator[tuple[list[Array], bool, bool]]:
    """Requests to try; of each whether it is typical, and whether the example may be joined with it."""
    extreme, *others = inputs.varied(model, example, gentle=material.gentle)
    kind = [array.shape for array in example]
    yield extreme, False, True
    for sample in material.samples:
        yield sample, True, False
        if model.batched:
            rows = [[a[at : at + 1] for a in sample] for at in range(min(MOST_ROWS, len(sample[0])))]
            yield from ((row, True, True) for row in rows if [array.shape for array in row] == kind)
    if any(tensor.shape[:1] == (-1,) for tensor in model.inputs):
        yield _of_three_rows(model, [example, extreme, others[0]]), False, False
    for at, other in enumerate(others):
        yield other, at == 1, True
    for other in inputs.resized(model, example, material.given):
        yield other, False, False


def _of_three_rows(model: Model, requests: list[list[Array]]) -> list[Array]:
    """One request; an input whose first dimension is fixed stays that of the first."""
    whole = joined(requests)
    return [
        several if tensor.shape[:1] == (-1,) else first
        for tensor, several, first in zip(model.inputs, whole, requests[0], strict=True)
    ]


def _count(request: Sequence[Array]) -> int:
    return max(1, sum(array.size for array in request))


def _largest(output: Array) -> float:
    if not np.issubdtype(output.dtype, np.inexact):
        return 1.0
    finite = np.abs(output[np.isfinite(output)])
    return max(1e-6, float(finite.max(initial=0)))


def _moved(one: Array, other: Array) -> float:
    """The largest difference of two outputs of one shape; 0 where they cannot be subtracted."""
    apart = difference(one, other)
    return 0.0 if apart.fault or apart.whole else apart.largest
