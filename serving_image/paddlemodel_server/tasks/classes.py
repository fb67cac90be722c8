"""Scores become the most probable classes; pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from paddlemodel_server.errors import NotFiniteError
from paddlemodel_server.protocol import Array


def classes(
    scores: Array, top_k: int, names: Sequence[str], *, softmax: bool = False, sigmoid: bool = False
) -> dict[str, Any]:
    """The most probable classes of one picture or text; of equal scores the first, as `reducers.top` has it.

    Args:
        scores: floats of shape [1, classes].
        top_k: how many classes to name, at most.
        names: the labels, in the model's order; none, or one for each class.
        softmax: whether the scores are logits that must become probabilities.
        sigmoid: whether they are logits, each for itself.

    Raises:
        NotFiniteError: there is no best one among them.
    """
    values, scores = _probable(scores, softmax=softmax, sigmoid=sigmoid), scores.reshape(-1)
    last = scores.size - min(top_k, scores.size)
    best = np.flatnonzero(scores >= np.partition(scores, last)[last])  # with all that are as good as the last
    best = best[np.argsort(-scores[best], kind="stable")][:top_k]
    return _ranked([_named(int(i), float(values[i]), names) for i in best])


def kept(
    found: Sequence[Array], names: Sequence[str], *, softmax: bool = False, sigmoid: bool = False
) -> dict[str, Any]:
    """As `classes`, of what the reduction `top` keeps of one picture.

    Raises:
        NotFiniteError: there are numbers that are none among all scores.
    """
    best, scores, total = (part[0] for part in found)
    if not np.isfinite(total):
        raise NotFiniteError
    values = scores.astype(np.float64)
    if softmax:
        values = np.exp(values - total)
    elif sigmoid:
        values = _sigmoid(values)
    return _ranked([_named(int(i), float(v), names) for i, v in zip(best, values, strict=True)])


def above(scores: Array, threshold: float, names: Sequence[str], *, sigmoid: bool = False) -> dict[str, Any]:
    """All classes of one picture with at least some score, the most probable first; perhaps none.

    Args:
        scores: floats of shape [1, classes].
        threshold: the least score.
        names: as for `classes`.
        sigmoid: whether the scores are logits.

    Raises:
        NotFiniteError: there are numbers that are none.
    """
    values = _probable(scores, softmax=False, sigmoid=sigmoid)
    found = np.flatnonzero(values >= threshold)
    found = found[np.lexsort((found, -values[found]))]
    return {"classes": [_named(int(i), float(values[i]), names) for i in found]}


def _probable(scores: Array, *, softmax: bool, sigmoid: bool) -> Array:
    values = scores.reshape(-1).astype(np.float64)
    if not np.isfinite(values).all():
        raise NotFiniteError
    if softmax:
        values = np.exp(values - values.max())
        values /= values.sum()
    elif sigmoid:
        values = _sigmoid(values)
    return values


def _sigmoid(values: Array) -> Array:
    found: Array = np.exp(-np.logaddexp(0, -values))
    return found


def _ranked(top: list[dict[str, Any]]) -> dict[str, Any]:
    return top[0] | {"top_k": top}


def _named(at: int, score: float, names: Sequence[str]) -> dict[str, Any]:
    return {"class_id": at, "label": (names[at] if at < len(names) else "") or None, "score": score}
