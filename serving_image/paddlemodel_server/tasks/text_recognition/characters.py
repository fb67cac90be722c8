"""The characters of a recogniser's classes, and the text of its steps; pure.

The first class is the blank of CTC (Graves et al. 2006); then come the characters, and for PaddleOCR's models
a space that no dictionary names.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks import dictionaries
from paddlemodel_server.tasks.outputs import described, misfit

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TextRecognition as Spec

NAME = "textRecognition"


def find(spec: "Spec", folder: Path, scores: Tensor) -> tuple[str, ...]:
    """What each class stands for, the blank first.

    Args:
        spec: the validated member.
        folder: of the model's files.
        scores: the model's output, whose last dimension is known.

    Raises:
        StartError: `DictionaryMissing`, or `TaskDoesNotFit` where it has not as many characters as classes.
    """
    found, where = dictionaries.chosen(NAME, "character", spec.dictionary_file, spec.characters, folder)
    classes = scores.shape[-1]
    if classes == len(found) + 2:
        found = [*found, " "]
    if classes != len(found) + 1:
        raise misfit(
            NAME,
            f"has {len(found)} characters ({where}), for which the model needs {len(found) + 1} classes with "
            f"the blank, or {len(found) + 2} with a space, too; it has {described(scores)}",
            f"correct spec.task.{NAME}.characters or dictionaryFile",
        )
    return ("", *found)


def text(characters: tuple[str, ...], classes: Array, scores: Array) -> tuple[str, float]:
    """The text of the best class of each step: repeated ones are one, blanks are none.

    Args:
        characters: what each class stands for.
        classes: whole numbers [steps].
        scores: floats [steps]: of the best classes.

    Returns:
        The text, and the mean score of its characters; 0 where there are none.
    """
    kept = classes != 0
    kept[1:] &= classes[1:] != classes[:-1]
    found = "".join([characters[number] for number in classes[kept]])
    return found, float(scores[kept].astype(np.float64).mean()) if kept.any() else 0.0
