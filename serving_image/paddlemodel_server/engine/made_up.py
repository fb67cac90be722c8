"""Inputs that are made up, where nobody gave any: the same for the warm-up as for the commands. Pure."""

import numpy as np

from paddlemodel_server.engine.interface import Array


def made_up(dtype: str, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Floats from 0 to 1; whole numbers and booleans 0 or 1, as they may be indices.

    Args:
        dtype: as `Tensor.dtype`; bfloat16 is made as float32, since numpy has none.
        shape: any, without open dimensions.
        random: the same seed gives the same numbers.
    """
    if dtype == "bfloat16":
        return np.floor(random.random(shape, dtype=np.float32) * 256) / 256  # numbers that bfloat16 has
    if dtype.startswith("float"):
        return random.random(shape, dtype=np.float32).astype(dtype)
    return random.integers(0, 2, shape).astype(dtype)
