"""Which rows of a model's outputs belong to which rows of its inputs; pure.

Each output has a row for each of the inputs', but for those that another output counts: see `Ragged`.
"""

from collections.abc import Sequence

import numpy as np

from paddlemodel_server.protocol import Array
from paddlemodel_server.protocol.served import Ragged


def parted(outputs: Sequence[Array], rows: int, ragged: Ragged | None = None) -> bool:
    """Whether it can be told which rows of the outputs belong to each of `rows` rows."""
    loose = ragged.outputs if ragged else ()
    own = [output for at, output in enumerate(outputs) if at not in loose]
    if any(not output.ndim or len(output) != rows for output in own):
        return False
    if ragged is None:
        return True
    counts = outputs[ragged.counts]
    if counts.size != rows or counts.dtype.kind not in "iu" or counts.min(initial=0) < 0:
        return False
    total = int(counts.sum())
    return all(outputs[at].ndim > 0 and len(outputs[at]) == total for at in ragged.outputs)


def cut(outputs: Sequence[Array], start: int, end: int, ragged: Ragged | None = None) -> list[Array]:
    """What belongs to the rows from `start` to before `end`, without a copy."""
    found = [output[start:end] for output in outputs]
    if ragged:
        counts = outputs[ragged.counts].reshape(-1)
        first = int(counts[:start].sum())
        last = first + int(counts[start:end].sum())
        for at in ragged.outputs:
            found[at] = outputs[at][first:last]
    return found


def joined(parts: Sequence[Sequence[Array]]) -> list[Array]:
    """Outputs of several runs as those of one, the rows of one below those of the one before."""
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
