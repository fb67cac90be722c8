"""The names of a text model's classes: from the spec, a file, or config.json beside the model; pure."""

from pathlib import Path
from typing import Any

from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.protocol.served import Columns
from paddlemodel_server.tasks import labels
from paddlemodel_server.tasks.outputs import described, misfit
from paddlemodel_server.tasks.text import beside


def names(task: str, spec: Any, folder: Path, scores: Tensor, classes: int) -> tuple[str, ...]:
    """One name for each class, or none at all.

    Args:
        task: the member of spec.task.
        spec: its fields, among them labels and labels_file.
        folder: of the model's files.
        scores: the output that has the classes.
        classes: how many; -1 where that is not known.

    Raises:
        StartError: `LabelsMissing`, or `TaskDoesNotFit` where there are not as many names as classes, or
            nothing to choose.
    """
    if classes == 1 and (cure := _alone(task, spec)):
        raise misfit(task, f"chooses among classes, the model has one number ({described(scores)})", cure)
    configured = _configured(folder), "id2label of config.json"
    return labels.of_classes(task, spec, folder, scores, classes, otherwise=configured)


def columns(task: str, spec: Any, output: int, classes: int, names: tuple[str, ...]) -> Columns | None:
    """What the warm-up compares, where the model does not tell how many classes it has.

    Args:
        task: the member of spec.task.
        spec: its fields.
        output: the number of the output with the scores.
        classes: how many the signature says; -1: it leaves that open.
        names: of the classes.
    """
    return labels.columns(task, output, names, _alone(task, spec)) if classes == -1 else None


def _alone(task: str, spec: Any) -> str:
    """The cure of a single class; "" where it may be.

    A softmax of one number is 1, and the largest of one number is class 0, whatever was asked.
    """
    if task == "tokenClassification":
        return "export the model with a number for each class"
    if spec.activation in {"None", "Sigmoid"}:
        return ""
    return f"set spec.task.{task}.activation to None or Sigmoid if it is the score of the only class"


def _configured(folder: Path) -> tuple[str, ...]:
    """The table of transformers and PaddleNLP; none where it has a gap."""
    found = beside.table(folder, "config.json").get("id2label")
    if not isinstance(found, dict):
        return ()
    ordered = [found.get(str(at)) for at in range(len(found))]
    return tuple(map(str, ordered)) if all(isinstance(name, str) for name in ordered) else ()
