"""What handler.py gives becomes the model's inputs, or the body of an answer; what is wrong is its fault."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from paddlemodel_server.model import bfloat16
from paddlemodel_server.protocol import Array, Response
from paddlemodel_server.protocol.request import JSON, OCTETS, Expected
from paddlemodel_server.protocol.served import Served
from paddlemodel_server.tasks.custom import handler


class UnfitError(Exception):
    """What the handler gave is not what it should; for the log."""


def inputs(served: Served, given: Any) -> tuple[list[Array], Any]:
    """The arrays in the model's order, and what postprocess gets of the request.

    Args:
        served: the model.
        given: what preprocess returned: a mapping of names to arrays, or that and anything.

    Raises:
        ModelFailedError: it is something else, or does not fit the model; UnfitError says what.
    """
    named, kept = given if type(given) is tuple and len(given) == 2 else (given, None)
    try:
        return _arrays(served, named), kept
    except UnfitError as error:
        raise handler.failed() from error


def _arrays(served: Served, named: Any) -> list[Array]:
    if not isinstance(named, Mapping) or set(named) != set(served.inputs):
        names = ", ".join(served.inputs)
        shown = sorted(map(str, named)) if isinstance(named, Mapping) else type(named).__name__
        raise UnfitError(f"preprocess returned {shown}; expected an array for each of {names}")
    arrays = [_array(named[name], expected) for name, expected in served.inputs.items()]
    rows = {array.shape[0] for array in arrays if array.ndim}
    if len(rows) > 1:
        raise UnfitError(f"preprocess returned inputs of {sorted(rows)} rows; expected as many in each")
    return arrays


def _array(given: Any, expected: Expected) -> Array:
    array = np.asarray(given)
    wanted = expected.shape
    if array.ndim != len(wanted) or any(
        size == 0 or want not in {-1, size} for size, want in zip(array.shape, wanted, strict=True)
    ):
        raise UnfitError(
            f"preprocess returned {expected.name} of shape {list(array.shape)}; expected "
            f"{expected.shown_shape}"
        )
    if expected.bits and array.dtype != np.uint16:
        if array.dtype.kind not in "fiu":
            raise UnfitError(f"preprocess returned {expected.name} as {array.dtype}; expected numbers")
        return bfloat16.bits(array.astype(np.float32))
    if not np.can_cast(array.dtype, expected.dtype, "same_kind"):
        raise UnfitError(
            f"preprocess returned {expected.name} as {array.dtype}; expected {expected.dtype}, or what turns "
            "into it without a change of kind"
        )
    return np.ascontiguousarray(array, expected.dtype)


def answer(given: Any) -> Response:
    """The body of an answer.

    Args:
        given: what postprocess returned: bytes, bytes and their Content-Type, or what JSON can say.

    Raises:
        ModelFailedError: it is something else; UnfitError says what.
    """
    kind = OCTETS
    if type(given) is tuple and len(given) == 2 and isinstance(given[0], bytes):
        given, kind = given
    if isinstance(given, bytes):
        if not isinstance(kind, str) or not kind.isascii() or not kind.isprintable() or "/" not in kind:
            raise handler.failed() from UnfitError(f"postprocess returned the Content-Type {kind!r}")
        return Response(body=given, content_type=kind)
    try:
        return Response(body=orjson.dumps(given, option=orjson.OPT_SERIALIZE_NUMPY), content_type=JSON)
    except TypeError as error:
        raise handler.failed() from UnfitError(f"postprocess returned what is no JSON: {error}")
