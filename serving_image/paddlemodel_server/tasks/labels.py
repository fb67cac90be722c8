"""The names of a model's classes, from the spec or a file with one per line; pure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.protocol.served import Columns
from paddlemodel_server.tasks.outputs import described, misfit


def read(name: str, folder: Path, classes: int) -> tuple[str, ...]:
    """The names; an empty line is a class without one, at the end there may be more of them than classes.

    Args:
        name: of the file.
        folder: of the model's files.
        classes: how many the model has; -1 where that is not known.

    Raises:
        StartError: `LabelsMissing`.
    """
    try:
        text = (folder / name).read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(
            "LabelsMissing",
            f"The labels file {name} cannot be read from the model's folder ({error}); "
            "add it to the model as UTF-8 text with one label per line, or use the field labels.",
        ) from None
    lines = [line.strip() for line in text.split("\n")]
    if not any(lines):
        raise StartError("LabelsMissing", f"The labels file {name} is empty; write one label per line.")
    if not lines[-1]:
        lines.pop()  # it stands behind the last line's end
    while not lines[-1] and len(lines) > classes:
        lines.pop()
    return tuple(lines)


def of_classes(
    task: str,
    spec: Any,
    folder: Path,
    scores: Tensor,
    classes: int,
    otherwise: tuple[tuple[str, ...], str] = ((), ""),
) -> tuple[str, ...]:
    """One name for each class, or none at all.

    Args:
        task: the member of spec.task.
        spec: its fields, among them labels and labels_file.
        folder: of the model's files.
        scores: the output that has the classes.
        classes: how many; -1 where that is not known.
        otherwise: names that stand elsewhere, and where, for a spec without any.

    Raises:
        StartError: `LabelsMissing`, or `TaskDoesNotFit` where there are not as many names as classes.
    """
    if spec.labels_file is not None:
        found, where = read(spec.labels_file, folder, classes), f"spec.task.{task}.labelsFile"
    elif spec.labels is not None:
        found, where = tuple(spec.labels), f"spec.task.{task}.labels"
    else:
        found, where = otherwise
    if found and classes != -1 and len(found) != classes:
        raise misfit(
            task,
            f"has {len(found)} labels, the model {classes} classes ({described(scores)})",
            f"let {where} name one label for each class (an empty one for a class without a name)",
        )
    return found


def columns(task: str, output: int, names: Sequence[str], alone: str = "") -> Columns:
    """What the warm-up compares of a model that leaves the number of its classes open.

    Args:
        task: the member of spec.task.
        output: the number of the output.
        names: of the classes; none where nothing names them.
        alone: as in Columns.
    """
    return Columns(
        task=task,
        output=output,
        count=len(names) or None,
        names=f"{len(names)} labels",
        cure="name one label for each class (an empty one for a class without a name)",
        alone=alone,
    )
