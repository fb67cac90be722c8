"""Whether the model's signature is that of an image classifier, and how pictures become its input; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks import labels as label_files
from paddlemodel_server.tasks import outputs
from paddlemodel_server.tasks.images import inputs
from paddlemodel_server.tasks.images.headers import most_pixels
from paddlemodel_server.tasks.outputs import FLOATS, described

if TYPE_CHECKING:  # what comes in has its fields, but is none: the HTTP workers do without pydantic
    from paddlemodel_api.tasks import ImageClassification as Spec

TASK = "imageClassification"
PATH = f"spec.task.{TASK}"
ALONE = f"set {PATH}.activation to None if it is the score of the only class"


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


def misfit(what: str, cure: str) -> StartError:
    """The task and the model contradict each other."""
    return outputs.misfit(TASK, what, cure)


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
    outputs.check_rows(TASK, tensor, "picture")
    channels_last = tensor.shape[1] not in {1, 3} and tensor.shape[3] in {1, 3}
    channels, height, width = (tensor.shape[i] for i in ((3, 1, 2) if channels_last else (1, 2, 3)))
    if channels == -1:
        channels = 3
    if channels not in {1, 3}:
        raise misfit(
            f"takes 1 or 3 channels, the model has {described(tensor)}",
            "export the model for grey or colour pictures",
        )
    height = inputs.given_side(TASK, "height", height, spec.height, tensor)
    width = inputs.given_side(TASK, "width", width, spec.width, tensor)
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


def _table(spec: "Spec", channels: int) -> Array:
    values = np.arange(256, dtype=np.float64) / 255
    rows = [(values - spec.mean[c]) / spec.std[c] for c in range(channels)]
    return np.stack(rows).astype(np.float32)


def scores_output(spec: "Spec", found: Sequence[Tensor]) -> int:
    """The number of the output with the scores: floats of shape [rows, classes].

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    at = outputs.chosen(TASK, spec.output, found, "the scores")
    tensor = found[at]
    if tensor.dtype not in FLOATS or len(tensor.shape) != 2:
        raise misfit(
            f"takes a float output of 2 dimensions [rows, classes], the model has {described(tensor)}",
            "export the model without argmax or anything else behind its scores",
        )
    if tensor.shape[1] == 1 and spec.activation != "None":  # its softmax is 1, and class 0 the only one
        raise misfit(f"chooses among classes, the model has one number ({described(tensor)})", ALONE)
    outputs.check_rows(TASK, tensor, "picture")
    return at


def labels(spec: "Spec", folder: Path, scores: Tensor) -> tuple[str, ...]:
    """The names of the classes, from the task or its file; none where neither names any.

    An empty line is a class without a name; at the end of the file there may be more of them than classes.

    Raises:
        StartError: `LabelsMissing`, or `TaskDoesNotFit` where there are not as many as classes.
    """
    return label_files.of_classes(TASK, spec, folder, scores, scores.shape[1])
