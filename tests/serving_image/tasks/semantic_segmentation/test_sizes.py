"""The size that a picture gets is the reference's, and depends on that picture alone."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.tasks.semantic_segmentation.sizes import Sizes, inner

SIDE = st.integers(1, 3000)


@given(SIDE, SIDE, st.integers(1, 64), st.booleans())
def test_fit_is_resize_with_keep_ratio(height: int, width: int, divisor: int, landscape: bool) -> None:
    """Resize and rescale_size of PaddleSeg: width first, round half to even, then up to the divisor."""
    target = (640, 480) if landscape else (480, 640)
    scale = min(max(target) / max(width, height), min(target) / min(width, height))
    wanted = [math.ceil(max(1, round(side * scale)) / divisor) * divisor for side in (width, height)]
    sizes = Sizes(resize="Fit", height=target[1], width=target[0], divisor=divisor)
    assert sizes.scaled(height, width)[::-1] == tuple(wanted)


@given(SIDE, SIDE, SIDE)
def test_fit_into_a_square_is_resize_by_long(height: int, width: int, long: int) -> None:
    scale = float(long) / float(max(height, width))
    wanted = tuple(max(1, round(side * scale)) for side in (height, width))
    assert Sizes(resize="Fit", height=long, width=long).scaled(height, width) == wanted


@given(SIDE, SIDE, st.booleans())
def test_pad_always_fits(height: int, width: int, enlarge: bool) -> None:
    sizes = Sizes(resize="Pad", height=400, width=520, enlarge=enlarge)
    high, wide = sizes.scaled(height, width)
    assert (high <= 400, wide <= 520, sizes.filled((high, wide))) == (True, True, (400, 520))
    if enlarge:
        assert high == 400 or wide == 520
    elif height <= 400 and width <= 520:
        assert (high, wide) == (height, width)


@pytest.mark.parametrize(
    ("sizes", "picture", "wanted"),
    [
        ({"resize": "Keep", "max_side": 2048}, (1024, 2048), (1024, 2048)),
        ({"resize": "Keep", "max_side": 2048}, (3000, 4000), (1536, 2048)),
        ({"resize": "Keep", "max_side": 2048, "divisor": 32}, (100, 33), (128, 64)),
        ({"resize": "Keep", "max_side": 10}, (1, 8000), (1, 10)),
        ({"resize": "Stretch", "height": 5, "width": 7}, (100, 33), (5, 7)),
    ],
)
def test_other_sizes(sizes: dict[str, Any], picture: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert Sizes(**sizes).scaled(*picture) == wanted


def test_what_stands_around_a_picture_is_no_part_of_its_mask() -> None:
    assert inner((96, 96), (96, 64), (96, 96)) == (96, 64)
    assert inner((24, 24), (96, 62), (96, 96)) == (24, 16)  # a net that answers a quarter of its input's size
    assert inner((2, 2), (1, 96), (96, 96)) == (1, 2)
