"""Small detectors, trained here on drawn rectangles and ellipses, with the reference's own last steps.

No package carries weights of Paddle's detectors. What decides whether a server can serve them is their
contract: names, dtypes and shapes of inputs and outputs, boxes of all pictures in one output, and who divides
by scale_factor. So a net of a few convolutions learns the shapes in twenty seconds, in a child process
(shapes_nets.py), as only a child may load Paddle. The exports are kept in the user's cache.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.serving_image.support.models.trained import trained

PROGRAM = Path(__file__).with_name("shapes_nets.py")
LABELS = ["rectangle", "ellipse"]
SIDE = 64
COLOURS = ((220, 40, 40), (40, 60, 220))
BACKGROUND = 128


def shapes(name: str) -> Path:
    """The folder of a model.

    Args:
        name: ppyoloe (image, scale_factor; NMS inside), picodet (likewise, any size, ImageNet's mean), rtdetr
            (im_shape, image, scale_factor; a fixed number of rows).
    """
    return trained("shapes", PROGRAM, Path(__file__)) / name


def encoded(pixels: np.ndarray[Any, Any]) -> bytes:
    """A picture as PNG."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def drawn(
    seed: int, height: int = SIDE, width: int = SIDE, *, noise: bool = True
) -> tuple[Any, list[tuple[int, list[int]]]]:
    """A picture with one to three shapes that do not touch, by a seed.

    Args:
        seed: the same one draws the same.
        height: of the picture.
        width: of the picture.
        noise: whether colours are uneven.

    Returns:
        uint8 [height, width, 3] in the order RGB; for each shape its class and corners.
    """
    random = np.random.default_rng(seed)
    grain = random.integers(-12, 12, (height, width, 3)) * noise
    picture = (BACKGROUND + grain).astype(np.uint8)
    taken = np.zeros((height, width), bool)
    found: list[tuple[int, list[int]]] = []
    rows, columns = np.mgrid[0:height, 0:width]
    for _ in range(int(random.integers(1, 4))):
        w, h = (int(random.integers(side // 6, side // 2)) for side in (width, height))
        x, y = int(random.integers(0, width - w)), int(random.integers(0, height - h))
        if taken[max(0, y - 3) : y + h + 3, max(0, x - 3) : x + w + 3].any():
            continue
        kind = int(random.integers(0, 2))
        inside = (rows >= y) & (rows < y + h) & (columns >= x) & (columns < x + w)
        if kind:
            across = (columns + 0.5 - x - w / 2) / (w / 2)
            inside &= across**2 + ((rows + 0.5 - y - h / 2) / (h / 2)) ** 2 <= 1
        picture[inside] = (np.array(COLOURS[kind]) + grain[inside]).astype(np.uint8)
        taken[y : y + h, x : x + w] = True
        found.append((kind, [x, y, x + w, y + h]))
    return picture, found
