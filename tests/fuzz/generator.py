"""A random Paddle program and the requests to send to it, from a seed: the same every time. Pure.

The program is Python text, so that a failing seed can be read, and changed, and run again by hand. It always
has a parameter (else Paddle writes no file of them).
"""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.fuzz import row_blocks
from tests.fuzz.blocks import BLOCKS, ROWS, Dim, Draft, Value

assert row_blocks  # importing it fills BLOCKS

Array = np.ndarray[Any, np.dtype[Any]]
Request = dict[str, Array]

DTYPES = ("float32", "float64", "float16", "int32", "int64", "uint8", "bool")
CONVERSIONS = ("float64", "float16", "int32", "int64")
OPEN = {"T": (3, 5), "H": (4, 6), "W": (4, 6)}  # sizes that the requests choose from
ROW_COUNTS = (1, 1, 1, 2, 3, 5)
MANY_ROWS = 20  # more than a run takes
REQUESTS = 9
IDS = 11

_PROGRAM = '''"""Program {seed}: {blocks}."""
import paddle
from paddle import nn
from paddle.nn import functional as F


class Program(nn.Layer):
    def __init__(self):
        super().__init__()
        self.one = self.create_parameter([1], default_initializer=nn.initializer.Constant(1.0))
        {layers}

    def forward(self, {inputs}):
        {lines}
        return {outputs}
'''


@dataclass(frozen=True)
class Input:
    """An input of the program; open dimensions by name."""

    name: str
    dims: tuple[Dim, ...]
    dtype: str
    ids: bool = False


@dataclass(frozen=True)
class Program:
    """A program of a few blocks."""

    seed: int
    pir: bool
    inputs: tuple[Input, ...]
    blocks: tuple[str, ...]
    source: str


def program(seed: int) -> Program:
    """Draw a program."""
    chance = random.Random(seed)
    draft = Draft(chance, pir=chance.random() < 0.7)
    inputs, value = _inputs(draft)
    values = [value]
    for _ in range(chance.randint(2, 5)):
        rank = len(value.dims)
        fitting = [name for name, one in BLOCKS.items() if one.rank == rank and draft.pir >= one.pir]
        # As long as values are exact the blocks that need it come first, or few programs would have them.
        exact = [name for name in fitting if BLOCKS[name].exact]
        smooth = [name for name in fitting if not BLOCKS[name].exact]
        chosen = exact if value.exact and exact and chance.random() < 0.6 else smooth
        drawn = chance.choice(chosen)
        value = BLOCKS[drawn].write(draft, value)
        draft.blocks.append(drawn)
        values.append(value)
        if BLOCKS[drawn].last:
            break
    return Program(
        seed=seed,
        pir=draft.pir,
        inputs=inputs,
        blocks=tuple(draft.blocks),
        source=_source(seed, inputs, draft, _outputs(draft, values)),
    )


def _inputs(draft: Draft) -> tuple[tuple[Input, ...], Value]:
    """Inputs, and lines that make one exact value of them."""
    chance = draft.random
    batch: Dim = ROWS if chance.random() < 0.93 else 2
    kind = chance.choice(["rows", "rows", "steps", "steps", "ids", "picture"])
    if kind == "ids":
        steps: list[Dim] = [4, "T"]
        first = Input("x", (batch, chance.choice(steps)), "int64", ids=True)
        value = _embedded(draft, first)
    else:
        dims: dict[str, tuple[Dim, ...]] = {
            "rows": (4,),
            "steps": ("T" if chance.random() < 0.5 else 4, 3),
            "picture": (2, "H", "W") if chance.random() < 0.5 else (2, 6, 6),
        }
        dtype = "float32" if chance.random() < 0.6 else chance.choice(DTYPES)
        first = Input("x", (batch, *dims[kind]), dtype)
        value = draft.let(Value("x", first.dims), "x.astype('float32') * self.one")
    inputs = [first]
    if chance.random() < 0.3:
        inputs.append(Input("y", (batch, 1), chance.choice(DTYPES)))
        shape = [-1] + [1] * (len(value.dims) - 1)
        value = draft.let(value, f"{value.name} + y.astype('float32').reshape({shape})")
    if chance.random() < 0.15:
        inputs.append(Input("s", (1,), "float32"))
        draft.scalar = "s"
        value = draft.let(value, f"{value.name} - s")
    return tuple(inputs), value


def _embedded(draft: Draft, ids: Input) -> Value:
    padding = draft.random.choice(["", ", padding_idx=0"])
    if draft.random.random() < 0.5:
        layer = draft.layer(f"nn.Embedding({IDS}, 4{padding})")
        return draft.let(Value("x", (*ids.dims, 4), exact=False), f"{layer}(x)")
    return draft.let(Value("x", (*ids.dims, IDS)), f"F.one_hot(x, {IDS}) * self.one")


def _outputs(draft: Draft, values: list[Value]) -> list[str]:
    """The last value, perhaps with earlier ones, whole numbers and another dtype; in any order."""
    chance, outputs = draft.random, [values[-1].name]
    if values[-1].exact and chance.random() < 0.4:
        outputs[0] += f".astype('{chance.choice(CONVERSIONS)}')"
    if chance.random() < 0.4:
        outputs.append(f"{chance.choice(values[:-1]).name} * 0.5")
    outputs += [extra for extra in draft.extras if chance.random() < 0.7]
    chance.shuffle(outputs)
    return outputs


def _source(seed: int, inputs: tuple[Input, ...], draft: Draft, outputs: list[str]) -> str:
    indent = "\n        "
    return _PROGRAM.format(
        seed=seed,
        blocks=", ".join(draft.blocks),
        layers=indent.join(draft.layers),
        inputs=", ".join(one.name for one in inputs),
        lines=indent.join(draft.lines),
        outputs=", ".join(outputs),
    )


def requests(program: Program) -> list[Request]:
    """What is sent to it: few rows and many, values on which branches part, two sizes of what is open."""
    chance = np.random.default_rng(program.seed)
    counts = [*(int(chance.choice(ROW_COUNTS)) for _ in range(REQUESTS - 1)), MANY_ROWS]
    return [_request(program, rows, chance) for rows in counts]


def _request(program: Program, rows: int, chance: np.random.Generator) -> Request:
    sizes = {name: int(chance.choice(choices)) for name, choices in OPEN.items()} | {ROWS: rows}
    low, high = [(0, 8), (-32, 32), (16, 64), (-64, -8)][int(chance.integers(4))]
    made: Request = {}
    for one in program.inputs:
        shape = tuple(sizes[dim] if isinstance(dim, str) else dim for dim in one.dims)
        if one.ids:
            array: Array = chance.integers(0, IDS, shape)
        elif one.dtype == "bool":
            array = chance.integers(0, 2, shape)
        elif one.dtype.startswith("float"):
            array = chance.integers(low, high, shape) / 8
        else:
            array = np.abs(chance.integers(low, high, shape)) // 8
        made[one.name] = np.asarray(array).astype(one.dtype)
    return made
