"""How an output becomes one vector for each text, by the spec or by sentence-transformers' files; pure."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from paddlemodel_server.errors import NotFiniteError, StartError
from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks import outputs
from paddlemodel_server.tasks.text import beside

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TextEmbedding as Spec

TASK = "textEmbedding"
Pooling = Literal["Mean", "Cls", "Max", "None"]
_FILE = "1_Pooling/config.json"
_MODES: dict[str, Pooling] = {
    "pooling_mode_cls_token": "Cls",
    "pooling_mode_mean_tokens": "Mean",
    "pooling_mode_max_tokens": "Max",
}


def output(spec: "Spec", tensors: Sequence[Tensor]) -> int:
    """The number of the output with the vectors: floats of shape [rows, numbers] or [rows, tokens, numbers].

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    at = outputs.chosen(TASK, spec.output, tensors, "the vectors")
    found = tensors[at]
    if found.dtype not in outputs.FLOATS or len(found.shape) not in {2, 3}:
        raise outputs.misfit(
            TASK,
            f"takes a float output [rows, numbers] or [rows, tokens, numbers], the model has "
            f"{outputs.described(found)}",
            "export the model so",
        )
    outputs.check_rows(TASK, found)
    return at


def pooling(spec: "Spec", folder: Path, found: Tensor) -> Pooling:
    """What turns an output into vectors.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    per_token = len(found.shape) == 3
    wanted = spec.pooling
    if wanted is None:
        return _said(folder, found) if per_token else "None"
    if (wanted == "None") is per_token:
        raise outputs.misfit(
            TASK,
            f"has pooling {wanted}, the output {outputs.described(found)} "
            f"{'has a vector for each token' if per_token else 'is a vector for the text already'}",
            f"remove spec.task.{TASK}.pooling"
            if not per_token
            else f"set spec.task.{TASK}.pooling to Mean, Cls or Max",
        )
    return wanted


def _said(folder: Path, found: Tensor) -> Pooling:
    """What sentence-transformers' file says."""
    config = beside.table(folder, _FILE)
    on = sorted(key for key, value in config.items() if key.startswith("pooling_mode_") and value is True)
    named = config.get("pooling_mode")  # how newer files say it
    if not on and isinstance(named, str):
        on = [f"pooling_mode_{named}_token" if named == "cls" else f"pooling_mode_{named}_tokens"]
    if len(on) == 1 and on[0] in _MODES:
        return _MODES[on[0]]
    said = f"{_FILE} beside the model says {', '.join(on)}" if on else f"there is no {_FILE} beside the model"
    raise outputs.misfit(
        TASK,
        f"does not know how the vectors of {outputs.described(found)} become one for the text: {said}",
        f"set spec.task.{TASK}.pooling to Mean, Cls or Max",
    )


def normalized(spec: "Spec", folder: Path) -> bool:
    """Whether vectors are divided by their length."""
    if spec.normalize is not None:
        return bool(spec.normalize)
    steps = beside.read(folder, "modules.json")
    kinds = (
        [str(step.get("type")) for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    )
    return any(kind.endswith(".Normalize") for kind in kinds)


def vector(row: Array, tokens: int, how: Pooling, *, normalize: bool) -> Array:
    """The vector of one text.

    Args:
        row: floats of shape [numbers], or [tokens and padding, numbers].
        tokens: how many of them are no padding.
        how: what turns them into one.
        normalize: whether it is divided by its length.

    Returns:
        float32 of shape [numbers].

    Raises:
        NotFiniteError: it has numbers that are none.
    """
    numbers = row.astype(np.float64)
    if how == "Mean":
        numbers = numbers[:tokens].mean(axis=0)
    elif how == "Max":
        numbers = numbers[:tokens].max(axis=0)
    elif how == "Cls":
        numbers = numbers[0]
    if normalize:
        numbers = numbers / max(float(np.linalg.norm(numbers)), 1e-12)  # as torch's F.normalize
    if not np.isfinite(numbers).all():
        raise NotFiniteError
    return numbers.astype(np.float32)


def check(found: Pooling, at: Tensor, most: int) -> None:
    """Refuse an output that has not a vector for each token that the input may have.

    Raises:
        StartError: `TaskDoesNotFit`.
    """
    if found != "None" and at.shape[1] != -1 and at.shape[1] < most:
        raise StartError(
            "TaskDoesNotFit",
            f"The task {TASK} takes {most} tokens, the output {outputs.described(at)} has vectors for "
            f"{at.shape[1]}; set spec.task.{TASK}.maxTokens to {at.shape[1]} at most.",
        )
