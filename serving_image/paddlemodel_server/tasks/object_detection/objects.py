"""A detector's rows become objects in a picture; pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from paddlemodel_server.errors import NotFiniteError
from paddlemodel_server.protocol import Array

CORNERS = ("xmin", "ymin", "xmax", "ymax")


def objects(
    rows: Array, size: tuple[int, int], names: Sequence[str], threshold: float, most: int
) -> list[dict[str, Any]]:
    """The objects of one picture, the most probable first.

    A row of class -1 stands for nothing (PaddleDetection's post_process.py); boxes are cut at the picture's
    edges, and those that lie outside are left out.

    Args:
        rows: floats [N, 6]: class, score, xmin, ymin, xmax, ymax in pixels of the picture.
        size: height and width of the picture.
        names: the labels; none, or one for each class.
        threshold: the least score.
        most: objects at most.

    Raises:
        NotFiniteError: there are numbers that are none among what would be answered.
    """
    if np.isnan(rows[:, :2]).any():
        raise NotFiniteError
    rows = rows[(rows[:, 0] >= 0) & (rows[:, 1] >= threshold)]
    if not np.isfinite(rows).all():
        raise NotFiniteError
    height, width = size
    corners = rows[:, 2:].clip(0, np.array([width, height, width, height], rows.dtype))
    shown = (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
    rows, corners = rows[shown], corners[shown]
    order = np.argsort(-rows[:, 1], kind="stable")[:most]
    return [_object(rows[at], corners[at], names) for at in order]


def _object(row: Array, corners: Array, names: Sequence[str]) -> dict[str, Any]:
    number = int(row[0])
    return {
        "class_id": number,
        "label": (names[number] if number < len(names) else "") or None,
        "score": float(row[1]),
        "box": dict(zip(CORNERS, map(float, corners), strict=True)),
    }
