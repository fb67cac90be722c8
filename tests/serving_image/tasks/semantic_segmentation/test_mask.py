"""A mask becomes a PNG that others read as it was, in the reference's colours, and shares of classes."""

import io
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays
from paddlemodel_server.tasks.semantic_segmentation import mask as masks
from PIL import Image

MASKS = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=20))


@given(MASKS)
def test_others_read_the_classes_and_the_colours(mask: np.ndarray[Any, Any]) -> None:
    content = masks.png(mask)
    picture = Image.open(io.BytesIO(content))
    assert picture.mode == "P"
    np.testing.assert_array_equal(np.asarray(picture), mask)
    shown: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(shown[:, :, ::-1], np.array(masks.colours(), np.uint8)[mask])


def test_colours_are_those_of_paddleseg() -> None:
    """get_color_map_list of paddleseg/utils/visualize.py, as it stands there."""
    color_map = 257 * [0, 0, 0]
    for i in range(257):
        j = 0
        lab = i
        while lab:
            color_map[i * 3] |= ((lab >> 0) & 1) << (7 - j)
            color_map[i * 3 + 1] |= ((lab >> 1) & 1) << (7 - j)
            color_map[i * 3 + 2] |= ((lab >> 2) & 1) << (7 - j)
            j += 1
            lab >>= 3
    assert [value for colour in masks.colours() for value in colour] == color_map[3:]
    assert len(set(masks.colours())) == 256


@given(MASKS)
def test_shares_are_those_of_the_pixels(mask: np.ndarray[Any, Any]) -> None:
    found = masks.classes(mask, ())
    assert {entry["class_id"]: entry["fraction"] for entry in found} == {
        int(value): pytest.approx(float((mask == value).mean())) for value in np.unique(mask)
    }
    fractions = [entry["fraction"] for entry in found]
    assert fractions == sorted(fractions, reverse=True)


def test_classes_have_names_and_colours_and_the_largest_is_first() -> None:
    mask = np.array([[2, 2, 0], [2, 5, 0]], np.uint8)
    assert masks.classes(mask, ("road", "", "sky")) == [
        {"class_id": 2, "label": "sky", "fraction": 0.5, "color": "#808000"},
        {"class_id": 0, "label": "road", "fraction": pytest.approx(1 / 3), "color": "#800000"},
        {"class_id": 5, "label": None, "fraction": pytest.approx(1 / 6), "color": "#008080"},
    ]


def test_more_pixels_than_are_counted_at_once() -> None:
    mask = np.zeros((1025, 2048), np.uint8)
    mask[-1, -3:] = 255
    assert [entry["class_id"] for entry in masks.classes(mask, ())] == [0, 255]
    assert masks.classes(mask, ())[1]["fraction"] == 3 / mask.size
