"""Optimisations that are wrong in ways that a comparison could overlook: each has to be found."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from paddlemodel_server.engine.interface import Array, Engine
from paddlemodel_server.engine.warmup import Prepared, prepare
from paddlemodel_server.model.signature import Model, Tensor

from tests.serving_image.support.models.fake_predictor import Clock, Fake, asked, model

Answer = Callable[[Array], Array]
SIZES = np.array([640, 640, 1], np.float32)  # of a detector's numbers: coordinates, and a score beside them


class Wrong(Fake):
    """A predictor that is wrong by what it has run before."""

    def __init__(self, answer: Answer, clock: Clock) -> None:
        super().__init__(answer, lambda _: 0.005, clock)
        self.random = np.random.default_rng(1)
        self.shapes: list[tuple[int, ...]] = []
        self.first: dict[tuple[int, ...], Array] = {}


class Garbage(Wrong):
    """Where numbers are large it reads memory that nobody wrote: other numbers every time."""

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        (answer,) = super().run(arrays)
        noise = self.random.uniform(0, 0.05, answer.shape) * np.abs(answer).max()
        return [np.where(np.abs(arrays[0]).max() > 5, answer + noise, answer).astype(np.float32)]


class Remembering(Wrong):
    """It answers what it answered first to that shape, once another shape came in between."""

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        (answer,) = super().run(arrays)
        shape = arrays[0].shape
        back = shape in self.shapes and self.shapes[-1] != shape
        self.shapes.append(shape)
        first = self.first.setdefault(shape, answer + 1)
        return [first if back else answer]


class Shrunken(Wrong):
    """It is wrong for every width but the first one."""

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        (answer,) = super().run(arrays)
        self.shapes.append(arrays[0].shape[1:])
        return [answer if arrays[0].shape[1:] == self.shapes[0] else answer + 1]


class Faint(Wrong):
    """Its scores are those of another object; its coordinates, in the same output, are right."""

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        (answer,) = super().run(arrays)
        return [answer * np.array([1, 1, 0.7], np.float32)]


class Signed(Wrong):
    """It takes bytes above 127 for negative numbers."""

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        return super().run([arrays[0].astype(np.int8)])


def tried(
    wrong: Callable[[Answer, Clock], Wrong], answer: Answer, described: Model, *, keeping: bool = False
) -> Prepared:
    """Prepare a model whose predictor with oneDNN (or with kept tensors) is wrong."""
    clock = Clock()

    def opened(engine: Engine) -> Fake:
        if engine.keep_tensors if keeping else engine.onednn:
            return wrong(answer, clock)
        return Fake(answer, lambda _: 0.0001 if keeping else 0.01, clock)

    return prepare(described, opened, asked(cap=1), clock)


def coordinates(x: Array) -> Array:
    return np.abs(np.sin(x)).astype(np.float32) * SIZES


def doubled(x: Array) -> Array:
    return x.astype(np.float32) * 2


OPEN = model(shape=(-1, -1), output=(-1, -1))
BYTES = Model(
    format="PIR",
    inputs=(Tensor(name="x", dtype="uint8", shape=(-1, 3)),),
    outputs=(Tensor(name="y", dtype="float32", shape=(-1, 3)),),
)
KINDS = {
    "garbage that is small beside an extreme answer": (Garbage, doubled, model()),
    "a score beside coordinates": (Faint, coordinates, model()),
    "an earlier answer to the same shape": (Remembering, doubled, model()),
    "another size of an open dimension": (Shrunken, doubled, OPEN),
    "bytes above 127": (Signed, doubled, BYTES),
}


@pytest.mark.parametrize("kind", KINDS)
def test_onednn_that_is_wrong_is_off(kind: str) -> None:
    wrong, answer, described = KINDS[kind]
    prepared = tried(wrong, answer, described)
    assert not prepared.engine.onednn
    assert prepared.notes["oneDNN"].startswith("off: tried, and it answers a request of shapes")
    right = tried(Wrong, answer, described)
    assert right.engine.onednn
    assert right.notes["oneDNN"].startswith("on: ")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "bytes above 127"])
def test_kept_tensors_that_are_wrong_are_off(kind: str) -> None:
    wrong, answer, described = KINDS[kind]
    assert not tried(wrong, answer, described, keeping=True).engine.keep_tensors
    assert tried(Wrong, answer, described, keeping=True).engine.keep_tensors
