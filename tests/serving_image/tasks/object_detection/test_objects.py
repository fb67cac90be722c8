"""Rows of a detector become objects: what is answered, and in which order."""

from typing import Any

import numpy as np
import pytest
from paddlemodel_server.errors import NotFiniteError
from paddlemodel_server.tasks.object_detection.objects import objects


def rows(*found: list[float]) -> np.ndarray[Any, Any]:
    return np.array(found, np.float32).reshape(-1, 6)


def test_objects_are_in_the_order_of_their_scores_with_labels() -> None:
    found = objects(rows([0, 0.6, 1, 2, 3, 4], [1, 0.9, 5, 6, 7, 8]), (10, 20), ("cat",), 0.5, 10)
    assert [(entry["class_id"], entry["label"]) for entry in found] == [(1, None), (0, "cat")]
    assert found[1]["score"] == pytest.approx(0.6)
    assert found[1]["box"] == {"xmin": 1.0, "ymin": 2.0, "xmax": 3.0, "ymax": 4.0}


def test_only_so_many_and_none_below_the_threshold() -> None:
    many = rows(*([0, score, 0, 0, 5, 5] for score in (0.4, 0.5, 0.6, 0.7)))
    assert [round(entry["score"], 1) for entry in objects(many, (9, 9), (), 0.5, 2)] == [0.7, 0.6]
    assert len(objects(many, (9, 9), (), 0.45, 100)) == 3


def test_nothing_is_an_empty_list_in_either_form() -> None:
    assert objects(rows(), (9, 9), (), 0.5, 10) == []
    assert objects(rows([-1, 0, 0, 0, 0, 0]), (9, 9), (), 0.0, 10) == []


def test_boxes_are_cut_at_the_edges_and_empty_ones_left_out() -> None:
    found = objects(
        rows([0, 0.9, -5, -5, 30, 30], [0, 0.8, 25, 0, 40, 5], [0, 0.7, 4, 4, 4, 8]), (10, 20), (), 0.5, 10
    )
    assert [entry["box"] for entry in found] == [{"xmin": 0.0, "ymin": 0.0, "xmax": 20.0, "ymax": 10.0}]


@pytest.mark.parametrize(
    "row", [[0, np.nan, 0, 0, 1, 1], [0, 0.9, 0, 0, np.inf, 1], [np.nan, 0.1, 0, 0, 1, 1]]
)
def test_what_is_no_number_is_no_object(row: list[float]) -> None:
    with pytest.raises(NotFiniteError):
        objects(rows(row), (9, 9), (), 0.5, 10)
