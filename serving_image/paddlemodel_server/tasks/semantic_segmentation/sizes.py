"""Which size a picture gets before it becomes the model's input, by its own size alone; pure.

Sizes are those of PaddleSeg (paddleseg/transforms/transforms.py: Resize, ResizeByLong, LimitLong, Padding),
which rounds half to even.
"""

import math
from dataclasses import dataclass

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How sizes are found.

    Attributes:
        resize: Keep, Stretch, Fit or Pad.
        height: of the input, or what a picture is fitted into; with Keep it means nothing.
        width: likewise.
        divisor: with Keep and Fit, both sides are scaled up to a multiple of it.
        max_side: with Keep, most pixels of the longer side.
        enlarge: with Pad, whether smaller pictures are enlarged.
    """

    resize: str
    height: int = 1
    width: int = 1
    divisor: int = 1
    max_side: int = 1
    enlarge: bool = True

    def scaled(self, height: int, width: int) -> Size:
        """The size to which a picture is scaled."""
        if self.resize == "Stretch":
            return self.height, self.width
        scale, up = self._scale(height, width), self.divisor
        sides = (max(1, round(side * scale)) for side in (height, width))
        high, wide = (math.ceil(side / up) * up for side in sides)
        return high, wide

    def _scale(self, height: int, width: int) -> float:
        if self.resize == "Keep":
            return min(1.0, self.max_side / max(height, width))
        if self.resize == "Pad":
            fitting = min(self.height / height, self.width / width)
            return fitting if self.enlarge else min(1.0, fitting)
        goals, sides = (self.height, self.width), (height, width)
        return min(max(goals) / max(sides), min(goals) / min(sides))

    def filled(self, scaled: Size) -> Size:
        """The size of the input for a picture that was scaled."""
        return (self.height, self.width) if self.resize == "Pad" else scaled


def inner(mask: Size, scaled: Size, filled: Size) -> Size:
    """The part of a mask that is the picture and not what stands right and below of it.

    Args:
        mask: the size of the mask; a model may answer a smaller one than its input.
        scaled: of the picture in the input.
        filled: of the input.
    """
    high, wide = (max(1, round(m * s / f)) for m, s, f in zip(mask, scaled, filled, strict=True))
    return high, wide
