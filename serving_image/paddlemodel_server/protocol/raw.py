"""A tensor as the whole body: its little-endian bytes, or a numpy .npy file."""

import io
from math import prod

import numpy as np

from paddlemodel_server.errors import BadRequestError, UnsupportedMediaTypeError
from paddlemodel_server.protocol import tensors
from paddlemodel_server.protocol.request import NPY, OCTETS, Array, Expected
from paddlemodel_server.protocol.served import Served

SHAPE_HEADER = "x-tensor-shape"
_MOST_DIMENSIONS = 32


def only_input(served: Served, media: str) -> Expected:
    """The model's one input, or why such a body cannot be enough."""
    if served.only_input is None:
        raise UnsupportedMediaTypeError(
            f"The body is {media}, one tensor, but the model has the inputs {', '.join(served.inputs)}; "
            "send all of them to /v2/models/NAME/infer."
        )
    if media == NPY and served.only_input.bits:
        raise UnsupportedMediaTypeError(f"A .npy file has no BF16; send the input as {OCTETS}.")
    return served.only_input


def from_octets(body: bytes, expected: Expected, stated: str | None) -> Array:
    """The tensor of little-endian bytes.

    Args:
        body: the bytes, row by row.
        expected: the input.
        stated: the header X-Tensor-Shape; needed where the model leaves several dimensions open.
    """
    if stated is not None:
        shape = tensors.shape_of(_stated(stated), expected)
    else:
        implied = tensors.implied_shape(len(body), expected)
        if implied is None:
            raise BadRequestError(
                f"The model leaves several dimensions of {expected.name} open, {list(expected.shape)}; say "
                "which in the header X-Tensor-Shape, such as 1,3,224,224."
            )
        shape = implied
    return tensors.from_bytes(body, shape, expected)


def _stated(header: str) -> list[int]:
    parts = [part.strip() for part in header.split(",")]
    if len(parts) > _MOST_DIMENSIONS or not all(p.isascii() and p.isdigit() and len(p) < 11 for p in parts):
        found = header if len(header) <= 60 else header[:60] + "…"
        raise BadRequestError(f"X-Tensor-Shape is {found!r}; expected sizes such as 1,3,224,224.")
    return [int(part) for part in parts]


def from_npy(body: bytes, expected: Expected) -> Array:
    """The tensor of a .npy file; only its header is interpreted, nothing is ever unpickled."""
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    except Exception:  # noqa: BLE001 - numpy evaluates what the client wrote, and promises no kind of error
        raise BadRequestError("The body is not a .npy file: its header cannot be read.") from None
    if dtype.newbyteorder("=") != expected.dtype or dtype.hasobject:
        raise BadRequestError(
            f"The .npy file holds {str(dtype)[:60]}; input {expected.name} is {expected.datatype}."
        )
    shape = tensors.shape_of(list(shape), expected)
    data = memoryview(body)[file.tell() :]
    if fortran or not dtype.isnative:
        found = _reordered(data, shape, dtype, fortran=fortran)
        data = memoryview(found.tobytes())
    return tensors.from_bytes(data, shape, expected)


def _reordered(data: memoryview, shape: tuple[int, ...], dtype: np.dtype, *, fortran: bool) -> Array:
    if len(data) != prod(shape) * dtype.itemsize:
        return np.frombuffer(data, np.uint8)  # of the wrong size, which is told as for any other body
    found = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return found.astype(dtype.newbyteorder("="))


def to_npy(array: Array) -> bytes:
    """The array as the bytes of a .npy file; its shape and dtype are kept."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
    return file.getvalue()
