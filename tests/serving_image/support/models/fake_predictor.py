"""A predictor whose answers, failures and times are given, as `warmup` sees one."""

from collections.abc import Callable, Sequence
from typing import Any

from paddlemodel_server.engine.interface import Array, Engine
from paddlemodel_server.engine.warmup import Options, Prepared, prepare
from paddlemodel_server.model.signature import Model, Tensor


class Fake:
    """A predictor whose answers and times are given."""

    def __init__(
        self, answer: Callable[[Array], Array], seconds: Callable[[int], float], clock: "Clock"
    ) -> None:
        self.answer = answer
        self.seconds = seconds
        self.clock = clock
        self.rows: list[int] = []

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        self.rows.append(len(arrays[0]))
        self.clock.now += self.seconds(len(arrays[0]))
        return [self.answer(arrays[0])]

    def shrink(self) -> None:
        pass


class Clock:
    """Time passes only in runs."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def model(shape: tuple[int, ...] = (-1, 3), output: tuple[int, ...] = (-1, 3)) -> Model:
    return Model(
        format="PIR",
        inputs=(Tensor(name="x", dtype="float32", shape=shape),),
        outputs=(Tensor(name="y", dtype="float32", shape=output),),
    )


def run(
    plain: Callable[[Array], Array] | None = None,
    fast: Callable[[Array], Array] | None = None,
    *,
    seconds: Callable[[int], float] = lambda _: 0.01,
    fast_seconds: Callable[[int], float] = lambda _: 0.005,
    described: Model | None = None,
    options: Options | None = None,
) -> Prepared:
    clock = Clock()
    same = lambda x: x * 2  # noqa: E731 - shorter than a function
    fakes = {
        False: Fake(plain or same, seconds, clock),
        True: Fake(fast or plain or same, fast_seconds, clock),
    }
    return prepare(described or model(), lambda engine: fakes[engine.onednn], options or asked(cap=8), clock)


def asked(**more: Any) -> Options:
    given: dict[str, Any] = {"engine": Engine(), "cap": 8, "seconds": 100} | more
    return Options(**given)


def fails(message: str = "(InvalidArgument) no") -> Callable[[Array], Array]:
    def run(_: Array) -> Array:
        raise RuntimeError(message)

    return run
