"""The names of a text model's classes: from the spec, a file, or config.json beside the model; pure."""

from pathlib import Path
from typing import Any

from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.tasks import labels
from paddlemodel_server.tasks.text import beside
from paddlemodel_server.tasks.text.outputs import described, misfit


def names(task: str, spec: Any, folder: Path, scores: Tensor, classes: int) -> tuple[str, ...]:
    """One name for each class, or none at all.

    Args:
        task: the member of spec.task.
        spec: its fields, among them labels and labels_file.
        folder: of the model's files.
        scores: the output that has the classes.
        classes: how many; -1 where that is not known.

    Raises:
        StartError: `LabelsMissing`, or `TaskDoesNotFit` where there are not as many names as classes.
    """
    if spec.labels_file is not None:
        found, where = labels.read(spec.labels_file, folder, classes), f"spec.task.{task}.labelsFile"
    elif spec.labels is not None:
        found, where = tuple(spec.labels), f"spec.task.{task}.labels"
    else:
        found, where = _configured(folder), "id2label of config.json"
    if found and classes != -1 and len(found) != classes:
        raise misfit(
            task,
            f"has {len(found)} labels, the model {classes} classes ({described(scores)})",
            f"let {where} name one label for each class",
        )
    return found


def _configured(folder: Path) -> tuple[str, ...]:
    """The table of transformers and PaddleNLP; none where it has a gap."""
    found = beside.table(folder, "config.json").get("id2label")
    if not isinstance(found, dict):
        return ()
    ordered = [found.get(str(at)) for at in range(len(found))]
    return tuple(map(str, ordered)) if all(isinstance(name, str) for name in ordered) else ()
