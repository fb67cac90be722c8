"""How a picture of any size becomes a detector's input; pure.

The sizes are those of PaddleDetection and PaddleX, which round half to even.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paddlemodel_server.protocol import Array


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What becomes of a picture.

    Attributes:
        resize: Stretch, Fit or Pad.
        height: of the model's input, or what a picture is fitted into.
        width: likewise.
        stride: with Fit, both sides are filled up to a multiple of it.
        fill: with Pad, the value from 0 to 255 of each channel, in the model's order, around the picture.
        bgr: whether the model's channels are in this order.
        interpolation: as `decoding.Scaling`.
        table: float32 [channel, pixel value]: the normalised value.
        most_pixels: that a picture may have.
    """

    resize: str
    height: int
    width: int
    stride: int = 1
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bgr: bool = False
    interpolation: str = "Linear"
    table: Array
    most_pixels: int

    def scaled(self, height: int, width: int) -> tuple[int, int]:
        """Height and width to which a picture is scaled."""
        if self.resize == "Stretch":
            return self.height, self.width
        if self.resize == "Pad":
            scale = min(self.height / height, self.width / width)
        else:
            sides, goals = (height, width), (self.height, self.width)
            scale = min(max(goals) / max(sides), min(goals) / min(sides))
        return max(1, round(height * scale)), max(1, round(width * scale))

    def filled(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the model's input for a picture that has been scaled to these."""
        if self.resize == "Pad":
            return self.height, self.width
        up = self.stride
        return math.ceil(height / up) * up, math.ceil(width / up) * up

    def normalised(self, pixels: Array) -> Array:
        """The input for scaled pixels.

        Args:
            pixels: uint8 [height, width, 3], in the order BGR.

        Returns:
            float32 [1, 3, height, width], filled up right and below.
        """
        height, width = pixels.shape[:2]
        found = np.zeros((3, *self.filled(height, width)), np.float32)
        for channel in range(3):
            if self.resize == "Pad":
                found[channel] = self._normal(channel, self.fill[channel])
            source = channel if self.bgr else 2 - channel
            found[channel, :height, :width] = self.table[channel].take(pixels[:, :, source])
        return found[None]

    def _normal(self, channel: int, value: float) -> float:
        """The normalised value of one that may lie between two pixel values."""
        return float(np.interp(value, np.arange(256), self.table[channel]))


def table(mean: Sequence[float], std: Sequence[float]) -> Array:
    """float32 [channel, pixel value]: value / 255, minus mean, divided by std."""
    values = np.arange(256, dtype=np.float64) / 255
    return np.stack([(values - mean[c]) / std[c] for c in range(3)]).astype(np.float32)
