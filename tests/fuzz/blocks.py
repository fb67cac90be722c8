"""What a random program is made of: each block appends a few lines of Paddle to the program that is written.

Pure text: Paddle is imported by nobody here. Every block takes the current value and returns the next one. A
value that is `exact` is a multiple of 1/64 that float32 holds without rounding, whatever order its parts were
added in; only such values may meet a comparison, a sort, a branch or a conversion, so that the answer cannot
hang on the last bit of a sum that another engine adds up in another order.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

Dim = int | str  # a number, or the name of an open dimension; "N" is the batch, "?" depends on values
ROWS = "N"


@dataclass(frozen=True)
class Value:
    """A float32 tensor of the program, by its variable's name."""

    name: str
    dims: tuple[Dim, ...]
    exact: bool = True

    @property
    def last(self) -> Dim:
        return self.dims[-1]


@dataclass
class Draft:
    """A program while it is written."""

    random: random.Random
    pir: bool  # else legacy, which Paddle 3.3 cannot write with matmul, sum, argmax, `if` or a GRU in it
    layers: list[str] = field(default_factory=list)  # lines of __init__
    lines: list[str] = field(default_factory=list)  # lines of forward
    extras: list[str] = field(default_factory=list)  # expressions that may be outputs besides
    blocks: list[str] = field(default_factory=list)  # names of what was used
    scalar: str = ""  # an input that is no part of the batch
    _names: int = 0

    def name(self, prefix: str = "v") -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def layer(self, made: str) -> str:
        name = f"self.{self.name('l')}"
        self.layers.append(f"{name} = {made}")
        return name

    def buffer(self, numbers: list[int]) -> str:
        name = self.name("b")
        self.layers.append(f"self.register_buffer('{name}', paddle.to_tensor({numbers}))")
        return f"self.{name}"

    def let(self, value: Value, expression: str, dims: tuple[Dim, ...] = (), **changes: bool) -> Value:
        """Write `name = expression`; the new value, like the old one but for what is said."""
        name = self.name()
        self.lines.append(f"{name} = {expression}")
        return replace(value, name=name, dims=dims or value.dims, **changes)

    def product(self, subscripts: str, one: str, other: str) -> str:
        """A matrix product; `subscripts` are those of einsum."""
        if not self.pir:
            return f"paddle.einsum('{subscripts}', {one}, {other})"
        turned = "kj->" in subscripts
        return f"paddle.matmul({one}, {other}{', transpose_y=True' if turned else ''})"

    def threshold(self) -> str:
        return self.scalar or self.random.choice(["0.0", "0.5", "1.5"])


Write = Callable[[Draft, Value], Value]


@dataclass(frozen=True)
class Block:
    """A block and where it fits."""

    write: Write
    rank: int
    exact: bool  # takes exact values only
    last: bool = False  # nothing can follow
    pir: bool = False  # not in a legacy program


BLOCKS: dict[str, Block] = {}


def block(
    rank: int, *, exact: bool = False, last: bool = False, pir: bool = False
) -> Callable[[Write], Write]:
    """Enter a block into the table by its function's name."""

    def enter(write: Write) -> Write:
        BLOCKS[write.__name__] = Block(write, rank, exact, last, pir)
        return write

    return enter


# --- pictures: [N, channels, height, width]


@block(4)
def conv(d: Draft, v: Value) -> Value:
    channels = d.random.choice([2, 4])
    layer = d.layer(f"nn.Conv2D({v.dims[1]}, {channels}, 3, padding=1)")
    return d.let(v, f"F.relu({layer}({v.name}))", (v.dims[0], channels, *v.dims[2:]), exact=False)


@block(4)
def batch_norm(d: Draft, v: Value) -> Value:
    layer = d.layer(f"nn.BatchNorm2D({v.dims[1]})")
    d.layers.append(f"{layer}._mean.set_value(paddle.randn([{v.dims[1]}]) * 0.1)")
    return d.let(v, f"{layer}({v.name})", exact=False)


@block(4)
def group_norm(d: Draft, v: Value) -> Value:
    return d.let(v, f"{d.layer(f'nn.GroupNorm(1, {v.dims[1]})')}({v.name})", exact=False)


@block(4)
def max_pool(d: Draft, v: Value) -> Value:
    return d.let(v, f"F.max_pool2d({v.name}, 3, 1, 1)")


@block(4)
def set_channel(d: Draft, v: Value) -> Value:
    copy = d.let(v, f"{v.name}.clone()")
    d.lines.append(f"{copy.name}[:, 0] = {v.name}[:, -1] * 2.0")
    return copy


@block(4)
def to_sequence(d: Draft, v: Value) -> Value:
    dims = v.dims[0], "?", v.dims[1]
    return d.let(v, f"{v.name}.flatten(2).transpose([0, 2, 1])", dims)


@block(4)
def pooled(d: Draft, v: Value) -> Value:
    how, exact = d.random.choice([("mean", False), ("max", v.exact)])
    return d.let(v, f"{v.name}.{how}(axis=[2, 3])", v.dims[:2], exact=exact)


# --- sequences: [N, steps, features]


@block(3)
def layer_norm(d: Draft, v: Value) -> Value:
    return d.let(v, f"{d.layer(f'nn.LayerNorm({v.last})')}({v.name})", exact=False)


@block(3)
def attention(d: Draft, v: Value) -> Value:
    q, k, w = (f"{d.layer(f'nn.Linear({v.last}, {v.last})')}({v.name})" for _ in range(3))
    product = d.product("nij,nkj->nik", q, k)
    scores = d.let(v, f"F.softmax({product} * 0.5, axis=-1)")
    return d.let(v, d.product("nij,njk->nik", scores.name, w), exact=False)


@block(3, pir=True)
def recurrent(d: Draft, v: Value) -> Value:
    return d.let(v, f"{d.layer(f'nn.GRU({v.last}, 4)')}({v.name})[0]", (*v.dims[:2], 4), exact=False)


@block(3)
def running_sum(d: Draft, v: Value) -> Value:
    return d.let(v, f"paddle.cumsum({v.name}, axis=1)")


@block(3, exact=True)
def sort_steps(d: Draft, v: Value) -> Value:
    return d.let(v, f"paddle.sort({v.name}, axis=1)")


@block(3, exact=True)
def gather_sorted(d: Draft, v: Value) -> Value:
    order = f"paddle.argsort({v.name}, axis=1, stable=True)"
    return d.let(v, f"paddle.take_along_axis({v.name}, {order}, axis=1)")


@block(3)
def gather_features(d: Draft, v: Value) -> Value:
    size = int(v.last)
    chosen = [d.random.randrange(size) for _ in range(size)]
    return d.let(v, f"paddle.index_select({v.name}, {d.buffer(chosen)}, axis=2)")


@block(3)
def grow(d: Draft, v: Value) -> Value:
    """A cache that grows by a step in each turn of a loop, as in every decoder."""
    steps, grown = d.random.randint(2, 5), d.let(v, v.name)
    i, n = d.name("i"), d.name("n")
    step = d.random.choice([f"{grown.name}[:, -1:] + 1.0", f"{grown.name}[:, :1] * 0.5 + 1.0"])
    d.lines += [
        f"{i} = paddle.zeros([], 'int32')",
        f"{n} = paddle.full([], {steps}, 'int32')",
        f"while {i} < {n}:",
        f"    {grown.name} = paddle.concat([{grown.name}, {step}], axis=1)",
        f"    {i} = {i} + 1",
    ]
    return replace(grown, dims=(v.dims[0], "?", v.last), exact=v.exact and "0.5" not in step)


@block(3, exact=True)
def grow_until(d: Draft, v: Value) -> Value:
    """A decoder that runs until all rows are done: how long the answer is hangs on the whole batch."""
    grown, i, n = d.let(v, v.name), d.name("i"), d.name("n")
    d.lines += [
        f"{i} = paddle.zeros([], 'int32')",
        f"{n} = paddle.full([], 6, 'int32')",
        f"while ({i} < {n}) & (paddle.min({grown.name}[:, -1]) < 3.0):",
        f"    {grown.name} = paddle.concat([{grown.name}, {grown.name}[:, -1:] + 1.0], axis=1)",
        f"    {i} = {i} + 1",
    ]
    return replace(grown, dims=(v.dims[0], "?", v.last))


@block(3)
def over_steps(d: Draft, v: Value) -> Value:
    ways = [("mean", False), ("max", v.exact), *([("sum", v.exact)] if d.pir else [])]
    how, exact = d.random.choice(ways)
    return d.let(v, f"{v.name}.{how}(axis=1)", (v.dims[0], v.last), exact=exact)
