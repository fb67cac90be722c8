"""Scores become the most probable classes; pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from paddlemodel_server.errors import NotFiniteError
from paddlemodel_server.protocol import Array


def classes(
    scores: Array, top_k: int, names: Sequence[str], *, softmax: bool = False, sigmoid: bool = False
) -> dict[str, Any]:
    """The most probable classes of one picture or text.

    Args:
        scores: floats of shape [1, classes].
        top_k: how many classes to name, at most.
        names: the labels, in the model's order; none, or one for each class.
        softmax: whether the scores are logits that must become probabilities.
        sigmoid: whether they are logits, each for itself.

    Raises:
        NotFiniteError: there is no best one among them.
    """
    values = scores.reshape(-1).astype(np.float64)
    if not np.isfinite(values).all():
        raise NotFiniteError
    if softmax:
        values = np.exp(values - values.max())
        values /= values.sum()
    elif sigmoid:
        values = np.exp(-np.logaddexp(0, -values))
    count = min(top_k, values.size)
    best = np.argpartition(-values, count - 1)[:count]
    best = best[np.lexsort((best, -values[best]))]
    top = [
        {
            "class_id": int(i),
            "label": (names[i] if i < len(names) else "") or None,
            "score": float(values[i]),
        }
        for i in best
    ]
    return top[0] | {"top_k": top}
