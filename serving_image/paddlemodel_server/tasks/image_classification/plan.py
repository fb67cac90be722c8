"""Whether the model's signature is that of an image classifier, and how pictures become its input; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks import labels as label_files
from paddlemodel_server.tasks.images.headers import most_pixels

if TYPE_CHECKING:  # what comes in has its fields, but is none: the HTTP workers do without pydantic
    from paddlemodel_api.tasks import ImageClassification as Spec

FLOATS = ("float16", "bfloat16", "float32", "float64")
PATH = "spec.task.imageClassification"


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """How an image becomes the model's one input; everything that can be computed before a request is."""

    spec: "Spec"
    height: int
    width: int
    channels: int
    channels_last: bool
    table: Array  # float32 [channel, pixel value] -> normalised value
    most_pixels: int

    @property
    def shape(self) -> list[int]:
        """Of the input for one picture."""
        sides = [self.height, self.width]
        return [1, *sides, self.channels] if self.channels_last else [1, self.channels, *sides]


def described(tensor: Tensor) -> str:
    """An input or output as messages show it."""
    return f"{tensor.name} {tensor.datatype} {list(tensor.shape)}"


def misfit(what: str, cure: str) -> StartError:
    """The task and the model contradict each other."""
    message = f"The task imageClassification {what}; {cure}, or use the task tensors."
    return StartError("TaskDoesNotFit", message)


def plan(spec: "Spec", model: Model, body_bytes: int | None) -> ImagePlan:
    """Fit the task to the model's input.

    Args:
        spec: the validated member.
        model: the signature.
        body_bytes: what a decoded image may take; None: as much as any.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    if len(model.inputs) != 1:
        names = ", ".join(tensor.name for tensor in model.inputs)
        raise misfit(
            f"takes one input, the model has {len(model.inputs)} ({names})",
            "export the model with a single input for pictures",
        )
    tensor = model.inputs[0]
    if len(tensor.shape) != 4 or tensor.dtype != "float32":
        raise misfit(
            f"takes an FP32 input of 4 dimensions, the model has {described(tensor)}",
            "export the model with an input such as FP32 [-1, 3, 224, 224]",
        )
    _check_rows(tensor)
    channels_last = tensor.shape[1] not in {1, 3} and tensor.shape[3] in {1, 3}
    channels, height, width = (tensor.shape[i] for i in ((3, 1, 2) if channels_last else (1, 2, 3)))
    if channels == -1:
        channels = 3
    if channels not in {1, 3}:
        raise misfit(
            f"takes 1 or 3 channels, the model has {described(tensor)}",
            "export the model for grey or colour pictures",
        )
    height = _side("height", height, spec.height, tensor)
    width = _side("width", width, spec.width, tensor)
    if spec.resize_short is not None and spec.resize_short < max(height, width):
        raise misfit(
            f"cuts {width} x {height} pixels out of a picture whose shorter side has {spec.resize_short}",
            f"let {PATH}.resizeShort be {max(height, width)} at least",
        )
    return ImagePlan(
        spec=spec,
        height=height,
        width=width,
        channels=channels,
        channels_last=channels_last,
        table=_table(spec, channels),
        most_pixels=most_pixels(body_bytes),
    )


def _check_rows(tensor: Tensor) -> None:
    """One request is one picture, so one row must be possible."""
    if tensor.shape[0] not in {-1, 1}:
        raise misfit(
            f"sends one picture at a time, the model takes and gives {tensor.shape[0]}: {described(tensor)}",
            "export the model with None as its first dimension",
        )


def _side(name: str, side: int, desired: int | None, tensor: Tensor) -> int:
    if side == -1 and desired is None:
        raise misfit(
            f"needs the field {name}, because the model leaves it open: {described(tensor)}",
            f"set {PATH}.{name} to the pixels that the model was trained with",
        )
    if side != -1 and desired not in {None, side}:
        raise misfit(
            f"has {name} {desired}, but the model's is fixed: {described(tensor)}",
            f"remove {PATH}.{name}",
        )
    return cast("int", desired) if side == -1 else side


def _table(spec: "Spec", channels: int) -> Array:
    values = np.arange(256, dtype=np.float64) / 255
    rows = [(values - spec.mean[c]) / spec.std[c] for c in range(channels)]
    return np.stack(rows).astype(np.float32)


def scores_output(spec: "Spec", outputs: Sequence[Tensor]) -> int:
    """The number of the output with the scores: floats of shape [rows, classes].

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    at = _named(spec.output, outputs) if spec.output is not None else 0
    if spec.output is None and len(outputs) != 1:
        names = ", ".join(described(tensor) for tensor in outputs)
        raise misfit(
            f"answers from one output, the model has {len(outputs)} ({names})",
            f"name the one with the scores in {PATH}.output, or export the model with only the scores",
        )
    tensor = outputs[at]
    if tensor.dtype not in FLOATS or len(tensor.shape) != 2:
        raise misfit(
            f"takes a float output of 2 dimensions [rows, classes], the model has {described(tensor)}",
            "export the model without argmax or anything else behind its scores",
        )
    if tensor.shape[1] == 1 and spec.activation != "None":  # its softmax is 1, and class 0 the only one
        raise misfit(
            f"chooses among classes, the model has one number ({described(tensor)})",
            f"set {PATH}.activation to None if it is the score of the only class",
        )
    _check_rows(tensor)
    return at


def _named(name: str, outputs: Sequence[Tensor]) -> int:
    names = [tensor.name for tensor in outputs]
    if name not in names:
        raise misfit(f"names the output {name!r}, the model has {', '.join(names)}", f"correct {PATH}.output")
    return names.index(name)


def labels(spec: "Spec", folder: Path, scores: Tensor) -> tuple[str, ...]:
    """The names of the classes, from the task or its file; none where neither names any.

    An empty line is a class without a name; at the end of the file there may be more of them than classes.

    Raises:
        StartError: `LabelsMissing`, or `TaskDoesNotFit` where there are not as many as classes.
    """
    classes = scores.shape[1]
    if spec.labels_file is None:
        found, where = tuple(spec.labels or ()), "labels"
    else:
        found, where = label_files.read(spec.labels_file, folder, classes), "labelsFile"
    if found and classes != -1 and len(found) != classes:
        raise misfit(
            f"has {len(found)} labels, the model {classes} classes ({described(scores)})",
            f"let {PATH}.{where} name one label for each class (an empty one for a class without a name)",
        )
    return found
