"""A small segmentation net, trained here on drawn shapes, and what PaddleSeg makes of a picture.

No package carries weights of PaddleSeg's nets. What a server must get right is their contract: how a picture
is prepared, and whether classes, scores or logits come out. So a net of three convolutions learns the shapes
in a few seconds, in a child process (segmentation_nets.py), and is exported with each `output_op`; the
exports are kept in the user's cache.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.serving_image.support.models.trained import trained
from tests.serving_image.support.models.trained_shapes import drawn

PROGRAM = Path(__file__).with_name("segmentation_nets.py")
LABELS = ["background", "rectangle", "ellipse"]
SIDE = 64
MEAN, STD = (np.array(numbers) for numbers in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
Picture = NDArray[np.uint8]
"""uint8 [height, width, 3] in the order RGB."""


def segmentation(name: str) -> Path:
    """The folder of a model.

    Args:
        name: argmax (any size, deploy.yaml with Normalize alone), softmax (64 x 64, Resize), logits (any
            size, inference.yml with Resize that keeps the ratio, and Padding).
    """
    return trained("masks", PROGRAM, Path(__file__)) / name


def masked(
    seed: int, height: int = SIDE, width: int = SIDE, *, noise: bool = True
) -> tuple[Picture, Picture]:
    """A picture with shapes, and the class of each of its pixels; uint8 [height, width]."""
    picture, shapes = drawn(seed, height, width, noise=noise)
    mask = np.zeros((height, width), np.uint8)
    rows, columns = np.mgrid[0:height, 0:width]
    for kind, (x0, y0, x1, y1) in shapes:
        inside = (rows >= y0) & (rows < y1) & (columns >= x0) & (columns < x1)
        if kind:
            across = (columns + 0.5 - (x0 + x1) / 2) / ((x1 - x0) / 2)
            inside &= across**2 + ((rows + 0.5 - (y0 + y1) / 2) / ((y1 - y0) / 2)) ** 2 <= 1
        mask[inside] = kind + 1
    return picture, mask


def transforms(name: str) -> list[dict[str, Any]]:
    """`Deploy.transforms` of a model: those of the validation in PaddleSeg's configurations."""
    steps: dict[str, list[dict[str, Any]]] = {
        "argmax": [],
        "softmax": [{"type": "Resize", "target_size": [SIDE, SIDE]}],
        "logits": [
            {"type": "Resize", "target_size": [96, 96], "keep_ratio": True},
            {"type": "Padding", "target_size": [96, 96]},
        ],
    }
    return [*steps[name], {"type": "Normalize", "mean": MEAN.tolist(), "std": STD.tolist()}]


def prepared(name: str, picture: Picture) -> NDArray[np.float32]:
    """The reference's input for a picture, from functional.py and transforms.py of PaddleSeg, in float32."""
    image: Any = picture.astype(np.float32)
    height, width = image.shape[:2]
    if name == "softmax":
        image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    if name == "logits":
        scale = min(96 / max(height, width), 96 / min(height, width))
        size = [round(side * scale) for side in (width, height)]
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        below, right = 96 - image.shape[0], 96 - image.shape[1]
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(127.5,) * 3)
    image = image / 255.0
    image -= MEAN
    image /= STD
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)


def finished(name: str, output: NDArray[Any], picture: Picture) -> Picture:
    """The reference's mask from a model's output: argmax where it has none, and the picture's size again.

    As _postprocess of deploy/python/infer.py, and reverse_transform of paddleseg/core/infer.py with what
    PaddleX does instead of paddle.nn.functional.interpolate: cv2.INTER_NEAREST.
    """
    classes: Any = output if name == "argmax" else np.argmax(output, axis=1)
    mask = classes[0].astype(np.uint8)
    height, width = picture.shape[:2]
    if name == "logits":
        scale = 96 / max(height, width)
        mask = mask[: round(height * scale), : round(width * scale)]
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
