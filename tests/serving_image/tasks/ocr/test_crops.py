"""Lines cut out of pages of any size."""

from typing import Any

import numpy as np
import pytest
from paddlemodel_server.tasks.ocr import crops

MOST_OF_OPENCV = 32767  # pixels of a side that cv2.remap takes and gives


def _page(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def _apart(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("turned", [False, True], ids=["wide", "high"])
def test_a_page_may_be_longer_than_what_opencv_warps_at_once(turned: bool) -> None:
    page, box = _page(60, MOST_OF_OPENCV + 3000), [[0, 9], [200, 12], [199, 40], [0, 37]]
    part, far = page[:, -2000:], [[x + page.shape[1] - 2000, y] for x, y in box]
    if turned:
        page, part = np.swapaxes(page, 0, 1), np.swapaxes(part, 0, 1)
        box, far = [[y, x] for x, y in box], [[y, x] for x, y in far]
    assert _apart(crops.cut(page, far)[5:-5, 5:-5], crops.cut(part, box)[5:-5, 5:-5]) <= 1


def test_so_may_a_line() -> None:
    page = _page(60, MOST_OF_OPENCV + 3000)
    edge = page.shape[1] - 1
    assert crops.cut(page, [[0, 5], [edge, 5], [edge, 45], [0, 45]]).shape == (40, edge, 3)


@pytest.mark.parametrize("slope", [0, 7, 400])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_cut_in_pieces_is_as_if_at_once(
    monkeypatch: pytest.MonkeyPatch, slope: int, channels: int
) -> None:
    page = _page(700, 900)[..., :channels]
    box = [[-3, 20], [903, 20 + slope], [890, 120 + slope], [-3, 120]]
    monkeypatch.setattr(crops, "TILE", 10_000)
    whole = crops.cut(page, box)
    monkeypatch.setattr(crops, "TILE", 64)
    assert _apart(crops.cut(page, box), whole) <= 1  # OpenCV rounds otherwise beside an edge
