"""What the model gave becomes an answer: scores -> the most probable classes. `protocol` calls it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paddlemodel_server.errors import NotFiniteError, StartError
from paddlemodel_server.tasks.spec import ImageClassification

Array = np.ndarray[Any, np.dtype[Any]]


def labels(task: ImageClassification, folder: Path) -> tuple[str, ...]:
    """The labels of the task; from its file, whose lines are the classes. That of an empty line is empty."""
    if task.labels_file is None:
        return task.labels
    path = folder / task.labels_file
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(
            "LabelsMissing",
            f"The labels file {task.labels_file} cannot be read from the model's folder ({error}); "
            "add it to the model as UTF-8 text with one label per line, or use the field labels.",
        ) from None
    text = text.rstrip()
    return tuple(line.strip() for line in text.split("\n")) if text else ()


def classes(
    scores: Array, task: ImageClassification, names: Sequence[str], *, softmax: bool
) -> dict[str, Any]:
    """The most probable classes of one image.

    Args:
        scores: the model's first output, for one row.
        task: how many classes to name.
        names: the labels, in the model's order; may be shorter than the scores.
        softmax: whether the scores are logits that must become probabilities.
    """
    values = scores.reshape(-1).astype(np.float64)
    if not np.isfinite(values).all():
        raise NotFiniteError
    if softmax:
        values = np.exp(values - values.max())
        values /= values.sum()
    count = min(task.top_k, values.size)
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
