"""Whether the model's signature is that of a segmentation net, and how a picture becomes its input; pure.

Exports of PaddleSeg answer a class for each pixel, [rows, height, width] (output_op argmax), or scores of
classes, [rows, classes, height, width] (softmax, none); older ones and others [rows, 1, height, width].
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Reduction
from paddlemodel_server.tasks import outputs
from paddlemodel_server.tasks.images import inputs
from paddlemodel_server.tasks.outputs import described
from paddlemodel_server.tasks.semantic_segmentation.mask import CLASSES
from paddlemodel_server.tasks.semantic_segmentation.sizes import Sizes

if TYPE_CHECKING:  # what comes in has its fields, but is none: the HTTP workers do without pydantic
    from paddlemodel_api.tasks import SemanticSegmentation as Spec

TASK = "semanticSegmentation"
PATH = f"spec.task.{TASK}"
FILL = (127.5, 127.5, 127.5)
MAX_SIDE = 2048
_WHOLE = ("uint8", "int8", "int16", "int32", "int64")


def misfit(what: str, cure: str) -> StartError:
    """The task and the model contradict each other."""
    return outputs.misfit(TASK, what, cure)


@dataclass(frozen=True, kw_only=True)
class SegmentationPlan:
    """How a picture becomes the input, and what the workers leave of the output.

    Attributes:
        input: the model's.
        sizes: which size a picture gets.
        fill: what stands around a picture, a value from 0 to 255 for each channel; None: zeros.
        reduction: of the output to a class for each pixel, in a byte.
        classes: how many the model has; -1 where it chooses them itself.
    """

    input: inputs.PictureInput
    sizes: Sizes
    fill: tuple[float, ...] | None
    reduction: Reduction
    classes: int


def plan(spec: "Spec", model: Model) -> SegmentationPlan:
    """Fit the task to the model.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    found = inputs.find(TASK, spec, model)
    reduction, classes = _output(spec, model)
    sizes = _sizes(spec, found, model.inputs[0])
    return SegmentationPlan(
        input=found,
        sizes=sizes,
        fill=tuple(spec.pad_value or FILL) if sizes.resize == "Pad" else None,
        reduction=reduction,
        classes=classes,
    )


def _output(spec: "Spec", model: Model) -> tuple[Reduction, int]:
    at = outputs.chosen(TASK, spec.output, model.outputs, "the classes or their scores")
    tensor = model.outputs[at]
    shape = tensor.shape
    if tensor.dtype in _WHOLE and (len(shape) == 3 or (len(shape) == 4 and shape[1] == 1)):
        reduction, classes = Reduction(function="narrow", output=at), -1
    elif tensor.dtype in outputs.FLOATS and len(shape) == 4:
        reduction, classes = Reduction(function="label", output=at, axis=1), _classes(tensor)
    else:
        raise misfit(
            "answers from a class for each pixel, whole numbers [rows, height, width], or scores of classes, "
            f"floats [rows, classes, height, width], the model has {described(tensor)}",
            "export the model as PaddleSeg does, with output_op argmax, softmax or none",
        )
    outputs.check_rows(TASK, tensor, "picture")
    return reduction, classes


def _classes(scores: Tensor) -> int:
    """How many classes a model has that answers scores."""
    classes = scores.shape[1]
    if classes == -1:
        raise misfit(
            f"needs to know how many classes there are, the model leaves it open: {described(scores)}",
            "export the model with a fixed number of classes, or with output_op argmax",
        )
    if classes == 1:
        raise misfit(
            f"chooses among classes, the model has one score for each pixel: {described(scores)}",
            "export the model with two classes, background among them, or with a threshold that makes whole "
            "numbers of the scores",
        )
    if classes > CLASSES:
        raise misfit(
            f"has {CLASSES} classes at most, as an indexed PNG has, the model {classes}: {described(scores)}",
            "use a model with fewer classes",
        )
    return classes


def _sizes(spec: "Spec", found: inputs.PictureInput, tensor: Tensor) -> Sizes:
    fixed = -1 not in {found.height, found.width}
    resize = spec.resize or ("Keep" if found.height == found.width == -1 else "Stretch")
    if resize in {"Keep", "Fit"} and not found.height == found.width == -1:
        raise misfit(
            f"gives pictures many sizes with resize {resize}, the model takes "
            f"{'one' if fixed else 'one height or width'}: {described(tensor)}",
            f"set {PATH}.resize to Stretch or Pad, as the model was trained",
        )
    if resize == "Keep":
        return Sizes(resize=resize, divisor=spec.size_divisor or 1, max_side=spec.max_side or MAX_SIDE)
    for name, given in (("sizeDivisor", spec.size_divisor), ("maxSide", spec.max_side)):
        if given is not None and resize == "Stretch":  # which the model's fixed sides ask for
            what = f"has {name}, but the model's sides are fixed: {described(tensor)}"
            raise misfit(what, f"remove {PATH}.{name}")
    return Sizes(
        resize=resize,
        height=inputs.given_side(TASK, "height", found.height, spec.height, tensor),
        width=inputs.given_side(TASK, "width", found.width, spec.width, tensor),
        divisor=(spec.size_divisor or 1) if resize == "Fit" else 1,
        enlarge=spec.enlarge is not False,
    )
