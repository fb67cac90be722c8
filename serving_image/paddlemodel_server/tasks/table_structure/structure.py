"""The tokens of a table net's classes, and the HTML and cells of its steps; pure.

After TableLabelDecode of PaddleX 3.7 (paddlex/inference/models/table_structure_recognition/processors.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from paddlemodel_server.errors import NotFiniteError
from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks import dictionaries
from paddlemodel_server.tasks.outputs import described, misfit

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TableStructure as Spec

NAME = "tableStructure"
_CELL = "<td></td>"
_BARE = "<td>"
_OPENING = (_BARE, "<td", _CELL)  # tokens that begin a cell


class Table(NamedTuple):
    """What the steps of a table say.

    Attributes:
        tokens: pieces of HTML, between <table> and </table>.
        score: mean of the tokens' scores; 0 where there are none.
        corners: floats [cells, 8]: x and y four times, as shares, in the order of the cells' tokens.
    """

    tokens: list[str]
    score: float
    corners: Array


def find(spec: "Spec", folder: Path, scores: Tensor) -> tuple[str, ...]:
    """What each class stands for; the first one and the last one are nothing.

    Raises:
        StartError: `DictionaryMissing`, or `TaskDoesNotFit` where there are not as many as classes.
    """
    found, where = dictionaries.chosen(NAME, "token", spec.dictionary_file, spec.tokens, folder)
    if spec.merge_cells:
        found = [one for one in found if one != _BARE]
        found += [] if _CELL in found else [_CELL]
    if scores.shape[-1] != len(found) + 2:
        raise misfit(
            NAME,
            f"has {len(found)} tokens ({where}), for which the model needs {len(found) + 2} classes, with "
            f"one for the beginning and one for the end; it has {described(scores)}",
            f"correct spec.task.{NAME}.tokens, dictionaryFile or mergeCells",
        )
    return ("", *found, "")


def read(tokens: tuple[str, ...], scores: Array, corners: Array) -> Table:
    """The structure of a table, up to the step that ends it.

    Args:
        tokens: what each class stands for.
        scores: floats [steps, classes].
        corners: floats [steps, 8].

    Raises:
        NotFiniteError: a number is none, of what would be answered.
    """
    classes, best = scores.argmax(axis=1), scores.max(axis=1)
    ends = np.flatnonzero(classes[1:] == len(tokens) - 1)
    steps = np.arange(ends[0] + 1 if len(ends) else len(classes))
    steps = steps[(classes[steps] > 0) & (classes[steps] < len(tokens) - 1)]
    found = [tokens[number] for number in classes[steps]]
    cells = corners[[step for step, token in zip(steps, found, strict=True) if token in _OPENING]]
    if not (np.isfinite(best).all() and np.isfinite(cells).all()):
        raise NotFiniteError
    return Table(found, float(best[steps].mean(dtype=np.float64)) if found else 0.0, cells)


def boxes(corners: Array, scale: tuple[float, float], size: tuple[int, int]) -> list[list[list[int]]]:
    """The corners of cells in whole pixels, at most at the picture's edges.

    Args:
        corners: as of `Table`.
        scale: pixels of the picture for a share of 1, across and down.
        size: width and height of the picture.
    """
    points = corners.reshape(-1, 4, 2).astype(np.float64) * np.array(scale)
    found: list[list[list[int]]] = points.clip(0, np.array(size)).astype(np.int64).tolist()
    return found
