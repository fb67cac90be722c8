"""A request that the model takes, found by trying: nobody says which sizes and values are right for it.

What is made up may be wrong though the model is right: whole numbers may be places in another input's rows,
and rows may belong together in pairs. So a model is refused only where it runs with nothing at all.
"""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from paddlemodel_server.engine.interface import Array, Clock, Runs
from paddlemodel_server.engine.made_up import inputs
from paddlemodel_server.engine.paddle_errors import said
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model

log = logging.getLogger(__name__)


class Example(NamedTuple):
    """A request of one row that the model takes."""

    inputs: list[Array]
    answer: list[Array]
    seconds: float  # of its run


def found(
    model: Model, predictor: Runs, samples: tuple[list[Array], ...], given: inputs.Shapes, clock: Clock
) -> Example | None:
    """Inputs of one row that the model takes, and its answer.

    Args:
        model: its inputs.
        predictor: runs it.
        samples: the user's requests; then nothing is made up.
        given: the shapes of inputs that the task decides, by name.
        clock: seconds.

    Returns:
        None where the model takes a request, but of no single row; or where its sizes are open, and none of
        those that were tried fits. What it takes is then unknown.

    Raises:
        StartError: `SampleFails`, `ModelDoesNotRun`.
    """
    ones = [_row(samples[0], model)] if samples else inputs.examples(model, given)
    example, error = _first(predictor, ones, clock)
    if example is not None:
        return example
    if samples:
        whole, error = _first(predictor, samples[:1], clock)
        if whole is None:
            shapes = str([list(array.shape) for array in samples[0]])
            raise StartError(
                "SampleFails",
                f"The model fails on the first sample beside it, of shapes {shapes}: {said(error)}.",
            ) from error
        return None
    if inputs.has_open_sides(model, given):
        return None
    if given or _first(predictor, inputs.of_several_rows(model), clock)[0] is None:
        raise StartError("ModelDoesNotRun", f"The model fails on its first run: {said(error)}.") from error
    return None


def _row(sample: list[Array], model: Model) -> list[Array]:
    return [array[:1] for array in sample] if model.batched else sample


def _first(
    predictor: Runs, requests: Iterable[list[Array]], clock: Clock
) -> tuple[Example | None, Exception | None]:
    """The first request that the model takes; where it takes none, what it said of the first."""
    error: Exception | None = None
    for request in requests:
        began = clock()
        try:
            return Example(request, predictor.run(request), clock() - began), None
        except Exception as failure:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            error = error or failure
            shapes = str([list(array.shape) for array in request])
            log.debug("the model refuses a warm-up request", extra={"shapes": shapes})
    return None, error
