"""The map of a text detector becomes polygons; the door to OpenCV's contours and to pyclipper.

After DBPostProcess of PaddleX 3.7 (paddlex/inference/models/text_detection/processors.py), step by step, so
that the polygons are the same. The method: Liao et al., "Real-time Scene Text Detection with Differentiable
Binarization", 2020.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import pyclipper  # type: ignore[import-untyped]  # it has no types

from paddlemodel_server.protocol import Array

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TextDetection as Spec

SMALLEST = 3  # pixels of the map: the shorter side of a mark
ROW = 10  # pixels: lines whose tops differ by less stand beside each other


class Line(NamedTuple):
    """A line of text: four corners from the top left clockwise, [x, y] each, and its score."""

    box: list[list[int]]
    score: float


def lines(scores: Array, size: tuple[int, int], spec: "Spec") -> list[Line]:
    """The lines of a picture, from top to bottom, and from left to right where they stand in a row.

    Args:
        scores: float32 [height, width] of the map, from 0 to 1.
        size: height and width of the picture.
        spec: the validated member.
    """
    mask: Any = (scores > spec.threshold).astype(np.uint8)
    if spec.dilation:
        mask = cv2.dilate(mask, np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = [_line(contour, scores, size, spec) for contour in contours[: spec.max_lines]]
    return in_order([line for line in found if line])


def _line(contour: Any, scores: Array, size: tuple[int, int], spec: "Spec") -> Line | None:
    corners, side = rectangle(contour)
    if side < SMALLEST:
        return None
    score = _mean(scores, corners)
    if score < spec.box_threshold:
        return None
    grown = _grown(corners, spec.unclip_ratio)
    if grown is None:
        return None
    corners, side = rectangle(grown)
    if side < SMALLEST + 2:
        return None
    (height, width), (map_height, map_width) = size, scores.shape
    box = [
        [_within(x * (width / map_width), width), _within(y * (height / map_height), height)]
        for x, y in corners
    ]
    return Line(box, score)


def _within(value: float, most: int) -> int:
    return max(0, min(round(float(value)), most))


def rectangle(points: Any) -> tuple[Array, float]:
    """The smallest rectangle around points, its corners in the order of `Line`, and its shorter side."""
    found = cv2.minAreaRect(points)
    left_one, left_two, right_one, right_two = sorted(cv2.boxPoints(found), key=lambda point: point[0])
    left = [left_one, left_two] if left_two[1] > left_one[1] else [left_two, left_one]
    right = [right_one, right_two] if right_two[1] > right_one[1] else [right_two, right_one]
    return np.array([left[0], right[0], right[1], left[1]]), min(found[1])


def _mean(scores: Array, corners: Array) -> float:
    """The mean score inside of a polygon."""
    most = np.array(scores.shape[::-1]) - 1
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, most)
    right, low = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, most)
    inside = np.zeros((low - top + 1, right - left + 1), np.uint8)
    shifted = corners - np.array([left, top], corners.dtype)
    cv2.fillPoly(inside, [shifted.astype(np.int32)], (1,))
    return float(cv2.mean(scores[top : low + 1, left : right + 1], inside)[0])


def _grown(corners: Array, ratio: float) -> Array | None:
    """A polygon with its edge moved outward: float32 [points, 1, 2]."""
    distance = cv2.contourArea(corners) * ratio / cv2.arcLength(corners, closed=True)
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(corners, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    paths = offset.Execute(distance)
    return np.array(paths[0]).reshape(-1, 1, 2) if paths else None


def in_order(found: list[Line]) -> list[Line]:
    """As a page is read; PaddleX's insertion into what is sorted from top to bottom."""
    ordered = sorted(found, key=lambda line: (line.box[0][1], line.box[0][0]))
    for last in range(1, len(ordered)):
        for at in range(last, 0, -1):
            above, below = ordered[at - 1].box[0], ordered[at].box[0]
            if abs(below[1] - above[1]) >= ROW or below[0] >= above[0]:
                break
            ordered[at - 1], ordered[at] = ordered[at], ordered[at - 1]
    return ordered
