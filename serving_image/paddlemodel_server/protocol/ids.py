"""Ids of an embedding are checked against its table, for Paddle reads past it. Pure."""

from collections.abc import Sequence

import numpy as np

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.protocol.request import Array
from paddlemodel_server.protocol.served import Served


def check(served: Served, arrays: Sequence[Array]) -> None:
    """Refuse ids that are not in their table.

    Args:
        served: the model; `served.ids` says which of its inputs are ids.
        arrays: the inputs of a request, in the model's order.

    Raises:
        BadRequestError: it names the input, the first wrong id, where it stands, and the ids that exist.
    """
    for at, name, limit in served.ids:
        array = arrays[at]
        if not array.size or (array.min() >= 0 and array.max() < limit):
            continue
        values = array.reshape(-1)
        place = int(np.argmax((values < 0) | (values >= limit)))
        raise BadRequestError(
            f"Input {name} has the id {int(values[place])} at position {place}; the model's table has the "
            f"ids 0 to {limit - 1}."
        )
