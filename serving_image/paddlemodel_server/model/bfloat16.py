"""bfloat16, which numpy does not have: its bits travel as uint16, as Paddle hands them out. Pure.

It is needed for JSON, where people write numbers; binary bodies carry the bits as they are.
"""

from typing import Any

import numpy as np

Bits = np.ndarray[Any, np.dtype[np.uint16]]


def bits(numbers: np.ndarray[Any, np.dtype[Any]]) -> Bits:
    """The nearest bfloat16 of each number, ties to even, in the same shape; NaN stays NaN."""
    single = numbers.astype(np.float32)
    words = single.view(np.uint32)
    # Where this has rounded already, to odd instead: a second rounding must not see a tie that is none.
    away = np.abs(single) > np.abs(numbers)
    words = np.where(single == numbers, words, (words - away) | 1)
    rounded = (words + 0x7FFF + ((words >> 16) & 1)) >> 16
    return np.where(np.isnan(numbers), 0x7FC0, rounded).astype(np.uint16)


def numbers(found: Bits) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The numbers that these bits mean, exactly, in the same shape."""
    return (found.astype(np.uint32) << 16).view(np.float32)
