"""The gate: a loaded model repeats recorded requests, alone and in full runs; the answers are compared.

It runs in a worker, after the warm-up and before readiness, so that it sees the very device, precision and
optimisations that will answer. Alone and together, since what fills up a run shows only there. A request of
tensors is one to the model; one to the task goes its whole way, through all models that the task has.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from paddlemodel_api.contract import VERIFICATION_DETAILS

from paddlemodel_server.engine.interface import Array, Clock, Runs
from paddlemodel_server.engine.paddle_errors import said
from paddlemodel_server.errors import ServingError, StartError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.served import Ragged
from paddlemodel_server.tasks import rows as output_rows
from paddlemodel_server.verification import requests
from paddlemodel_server.verification.comparing import Comparing
from paddlemodel_server.verification.differences import Difference
from paddlemodel_server.verification.report import Report
from paddlemodel_server.verification.requests import Question, Request
from paddlemodel_server.verification.rules import Rules


class Answering(Protocol):
    """What answers requests to the model's task."""

    @property
    def rows(self) -> int:
        """Of the largest run that requests may share, of any of its models; 1 where each must run alone."""
        ...

    def answer(self, media: str, body: bytes, *, full: bool) -> Any:
        """The answer to `POST /predict`, which is JSON.

        Args:
            media: the body's Content-Type.
            body: as it is sent.
            full: whether each run is filled up to the largest one.

        Raises:
            ServingError: it is refused.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What is to be verified.

    Attributes:
        model: its inputs and outputs.
        predictor: the chosen one, warmed up.
        task: makes what answers requests to the task, where such are recorded; may raise a StartError.
        rows: of the largest run that requests may share; 1 where each must run alone.
        ragged: outputs whose rows another output counts.
    """

    model: Model
    predictor: Runs
    task: Callable[[], Answering]
    rows: int = 1
    ragged: Ragged | None = None


def verify(candidate: Candidate, rules: Rules, clock: Clock) -> Report:
    """Repeat every recorded request.

    Args:
        candidate: the model, loaded and warmed up.
        rules: what it has to show.
        clock: seconds.

    Raises:
        StartError: `VerificationFailed`, `VerificationTooSlow`, `RecordingMissing`, `RecordingInvalid`.
    """
    report, began = Report(), clock()

    def in_time() -> None:
        if clock() - began > rules.seconds:
            raise StartError(
                "VerificationTooSlow",
                f"{report.requests} recorded requests took longer than {rules.seconds:g} s: raise "
                "spec.verification.maxSeconds, or record fewer.",
            )

    gate = _Gate(candidate, rules, report, in_time)
    for group in _groups(candidate, requests.read(candidate.model, rules), report):
        if isinstance(group, Question):
            gate.ask(group)
        else:
            gate.run(group)
    if not report.requests:
        raise StartError("RecordingInvalid", f"{rules.where} holds no requests: record it again.")
    gate.comparing.check_names()
    if report.agreed < rules.least * report.requests:
        raise StartError(
            "VerificationFailed", report.sentence(rules.where), {VERIFICATION_DETAILS: report.numbers()}
        )
    return report


class _Gate:
    """Repeats requests and notes how the answers compare."""

    def __init__(
        self, candidate: Candidate, rules: Rules, report: Report, in_time: Callable[[], None]
    ) -> None:
        self._candidate, self._rules, self._report, self._in_time = candidate, rules, report, in_time
        self._task: Answering | None = None
        self.comparing = Comparing(rules.tolerances)

    def ask(self, question: Question) -> None:
        """Repeat a request to the task."""
        if self._task is None:
            self._task = self._candidate.task()
        expected = question.exchange.answer
        runs = [("alone", False)]
        if self._task.rows > 1:
            runs.append((f"in runs of {self._task.rows} rows", True))
        for how, full in runs:
            self._in_time()
            with self._failing(f"{question.number}, run {how}"):
                found = self._task.answer(question.exchange.media, question.exchange.body, full=full)
            self._report.note(question.number, how, self.comparing.answers(expected, found))

    def run(self, group: list[Request]) -> None:
        """Repeat requests of tensors that can share a run: each alone, and all together."""
        for request in group:
            self._in_time()
            outputs = self._run(request.arrays, f"{request.number}, run alone")
            self._report.note(request.number, "alone", self._compared(request, outputs))
        if self._candidate.rows > 1:
            self._in_time()
            self._together(group)

    def _together(self, group: list[Request]) -> None:
        """One full run: the requests of a group, again and again until it is full."""
        candidate = self._candidate
        rows = sum(request.rows for request in group)
        if rows > candidate.rows or not all(request.arrays and request.arrays[0].ndim for request in group):
            return
        batch = group * (candidate.rows // rows)
        how = f"in a run of {candidate.rows} rows"
        outputs = self._run(_joined(candidate, batch), f"{group[-1].number}, run {how}")
        start = 0
        for request in batch:
            part = output_rows.cut(outputs, start, start + request.rows, candidate.ragged)
            self._report.note(request.number, how, self._compared(request, part))
            start += request.rows

    def _run(self, inputs: Sequence[Array], what: str) -> list[Array]:
        with self._failing(what):
            return self._candidate.predictor.run(inputs)

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """A model that fails on what was recorded does not answer as recorded."""
        try:
            yield
        except StartError:
            raise
        except Exception as error:
            why = error.message if isinstance(error, ServingError) else said(error)
            raise StartError(
                "VerificationFailed",
                f"The model fails on recorded request {what} ({self._rules.where}): {why.rstrip('.')}. "
                "Correct the model or the spec, or record requests that it takes.",
            ) from error

    def _compared(self, request: Request, outputs: Sequence[Array]) -> list[Difference]:
        found = {
            tensor.name: bfloat16.numbers(array) if tensor.datatype == "BF16" else array
            for tensor, array in zip(self._candidate.model.outputs, outputs, strict=True)
        }
        return self.comparing.tensors(request.expected, found)


def _groups(
    candidate: Candidate, asked: Iterator[Request | Question], report: Report
) -> Iterator[list[Request] | Question]:
    """Neighbours that can share a run, up to its rows; a request of more rows than that is a group itself."""
    group: list[Request] = []
    for request in asked:
        report.requests += 1
        if group and not (isinstance(request, Request) and _joins(request, group, candidate.rows)):
            yield group
            group = []
        if isinstance(request, Question):
            yield request
        else:
            group.append(request)
    if group:
        yield group


def _joins(request: Request, group: list[Request], most: int) -> bool:
    """Whether it fits into a run with those of a group."""
    return sum(one.rows for one in group) + request.rows <= most and request.fits(group[0])


def _joined(candidate: Candidate, requests: Sequence[Request]) -> list[Array]:
    """The inputs of a full run, filled up by repeating the last row, as a worker does."""
    joined = []
    for parts in zip(*(request.arrays for request in requests), strict=True):
        whole = np.concatenate(parts)
        missing = candidate.rows - len(whole)
        joined.append(np.concatenate([whole, np.repeat(whole[-1:], missing, axis=0)]) if missing else whole)
    return joined
