"""Requests made up for a model: one that it may take, others that show what an optimisation changes. Pure.

Whole numbers stay 0 or 1, as they may be indices, but for ids whose table is known.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from paddlemodel_server.engine.interface import Array
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Model, Tensor

OPEN_SIDES = (64, 224, 320, 32, 48, 16, 8, 1)  # tried in turn for dimensions that the model leaves open
GROUPS = (2, 3, 4, 5, 7, 8, 16, 32)  # rows, tried in turn where a model takes no single one
LARGE = 255.0  # what a picture's numbers reach
DEAFENING = 30_000.0  # float16 holds it, too
_SMALLEST = 1e-3
_BYTES = {"uint8": (0, 255), "int8": (-128, 127)}
Make = Callable[[Tensor, "Shape"], Array]
Shape = tuple[int, ...]
Shapes = Mapping[str, Sequence[int]]


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


def examples(model: Model, given: Shapes) -> Iterator[list[Array]]:
    """Requests of one row, of one set of sizes after the other where the model leaves sizes open.

    Then the same once more with whole numbers that are all 0: of a single row there is no other place.

    Args:
        model: its inputs.
        given: the shapes of inputs that the task decides, by name.
    """
    yield from _filled_in_turn(model, list(_shapes(model, given)))


def of_several_rows(model: Model) -> Iterator[list[Array]]:
    """Requests of several rows, for a model that takes no single one: frames of a film, pairs, groups."""
    if any(tensor.shape[:1] == (-1,) for tensor in model.inputs):
        sets = [shapes for rows in GROUPS for shapes in _shapes(model, {}, rows)]
        yield from _filled_in_turn(model, sets)


def _filled_in_turn(model: Model, sets: Sequence[Sequence[Shape]]) -> Iterator[list[Array]]:
    for shapes in sets:
        yield filled(model, shapes)
    if any(_may_be_place(tensor) for tensor in model.inputs):
        for shapes in sets:
            yield [
                _zeros(t, shape) if _may_be_place(t) else _plain(t, shape, 0)
                for t, shape in zip(model.inputs, shapes, strict=True)
            ]


def has_open_sides(model: Model, given: Shapes) -> bool:
    """Whether it is a guess which sizes the model takes."""
    return any(-1 in tensor.shape[1:] and tensor.name not in given for tensor in model.inputs)


def filled(model: Model, shapes: Sequence[Shape], seed: int = 0) -> list[Array]:
    """Numbers from 0 to 1, the same every time."""
    return [_plain(t, shape, seed) for t, shape in zip(model.inputs, shapes, strict=True)]


def varied(model: Model, example: Sequence[Array], *, gentle: bool) -> Iterator[list[Array]]:
    """Further requests of the example's shapes, the most telling first.

    Extreme numbers of both signs, zeros, other random ones, one number throughout, small ones. A model in
    which rows change each other (a mean, a sort or a maximum over all rows) answers the example otherwise
    beside them.

    Args:
        model: its inputs.
        example: a request that the model takes.
        gentle: stay within 0 to 1, for what is computed may serve as indices.
    """
    shapes = [array.shape for array in example]
    yield filled(model, shapes, 1) if gentle else _by(_extreme, model, shapes)
    yield _by(_zeros, model, shapes)
    yield filled(model, shapes, 2)
    yield _by(_highest, model, shapes)
    yield _by(_faint, model, shapes)
    if not gentle and any(tensor.dtype in _BYTES for tensor in model.inputs):
        yield _by(_bytes, model, shapes)


def resized(model: Model, example: Sequence[Array], given: Shapes) -> Iterator[list[Array]]:
    """Requests of the example's kind, in other sizes of what is open: half of them, and three quarters.

    Args:
        model: its inputs.
        example: a request that the model takes.
        given: the shapes of inputs that are never others, by name.
    """
    for part in (0.75, 0.5):
        shapes = [
            tuple(
                max(1, round(side * part)) if at and open_side == -1 and tensor.name not in given else side
                for at, (side, open_side) in enumerate(zip(array.shape, tensor.shape, strict=True))
            )
            for tensor, array in zip(model.inputs, example, strict=True)
        ]
        if shapes != [array.shape for array in example]:
            yield filled(model, shapes, 5)


def repeated(example: Sequence[Array], rows: int) -> list[Array]:
    """So many copies of one row."""
    return [np.repeat(array, rows, axis=0) for array in example]


def deafening(model: Model, example: Sequence[Array]) -> list[Array]:
    """Numbers far beyond all others: rows that must not be heard by their neighbours."""
    tensors = zip(model.inputs, example, strict=True)
    return [_as(t, _signed(np.full(a.shape, DEAFENING))) if _is_float(t) else a for t, a in tensors]


def nudged(example: Sequence[Array]) -> list[Array]:
    """The same request but for rounding: what this changes in an answer, no comparison may call a fault.

    Some numbers grow and others shrink: many models take no notice of a factor that all have in common.
    """
    signs = np.random.default_rng(6)
    return [
        a * (1 + 2**-20 * signs.choice([-1, 1], a.shape)).astype(a.dtype)
        if a.dtype.name in {"float32", "float64"}
        else a
        for a in example
    ]


def _by(make: Make, model: Model, shapes: Sequence[Shape]) -> list[Array]:
    return [make(tensor, shape) for tensor, shape in zip(model.inputs, shapes, strict=True)]


def _plain(tensor: Tensor, shape: Shape, seed: int) -> Array:
    random = np.random.default_rng(seed)
    if tensor.id_limit is not None:
        return random.integers(0, min(tensor.id_limit, _most(tensor)), shape).astype(tensor.dtype)
    array = made_up(tensor.dtype, shape, random)
    return bfloat16.bits(array) if tensor.dtype == "bfloat16" else array


def _extreme(tensor: Tensor, shape: Shape) -> Array:
    """Of both signs, and of every magnitude up to LARGE."""
    random = np.random.default_rng(3)
    if not _is_float(tensor):
        return _plain(tensor, shape, 3)
    magnitudes = np.exp(random.uniform(np.log(_SMALLEST), np.log(LARGE), shape))
    numbers = magnitudes * random.choice([-1.0, 1.0], shape)
    numbers.reshape(-1)[:1], numbers.reshape(-1)[-1:] = -LARGE, LARGE
    return _as(tensor, numbers)


def _signed(numbers: Array) -> Array:
    """The same, the first half of them below zero."""
    numbers.reshape(-1)[: numbers.size // 2] *= -1
    return numbers


def _zeros(tensor: Tensor, shape: Shape) -> Array:
    return _as(tensor, np.zeros(shape))


def _highest(tensor: Tensor, shape: Shape) -> Array:
    """One number throughout: the table's last id, or one."""
    return _as(tensor, np.full(shape, min(tensor.id_limit or 2, _most(tensor)) - 1))


def _faint(tensor: Tensor, shape: Shape) -> Array:
    """Smaller than any number of a request as people send them, but not zero."""
    if not _is_float(tensor):
        return _zeros(tensor, shape)
    return _as(tensor, np.random.default_rng(4).random(shape) / 100)


def _bytes(tensor: Tensor, shape: Shape) -> Array:
    """All numbers that a byte holds, in pictures above all; nobody has tables of just so many ids."""
    if tensor.dtype not in _BYTES or tensor.id_limit is not None:
        return _plain(tensor, shape, 2)
    least, most = _BYTES[tensor.dtype]
    numbers = np.random.default_rng(4).integers(least, most + 1, shape)
    numbers.reshape(-1)[:1], numbers.reshape(-1)[-1:] = least, most
    return numbers.astype(tensor.dtype)


def _as(tensor: Tensor, numbers: Array) -> Array:
    return bfloat16.bits(numbers) if tensor.dtype == "bfloat16" else numbers.astype(tensor.dtype)


def _is_float(tensor: Tensor) -> bool:
    return tensor.dtype == "bfloat16" or tensor.dtype.startswith("float")


def _may_be_place(tensor: Tensor) -> bool:
    """Whether its numbers may be places in another input's rows."""
    return tensor.numpy.kind in "iu" and tensor.dtype != "bfloat16" and tensor.id_limit is None


def _most(tensor: Tensor) -> int:
    """One more than the largest number of the dtype, where that is a whole one."""
    kind = tensor.numpy
    return int(np.iinfo(kind).max) + 1 if kind.kind in "iu" else 2


def _shapes(model: Model, given: Shapes, rows: int = 1) -> Iterator[list[Shape]]:
    for side in OPEN_SIDES if has_open_sides(model, given) else (1,):
        yield [tuple(given.get(tensor.name) or _closed(tensor.shape, rows, side)) for tensor in model.inputs]


def _closed(shape: Shape, rows: int, side: int) -> Shape:
    return tuple((rows if at == 0 else side) if n == -1 else n for at, n in enumerate(shape))
