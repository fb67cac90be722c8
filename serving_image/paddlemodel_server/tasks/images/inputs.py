"""Whether a model has one input for pictures, and how pixels become its numbers; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks.outputs import check_rows, described, misfit


@dataclass(frozen=True, kw_only=True)
class PictureInput:
    """The model's input.

    Attributes:
        name: of the tensor.
        channels: 1 or 3.
        height: -1 where the model leaves it open.
        width: likewise.
        table: float32 [channels, 256]: what becomes of a pixel's value.
        bgr: whether the channels stand in the order BGR, as those of `decoding` do.
    """

    name: str
    channels: int
    height: int
    width: int
    table: Array
    bgr: bool

    def filled(self, pixels: Array, height: int, width: int, around: Sequence[float] | None = None) -> Array:
        """A picture at the left and top of zeros, which is grey where the mean is taken off.

        Args:
            pixels: uint8 [at most height, at most width, channels], in the order BGR.
            height: of the tensor.
            width: of the tensor.
            around: what stands right and below instead of zeros: a value from 0 to 255 for each channel, in
                the model's order, which becomes a number as a pixel does.

        Returns:
            float32 of shape [1, channels, height, width].
        """
        found = np.zeros((self.channels, height, width), np.float32)
        inner_height, inner_width = pixels.shape[:2]
        for channel in range(self.channels):
            if around is not None:
                found[channel] = np.interp(around[channel], np.arange(256), self.table[channel])
            source = channel if self.bgr else self.channels - 1 - channel
            found[channel, :inner_height, :inner_width] = self.table[channel].take(pixels[:, :, source])
        return found[None]


def find(task: str, spec: Any, model: Model) -> PictureInput:
    """Fit a task to the model's input.

    Args:
        task: the member of spec.task.
        spec: it; with `mean`, `std` and `channel_order`.
        model: the signature.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    if len(model.inputs) != 1:
        names = ", ".join(tensor.name for tensor in model.inputs)
        raise misfit(
            task,
            f"takes one input, the model has {len(model.inputs)} ({names})",
            "export the model with a single input for pictures",
        )
    tensor = model.inputs[0]
    if len(tensor.shape) != 4 or tensor.dtype != "float32" or tensor.shape[1] not in {-1, 1, 3}:
        raise misfit(
            task,
            f"takes an FP32 input [rows, 1 or 3 channels, height, width], the model has {described(tensor)}",
            "export the model so",
        )
    check_rows(task, tensor, "picture")
    channels = 3 if tensor.shape[1] == -1 else tensor.shape[1]
    values = np.arange(256, dtype=np.float64) / 255
    rows = [(values - spec.mean[channel]) / spec.std[channel] for channel in range(channels)]
    return PictureInput(
        name=tensor.name,
        channels=channels,
        height=tensor.shape[2],
        width=tensor.shape[3],
        table=np.stack(rows).astype(np.float32),
        bgr=spec.channel_order == "BGR",
    )


def given_side(task: str, name: str, found: int, desired: int | None, tensor: Tensor) -> int:
    """The pixels of one side, which the model or the spec has to say.

    Args:
        task: the member of spec.task.
        name: of its field.
        found: the model's; -1 where it leaves it open.
        desired: the spec's.
        tensor: the model's input.

    Raises:
        StartError: `TaskDoesNotFit`; neither says it, or both, and differently.
    """
    if found == -1 and desired is None:
        raise misfit(
            task,
            f"needs the field {name}, because the model leaves it open: {described(tensor)}",
            f"set spec.task.{task}.{name} to the pixels that the model was trained with",
        )
    if found != -1 and desired not in {None, found}:
        raise misfit(
            task,
            f"has {name} {desired}, but the model's is fixed: {described(tensor)}",
            f"remove spec.task.{task}.{name}",
        )
    return found if desired is None else desired


def side(task: str, name: str, found: int, desired: int | None, default: int) -> int:
    """The pixels of one side.

    Args:
        task: the member of spec.task.
        name: of its field.
        found: the model's; -1 where it leaves it open.
        desired: the spec's.
        default: where neither says it.

    Raises:
        StartError: `TaskDoesNotFit`; both say it, and differently.
    """
    if found == -1:
        return default if desired is None else desired
    if desired not in {None, found}:
        raise misfit(
            task, f"has {name} {desired}, but the model's is {found}", f"remove spec.task.{task}.{name}"
        )
    return found
