"""What a worker leaves of large outputs for a task: numpy alone, next to the predictor; pure.

`Reduction` names the function, the output, and the axis of its classes. What they give is what the task
would have made of the whole output: the same class where several are equally good, and no number where one
of them is none.
"""

from collections.abc import Callable, Sequence

import numpy as np

from paddlemodel_server.errors import StartError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol import Array
from paddlemodel_server.protocol.served import Reduction

Reduce = Callable[[Sequence[Array]], list[Array]]


def reducer(reduction: Reduction, model: Model) -> Reduce:
    """The function that turns all outputs of a run into those of the reduction, row by row.

    Raises:
        StartError: `InvalidSettings`, which only a faulty task meets.
    """
    if not 0 <= reduction.output < len(model.outputs) or reduction.function not in {*FUNCTIONS, "top"}:
        raise StartError(
            "InvalidSettings", f"The task asks for a reduction that does not exist: {reduction}."
        )
    bits = model.outputs[reduction.output].dtype == "bfloat16"

    def reduce(outputs: Sequence[Array]) -> list[Array]:
        found = outputs[reduction.output]
        if bits and found.dtype == np.uint16:
            found = bfloat16.numbers(found)
        if reduction.function == "top":
            return top(found, reduction.axis, reduction.count)
        return FUNCTIONS[reduction.function](found, reduction.axis)

    return reduce


def best(scores: Array, axis: int) -> list[Array]:
    """The best class and its score.

    Args:
        scores: floats of shape [rows, …, classes], or with the classes on another axis.
        axis: of the classes.

    Returns:
        int32 and the scores' dtype, of their shape without the classes. Where one of the scores is NaN, so is
        the best one.
    """
    classes, highest = _highest(scores, axis)
    return [classes.astype(np.int32), highest]


def label(scores: Array, axis: int) -> list[Array]:
    """The best class alone, such as a picture's classes pixel by pixel.

    Args:
        scores: as those of `best`.
        axis: of the classes.

    Returns:
        Whole numbers of their shape without the classes: uint8 for up to 256 classes, else int32. Then for
        each row whether its best scores are all finite, which they are not where one score is NaN: bool.
    """
    classes, highest = _highest(scores, axis)
    dtype = np.uint8 if scores.shape[axis] <= 256 else np.int32
    finite = np.asarray(np.isfinite(highest).reshape(len(scores), -1).all(axis=1))
    return [classes.astype(dtype), finite]


def narrow(classes: Array, axis: int) -> list[Array]:
    """Classes that a model has chosen itself, in a byte each: a quarter or an eighth of what they were.

    Args:
        classes: whole numbers of shape [rows, …].
        axis: means nothing.

    Returns:
        uint8 of their shape. Then for each row whether all of them are from 0 to 255: bool.
    """
    del axis
    flat = classes.reshape(len(classes), -1)
    fits = (flat.min(axis=1, initial=0) >= 0) & (flat.max(axis=1, initial=0) <= 255)
    return [classes.astype(np.uint8), np.asarray(fits)]


def top(scores: Array, axis: int, count: int) -> list[Array]:
    """The best classes, such as those of a picture among many thousands.

    Args:
        scores: floats of shape [rows, classes].
        axis: of the classes.
        count: how many are kept, at most.

    Returns:
        int32 and the scores' dtype, [rows, count], the best first, of equals the first. Then for each row the
        logarithm of the sum of the exponentials of all scores, which a softmax of the kept ones needs; NaN
        where one of them is no finite number.
    """
    scores = np.moveaxis(scores, axis, -1)
    classes = np.argsort(-scores, axis=-1, kind="stable")[..., :count]
    numbers = scores.astype(np.float64)
    with np.errstate(invalid="ignore"):
        highest = numbers.max(axis=-1, keepdims=True)
        total = highest[..., 0] + np.log(np.exp(numbers - highest).sum(axis=-1))
    total[~np.isfinite(numbers).all(axis=-1)] = np.nan
    return [classes.astype(np.int32), np.take_along_axis(scores, classes, -1), total]


def _highest(scores: Array, axis: int) -> tuple[Array, Array]:
    """The first of the best classes, and its score; NaN, where there is one among them."""
    if axis in {-1, scores.ndim - 1}:
        classes = scores.argmax(axis=-1)
        return classes, np.take_along_axis(scores, classes[..., None], -1)[..., 0]
    # One class after the other: ten times as fast as numpy's way across memory.
    first, *others = np.moveaxis(scores, axis, 0)
    classes, highest = np.zeros(first.shape, np.int32), first.copy()
    for number, plane in enumerate(others, 1):
        classes[plane > highest] = number
        np.maximum(highest, plane, out=highest)
    return classes, highest


FUNCTIONS: dict[str, Callable[[Array, int], list[Array]]] = {
    "best": best,
    "label": label,
    "narrow": narrow,
}
