"""Requests that lie beside the model, to warm it up with: warmup.json (as a V2 request) or warmup.npz.

A model whose open dimensions take only certain sizes needs one; random numbers are no fair test of a lower
precision; and TensorRT builds its engines for the range of shapes that they show.
"""

from pathlib import Path

import numpy as np

from paddlemodel_server.engine.interface import Array
from paddlemodel_server.errors import BadRequestError, StartError
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol import Served, v2
from paddlemodel_server.tasks.tensors import Tensors


def read(folder: Path, model: Model) -> tuple[list[Array], ...]:
    """The arrays of every warmup*.json and warmup*.npz, by name, in the model's order.

    Raises:
        StartError: `BadSample`, for a file that is no request for this model.
    """
    paths = sorted(path for path in folder.glob("warmup*") if path.suffix in {".json", ".npz"})
    return tuple(_read(path, model) for path in paths)


def _read(path: Path, model: Model) -> list[Array]:
    try:
        if path.suffix == ".json":
            served = Served(name="model", model=model, task=Tensors(), max_request_bytes=0)
            return list(v2.parse(served, path.read_bytes()).arrays)
        return _fitted(_archive(path), model)
    except BadRequestError as error:
        fault = error.message
    except OSError as error:
        fault = f"It cannot be read ({error.strerror})."
    raise StartError("BadSample", f"{path.name} is no request for this model; correct or remove it. {fault}")


def _archive(path: Path) -> dict[str, Array]:
    with path.open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
        except Exception as error:
            # What is damaged raises whatever the archive, the decompression or an array's head run into.
            raise BadRequestError(f"It is no archive of numpy ({type(error).__name__}).") from error


def _fitted(found: dict[str, Array], model: Model) -> list[Array]:
    names = [tensor.name for tensor in model.inputs]
    if sorted(found) != sorted(names):
        raise BadRequestError(f"It holds {', '.join(sorted(found))}; the inputs are {', '.join(names)}.")
    for tensor in model.inputs:
        array = found[tensor.name]
        fits = array.ndim == len(tensor.shape) and all(
            n == wanted or (wanted == -1 and n > 0)
            for n, wanted in zip(array.shape, tensor.shape, strict=True)
        )
        if array.dtype != tensor.numpy or not fits:
            given, expected = f"{array.dtype} {list(array.shape)}", f"{tensor.numpy} {list(tensor.shape)}"
            raise BadRequestError(f"{tensor.name} is {given}; expected {expected}.")
    return [found[name] for name in names]
