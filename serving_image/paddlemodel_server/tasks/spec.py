"""How a request's body becomes tensors: `spec.task` of the PaddleModel, parsed once from PADDLEMODEL_TASK.

`settings` calls `parse`; `decode` and `encode` read the frozen result. Field names and defaults are the
CRD's.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MAX_SIDE = 8192  # pixels

Resize = Literal["Crop", "Stretch", "Pad"]
ChannelOrder = Literal["RGB", "BGR"]
Activation = Literal["Auto", "None", "Softmax"]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Tensors:
    """The client sends tensors as they are."""


@dataclass(frozen=True, kw_only=True)
class ImageClassification:
    """The client sends one image and gets the most probable classes."""

    labels: tuple[str, ...] = ()
    labels_file: str | None = None
    top_k: int = 5
    resize: Resize = "Crop"
    channel_order: ChannelOrder = "RGB"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    activation: Activation = "Auto"
    width: int | None = None  # only for models whose input leaves it open
    height: int | None = None


Task = Tensors | ImageClassification


class TaskError(ValueError):
    """What is wrong with the task, in one sentence that names the field."""


def parse(text: str) -> Task:
    """Read the JSON of `spec.task`."""
    try:
        body = json.loads(text)
    except ValueError as error:
        raise TaskError(f"is not JSON ({error})") from None
    if not isinstance(body, dict):
        raise TaskError('must be an object such as {"type":"Tensors"}')
    fields = dict(body)
    kind = fields.pop("type", None)
    if kind == "Tensors":
        _refuse_unknown(fields, known=())
        return Tensors()
    if kind == "ImageClassification":
        return _image_classification(fields)
    raise TaskError(f"has type {kind!r}; use Tensors or ImageClassification")


def _image_classification(fields: Mapping[str, Any]) -> ImageClassification:
    readers: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
        "labels": ("labels", _labels),
        "labelsFile": ("labels_file", _file_name),
        "topK": ("top_k", lambda name, value: _integer(name, value, 1, 1000)),
        "resize": ("resize", lambda name, value: _one_of(name, value, ("Crop", "Stretch", "Pad"))),
        "channelOrder": ("channel_order", lambda name, value: _one_of(name, value, ("RGB", "BGR"))),
        "mean": ("mean", _triple),
        "std": ("std", lambda name, value: _triple(name, value, positive=True)),
        "activation": ("activation", lambda name, value: _one_of(name, value, ("Auto", "None", "Softmax"))),
        "width": ("width", lambda name, value: _integer(name, value, 1, MAX_SIDE)),
        "height": ("height", lambda name, value: _integer(name, value, 1, MAX_SIDE)),
    }
    _refuse_unknown(fields, known=tuple(readers))
    values = {}
    for name, value in fields.items():
        if value is not None:
            attribute, read = readers[name]
            values[attribute] = read(name, value)
    if values.get("labels") and values.get("labels_file"):
        raise TaskError("has both labels and labelsFile; keep one of them")
    return ImageClassification(**values)


def _refuse_unknown(fields: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in fields:
        if name not in known:
            cure = f"it knows {', '.join(known)}" if known else "this type has no fields"
            raise TaskError(f"has an unknown field {name!r}; {cure}")


def _labels(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise TaskError(f"field {name} must be a list of strings")
    return tuple(value)


def _file_name(name: str, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value or {"", ".", ".."} & set(value.split("/")):
        raise TaskError(f"field {name} must be the name of a file in the model's folder, not {value!r}")
    return value


def _integer(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise TaskError(f"field {name} must be a whole number from {least} to {most}, not {value!r}")
    return value


def _one_of(name: str, value: T, allowed: tuple[T, ...]) -> T:
    if value not in allowed:
        raise TaskError(f"field {name} must be one of {', '.join(map(str, allowed))}, not {value!r}")
    return value


def _triple(name: str, value: Any, *, positive: bool = False) -> tuple[float, float, float]:
    numbers = isinstance(value, list) and all(
        isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
        for number in value
    )
    if not numbers or len(value) != 3 or (positive and min(value) <= 0):
        raise TaskError(f"field {name} must be three {'positive ' if positive else ''}numbers, not {value!r}")
    return cast("tuple[float, float, float]", tuple(float(number) for number in value))
