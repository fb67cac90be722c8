"""The gate: a loaded model repeats recorded requests, alone and in full runs; the answers are compared.

It runs in a worker, after the warm-up and before readiness, so that it sees the very device, precision and
optimisations that will answer. Alone and together, since what fills up a run shows only there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from paddlemodel_server.engine.interface import Array, Clock, Runs
from paddlemodel_server.engine.paddle_errors import said
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.served import Ragged
from paddlemodel_server.tasks import rows as output_rows
from paddlemodel_server.verification import recording, v2_client
from paddlemodel_server.verification.recording import Difference, Exchange
from paddlemodel_server.verification.rules import Rules


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What is to be verified.

    Attributes:
        model: its inputs and outputs.
        predictor: the chosen one, warmed up.
        rows: of the largest run that requests may share; 1 where each must run alone.
        ragged: outputs whose rows another output counts.
    """

    model: Model
    predictor: Runs
    rows: int = 1
    ragged: Ragged | None = None


@dataclass
class Report:
    """What was found; requests count from 1."""

    requests: int = 0
    disagreeing: set[int] = field(default_factory=set)
    worst: tuple[int, str, Difference] | None = None  # a request, how it ran, and its output

    def note(self, request: int, how: str, found: Sequence[Difference]) -> None:
        """Add how the outputs of one request compare."""
        for one in found:
            if not one.agrees:
                self.disagreeing.add(request)
                if self.worst is None or one.weight > self.worst[2].weight:
                    self.worst = request, how, one

    @property
    def agreed(self) -> int:
        """Requests that were answered as recorded, alone and with others."""
        return self.requests - len(self.disagreeing)


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

    for group in _groups(candidate, _requests(candidate.model, rules), report):
        for request in group:
            in_time()
            outputs = _run(candidate, request.arrays, f"{request.number}, run alone", rules)
            report.note(request.number, "alone", _compared(candidate.model, request, outputs, rules))
        if candidate.rows > 1:
            in_time()
            _together(candidate, group, rules, report)
    if not report.requests:
        raise StartError("RecordingInvalid", f"{rules.where} holds no requests: record it again.")
    if report.agreed < rules.least * report.requests:
        raise StartError("VerificationFailed", _sentence(report, rules))
    return report


@dataclass(frozen=True, kw_only=True)
class _Request:
    number: int
    arrays: list[Array]  # in the order of the model's inputs, of its dtypes
    expected: v2_client.Arrays

    @property
    def rows(self) -> int:
        return len(self.arrays[0]) if self.arrays and self.arrays[0].ndim else 1

    def fits(self, other: "_Request") -> bool:
        """Whether both can share a run: all but the rows is equal."""
        return all(
            a.ndim and b.ndim and a.shape[1:] == b.shape[1:]
            for a, b in zip(self.arrays, other.arrays, strict=True)
        )


def _requests(model: Model, rules: Rules) -> Iterator[_Request]:
    if not rules.recording.is_file():
        raise StartError(
            "RecordingMissing",
            f"There is no {rules.where}: put the recording of spec.verification there (paddlemodel-server "
            "verify --record writes one), or remove spec.verification.",
        )
    try:
        for number, exchange in enumerate(recording.read(rules.recording), start=1):
            yield _Request(number=number, arrays=_arrays(model, exchange, number), expected=exchange.outputs)
    except StartError as error:
        if error.reason != "UnreadableRecording":
            raise
        said = error.message.replace(str(rules.recording), rules.where)
        raise StartError("RecordingInvalid", said) from error


def _arrays(model: Model, exchange: Exchange, number: int) -> list[Array]:
    names = [tensor.name for tensor in model.inputs]
    if set(exchange.inputs) != set(names):
        raise StartError(
            "RecordingInvalid",
            f"Recorded request {number} has the inputs {', '.join(sorted(exchange.inputs))}, the model wants "
            f"{', '.join(sorted(names))}: the recording is of another model.",
        )
    arrays = []
    for tensor in model.inputs:
        array = exchange.inputs[tensor.name]
        fits = len(array.shape) == len(tensor.shape) and all(
            wanted in (-1, size) for size, wanted in zip(array.shape, tensor.shape, strict=True)
        )
        if not fits or array.dtype != v2_client.NUMPY.get(tensor.datatype):
            raise StartError(
                "RecordingInvalid",
                f"Recorded request {number} has {tensor.name} of {array.dtype} {list(array.shape)}, the "
                f"model wants {tensor.dtype} {list(tensor.shape)}: the recording is of another model.",
            )
        arrays.append(bfloat16.bits(array) if tensor.datatype == "BF16" else np.ascontiguousarray(array))
    return arrays


def _groups(candidate: Candidate, requests: Iterator[_Request], report: Report) -> Iterator[list[_Request]]:
    """Neighbours that can share a run, up to its rows; a request of more rows than that is a group itself."""
    group: list[_Request] = []
    for request in requests:
        report.requests += 1
        full = sum(one.rows for one in group) + request.rows > candidate.rows
        if group and (full or not request.fits(group[0])):
            yield group
            group = []
        group.append(request)
    if group:
        yield group


def _together(candidate: Candidate, group: list[_Request], rules: Rules, report: Report) -> None:
    """One full run: the requests of a group, again and again until it is full."""
    rows = sum(request.rows for request in group)
    if rows > candidate.rows or not all(request.arrays and request.arrays[0].ndim for request in group):
        return
    batch = group * (candidate.rows // rows)
    how = f"in a run of {candidate.rows} rows"
    inputs = _joined(candidate, batch)
    outputs = _run(candidate, inputs, f"{group[-1].number}, run {how}", rules)
    start = 0
    for request in batch:
        part = output_rows.cut(outputs, start, start + request.rows, candidate.ragged)
        found = _compared(candidate.model, request, part, rules)
        report.note(request.number, how, found)
        start += request.rows


def _run(candidate: Candidate, inputs: Sequence[Array], what: str, rules: Rules) -> list[Array]:
    """The outputs; a model that fails on what was recorded does not answer as recorded."""
    try:
        return candidate.predictor.run(inputs)
    except Exception as error:
        raise StartError(
            "VerificationFailed",
            f"The model fails on recorded request {what} ({rules.where}): {said(error)}. Correct the model "
            "or spec.server, or record requests that it takes.",
        ) from error


def _joined(candidate: Candidate, requests: Sequence[_Request]) -> list[Array]:
    """The inputs of a full run, filled up by repeating the last row, as a worker does."""
    joined = []
    for parts in zip(*(request.arrays for request in requests), strict=True):
        whole = np.concatenate(parts)
        missing = candidate.rows - len(whole)
        joined.append(np.concatenate([whole, np.repeat(whole[-1:], missing, axis=0)]) if missing else whole)
    return joined


def _compared(model: Model, request: _Request, outputs: Sequence[Array], rules: Rules) -> list[Difference]:
    found = {
        tensor.name: bfloat16.numbers(array) if tensor.datatype == "BF16" else array
        for tensor, array in zip(model.outputs, outputs, strict=True)
    }
    return recording.compare(request.expected, found, rules.tolerances)


def _sentence(report: Report, rules: Rules) -> str:
    """What to tell: how many, the worst of all, and what to do."""
    count = len(report.disagreeing)
    several = "are" if count != 1 else "is"
    text = f"{count} of {report.requests} recorded requests {several} answered differently ({rules.where})."
    if report.worst:
        request, how, one = report.worst
        text += f" The worst: request {request}, run {how}, output {one.output}: {one.fault}{one.example}."
    return (
        f"{text} Correct the model or spec.server.precision; if the new answers are right, record them, or "
        "widen spec.verification.tolerance."
    )
