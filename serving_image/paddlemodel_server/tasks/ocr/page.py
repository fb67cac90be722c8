"""A page on its way: its lines are cut out, turned and read, some at a time; pure but for OpenCV."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from paddlemodel_server.protocol import Array

if TYPE_CHECKING:
    from paddlemodel_server.tasks.text_detection.polygons import Line

MOST_LINES = 32  # cut out at a time: what waits of a page is bounded, however many lines it has
MOST_BYTES = 1 << 24  # likewise: of their pixels


@dataclass
class Page:
    """What a request keeps from one stage to the next.

    Attributes:
        pixels: uint8 [height, width, 3] in the order BGR.
        lines: those that were found, in the order of reading.
        crops: of the lines that are being read: uint8 [height, width, 3] each.
        texts: and scores, of the lines that have been read.
    """

    pixels: Array
    lines: list["Line"] = field(default_factory=list)
    crops: list[Array] = field(default_factory=list)
    texts: list[tuple[str, float | None]] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Of the pixels that are kept."""
        return self.pixels.nbytes + sum(crop.nbytes for crop in self.crops)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def find(self, lines: Sequence["Line"]) -> None:
        """Take the lines; one without any pixels is none."""
        self.lines = [line for line in lines if _crops().has_pixels(line.box)]

    def cut_next(self) -> bool:
        """Cut out the next lines; False where all have been read."""
        self.crops, total = [], 0
        for line in self.lines[len(self.texts) : len(self.texts) + MOST_LINES]:
            crop = _crops().cut(self.pixels, line.box)
            total += crop.nbytes
            if self.crops and total > MOST_BYTES:
                break
            self.crops.append(crop)
        return bool(self.crops)

    def turn(self, angles: Sequence[int]) -> None:
        """Turn the crops that stand on their head."""
        pairs = zip(self.crops, angles, strict=True)
        self.crops = [np.rot90(crop, 2) if angle == 180 else crop for crop, angle in pairs]


def _crops() -> ModuleType:
    from paddlemodel_server.tasks.ocr import crops  # noqa: PLC0415 - OpenCV: not for the supervisor

    return crops
