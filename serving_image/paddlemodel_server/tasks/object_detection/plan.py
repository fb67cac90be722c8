"""Whether the model's signature is that of a detector, and how a picture becomes its inputs; pure.

Exports of PaddleDetection take `image`, `scale_factor` (y, x: scaled over original) and, where they need it,
`im_shape` (h, w of the scaled picture). They answer boxes of all pictures of a run, [N, 6], with class,
score, and corners in pixels of the original picture, and how many belong to each picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Ragged
from paddlemodel_server.tasks import labels as label_files
from paddlemodel_server.tasks import outputs
from paddlemodel_server.tasks.images import inputs
from paddlemodel_server.tasks.images.headers import most_pixels
from paddlemodel_server.tasks.object_detection.preparation import Preparation, table
from paddlemodel_server.tasks.outputs import described

if TYPE_CHECKING:  # what comes in has its fields, but is none: the HTTP workers do without pydantic
    from paddlemodel_api.tasks import ObjectDetection as Spec

TASK = "objectDetection"
PATH = f"spec.task.{TASK}"
COLUMNS = 6  # class, score, xmin, ymin, xmax, ymax
STRIDE, FILL = 32, (127.5, 127.5, 127.5)
Role = Literal["image", "im_shape", "scale_factor"]
_WHOLE = ("int32", "int64")


def misfit(what: str, cure: str) -> StartError:
    """The task and the model contradict each other."""
    return outputs.misfit(TASK, what, cure)


@dataclass(frozen=True, kw_only=True)
class DetectorPlan:
    """How a picture becomes the inputs, and which outputs are what.

    Attributes:
        roles: what each input is, in the model's order.
        names: of the inputs.
        preparation: of the picture.
        boxes: the number of the output with the boxes.
        counts: the number of the one that says how many boxes a picture has.
    """

    roles: tuple[Role, ...]
    names: tuple[str, ...]
    preparation: Preparation
    boxes: int
    counts: int

    @property
    def shapes(self) -> dict[str, list[int]]:
        """Of one row of each input, for the warm-up."""
        made = self.preparation
        sides = made.filled(*made.scaled(made.height, made.width))
        found: dict[Role, list[int]] = {
            "image": [1, 3, *sides],
            "im_shape": [1, 2],
            "scale_factor": [1, 2],
        }
        return {name: found[role] for name, role in zip(self.names, self.roles, strict=True)}

    @property
    def ragged(self) -> Ragged:
        """The boxes of a run are counted."""
        return Ragged(counts=self.counts, outputs=[self.boxes])


def plan(spec: "Spec", model: Model, body_bytes: int | None) -> DetectorPlan:
    """Fit the task to the model.

    Args:
        spec: the validated member.
        model: the signature.
        body_bytes: what a decoded image may take; None: as much as any.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    roles = tuple(_role(tensor) for tensor in model.inputs)
    if "image" not in roles or len(set(roles)) != len(roles):
        names = ", ".join(map(described, model.inputs))
        raise misfit(
            f"takes one picture, and perhaps im_shape and scale_factor, the model has {names}",
            "export the model as PaddleDetection does",
        )
    boxes, counts = _outputs(model.outputs)
    return DetectorPlan(
        roles=roles,
        names=tuple(tensor.name for tensor in model.inputs),
        preparation=_preparation(spec, model.inputs[roles.index("image")], body_bytes),
        boxes=boxes,
        counts=counts,
    )


def _role(tensor: Tensor) -> Role:
    if len(tensor.shape) == 4 and tensor.dtype == "float32" and tensor.shape[1] in {3, -1}:
        role: Role = "image"
    elif tensor.name in {"im_shape", "scale_factor"} and tensor.dtype == "float32" and len(tensor.shape) == 2:
        role = "im_shape" if tensor.name == "im_shape" else "scale_factor"
    else:
        raise misfit(
            f"does not know what the input {described(tensor)} is",
            "export the model with the inputs image FP32 [-1, 3, height, width], im_shape and scale_factor "
            "FP32 [-1, 2], or some of them",
        )
    if tensor.shape[0] not in {-1, 1}:
        raise misfit(
            f"sends one picture at a time, the model takes {tensor.shape[0]}: {described(tensor)}",
            "export the model with None as its first dimension",
        )
    return role


def _outputs(found: Sequence[Tensor]) -> tuple[int, int]:
    """The numbers of the outputs with boxes and with counts; by shape and dtype, as names differ."""
    boxes = [at for at, t in enumerate(found) if t.dtype == "float32" and len(t.shape) == 2]
    counts = [at for at, t in enumerate(found) if t.dtype in _WHOLE and len(t.shape) == 1]
    if len(found) != 2 or len(boxes) != 1 or len(counts) != 1:
        names = ", ".join(map(described, found))
        raise misfit(
            f"answers from boxes FP32 [-1, 6] and their numbers INT32 [-1], the model has {names}",
            "export the detector with NMS and everything else behind it, as PaddleDetection does unless told "
            "otherwise (export.post_process and export.nms true), and without masks",
        )
    columns = found[boxes[0]].shape[1]
    if columns not in {COLUMNS, -1}:
        raise misfit(
            f"takes boxes with class, score and four corners, the model's have {columns} numbers "
            f"({described(found[boxes[0]])})",
            "use a detector without rotated boxes or reading order",
        )
    return boxes[0], counts[0]


def _preparation(spec: "Spec", image: Tensor, body_bytes: int | None) -> Preparation:
    height = inputs.given_side(TASK, "height", image.shape[2], spec.height, image)
    width = inputs.given_side(TASK, "width", image.shape[3], spec.width, image)
    if spec.resize == "Fit" and -1 not in {image.shape[2], image.shape[3]}:
        raise misfit(
            f"gives pictures many sizes with resize Fit, the model takes one: {described(image)}",
            f"set {PATH}.resize to Stretch or Pad, as the model was exported",
        )
    fill = spec.pad_value or FILL
    return Preparation(
        resize=spec.resize,
        height=height,
        width=width,
        stride=(spec.stride or STRIDE) if spec.resize == "Fit" else 1,
        fill=(fill[0], fill[1], fill[2]),
        bgr=spec.channel_order == "BGR",
        interpolation=spec.interpolation,
        table=table(spec.mean, spec.std),
        most_pixels=most_pixels(body_bytes),
    )


def labels(spec: "Spec", folder: Path) -> tuple[str, ...]:
    """The names of the classes, from the task or its file; none where neither names any.

    Raises:
        StartError: `LabelsMissing`.
    """
    if spec.labels_file is None:
        return tuple(spec.labels or ())
    return label_files.read(spec.labels_file, folder, -1)
