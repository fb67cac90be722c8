"""What kind of numbers a classifier gives: found out by running it, as its files do not tell.

A softmax on top of probabilities flattens them, and on top of sigmoids (one answer for each label, several
may be right) it makes nonsense of them. Numbers that leave 0..1 for some input are logits.
"""

import logging
from collections.abc import Iterator

import numpy as np

from paddlemodel_server.engine.interface import Array, Runs
from paddlemodel_server.engine.made_up import inputs
from paddlemodel_server.engine.paddle_errors import said
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.served import ScoreKind

# The example times these: what stays in 0..1 for inputs of any size and sign is bounded by design.
FACTORS = (-8.0, 8.0)
SEEDS = range(1, 7)  # of requests of whole numbers, which have no extremes: logits of none may leave 0..1

log = logging.getLogger(__name__)


def kind(model: Model, predictor: Runs, example: list[Array], answer: list[Array], output: int) -> ScoreKind:
    """Judge one output; runs the model again where its first answer lies in 0..1, which may be chance.

    Args:
        model: the signature.
        predictor: runs it.
        example: inputs of one row.
        answer: the outputs for them.
        output: which one to look at.
    """
    scores = _numbers(model, answer, output)
    if not within(scores):
        return "Logits"
    found: ScoreKind = "Probabilities" if sums_to_one(scores) else "Independent"
    for request in _others(model, example):
        try:
            scores = _numbers(model, predictor.run(request), output)
        except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            log.debug("the model refuses an input", extra={"cause": said(error)})
            continue
        if not within(scores):
            return "Logits"
        if found == "Probabilities":
            if sums_to_one(scores):
                break  # twice is no chance
            found = "Independent"
    return found


def _others(model: Model, example: list[Array]) -> Iterator[list[Array]]:
    """Requests unlike the example: of extreme numbers, or of other ids where no input has any."""
    if any(array.dtype.kind == "f" for array in example):
        for factor in FACTORS:
            yield [
                array * array.dtype.type(factor) if array.dtype.kind == "f" else array for array in example
            ]
        return
    for seed in SEEDS:
        yield inputs.filled(model, [array.shape for array in example], seed)


def sums_to_one(scores: Array) -> bool:
    """Whether these are probabilities: floats of shape [rows, …, classes], whose classes sum to one."""
    if not within(scores):
        return False
    sums = scores.sum(axis=-1, dtype=np.float64)
    return bool(np.abs(sums - 1).max(initial=0) < 1e-2)


def within(scores: Array) -> bool:
    """Whether these are floats of shape [rows, …] from 0 to 1."""
    if scores.ndim < 2 or not np.issubdtype(scores.dtype, np.floating):
        return False
    return bool(((scores >= 0) & (scores <= 1 + 1e-2)).all())  # NaN is neither


def _numbers(model: Model, answer: list[Array], output: int) -> Array:
    """An output as numbers; of bfloat16 Paddle hands out the bits."""
    found = answer[output]
    bits = model.outputs[output].dtype == "bfloat16" and found.dtype == np.uint16
    return bfloat16.numbers(found) if bits else found
