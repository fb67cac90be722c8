"""The experiments of the warm-up: which way to run the model is right, and which is fast. Pure.

They get the predictor that is open already. All share one budget of time: the server should be ready little
later than the bare model would be.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from paddlemodel_server.engine import paddle_errors
from paddlemodel_server.engine.difference import largest_part
from paddlemodel_server.engine.interface import Array, Clock, Engine, Open, Runs
from paddlemodel_server.engine.paddle_errors import said
from paddlemodel_server.engine.run_sizes import GAIN, warm_sizes
from paddlemodel_server.errors import StartError

TRIES = 3
SHORT_SECONDS = 0.03  # runs shorter than this are repeated: a single timing of theirs says little
LONG_SECONDS = 0.25  # a run this long is timed once
MOST_TRIES = 50
FREE_SECONDS = 0.1  # what costs less than this is done even when the time for probing is spent
TINY_SECONDS = 0.0005  # the tensors of so short a run are a few megabytes at most
TOLERANCE = 1e-3
SPARE = 1.25  # a larger run is expected to take so much more of what rows have taken so far
MOST_DIFFERENT = 0.1  # a lower precision may move an answer by this part of the largest value

_MORE = "PADDLEMODEL_WARMUP_SECONDS allows more"
Example = tuple[list[Array], list[Array]]  # inputs, and the answer in FP32
log = logging.getLogger(__name__)


class Budget:
    """The time that probing may take, and the clock that times runs."""

    def __init__(self, clock: Clock, worked: Clock, seconds: float) -> None:
        """Start it.

        Args:
            clock: seconds, to time runs.
            worked: seconds, of which `seconds` may pass.
            seconds: the budget.
        """
        self.clock = clock
        self._worked = worked
        self._began = clock(), worked()
        self._seconds = seconds
        self._first = 0.0

    def begin(self) -> None:
        """Count from now on: before came the load and the first run, and others will take as long."""
        now = self.clock(), self._worked()
        self._first, self._began = now[1] - self._began[1], now

    def allows_another(self) -> bool:
        """Whether there is time for one more load and run."""
        worked = self._worked() - self._began[1]
        return self._first < FREE_SECONDS or worked + self._first < self._seconds

    def allows(self, seconds: float) -> bool:
        """Whether there is time for something that takes so long by the clock."""
        passed, worked = self.clock() - self._began[0], self._worked() - self._began[1]
        work = seconds * min(1.0, worked / passed) if passed > 0 else seconds
        return work < FREE_SECONDS or worked + work < self._seconds


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What the kernel says of this process's memory, in bytes."""

    peak: Callable[[], int] = lambda: 0  # the most since it was last asked
    most: Callable[[], int] = lambda: 1 << 60  # what may be reached before the kernel kills


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The predictor to serve with."""

    predictor: Runs
    engine: Engine
    answer: list[Array]  # to the example
    seconds: float | None = None  # of a run, where it was timed
    difference: float = 0.0


def same(one: Sequence[Array], other: Sequence[Array]) -> bool:
    """Whether two answers agree, but for rounding."""
    return largest_part(one, other, smallest_scale=1.0) <= TOLERANCE


def repeated(example: list[Array], rows: int) -> list[Array]:
    """So many copies of one row."""
    return [np.repeat(array, rows, axis=0) for array in example]


def onednn(opened: Open, engine: Engine, plain: Runs, example: Example, budget: Budget) -> Chosen:
    """Whichever is faster: with oneDNN or without; without, where it fails or answers otherwise."""
    inputs, answer = example
    without = Chosen(predictor=plain, engine=engine, answer=answer)
    if not budget.allows_another():
        log.warning("oneDNN was not tried: the model takes too long to load; %s", _MORE)
        return without
    fast_engine = replace(engine, onednn=True)
    try:
        fast = opened(fast_engine)
        began = budget.clock()
        fast_answer = fast.run(inputs)
        first_seconds = budget.clock() - began
    except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
        log.info("oneDNN is off: the model does not run with it", extra={"cause": said(error)})
        return without
    if not same(answer, fast_answer):
        log.warning("oneDNN is off: its answers differ from those without it")
        return without
    seconds = timed(plain, inputs, budget.clock)
    # A first run is never the fastest: if it wins, no other is needed.
    fast_seconds = first_seconds if first_seconds < seconds / GAIN else timed(fast, inputs, budget.clock)
    log.info(
        "oneDNN is %s: it was measured",
        "on" if fast_seconds < seconds else "off",
        extra={"without_ms": round(seconds * 1e3, 3), "with_ms": round(fast_seconds * 1e3, 3)},
    )
    if fast_seconds >= seconds:
        return replace(without, seconds=seconds)
    return Chosen(predictor=fast, engine=fast_engine, answer=fast_answer, seconds=fast_seconds)


def kept_tensors(opened: Open, chosen: Chosen, inputs: list[Array], budget: Budget) -> Chosen:
    """Spare a tiny model the freeing of its tensors in each run: Paddle does it in another thread.

    Measured with PaddlePaddle 3.3.1 and a perceptron of three layers: 45 microseconds of CPU a run become 20.
    A larger model would hold all tensors of a run instead of the few that are alive at a time.
    """
    if chosen.seconds is None or chosen.seconds >= TINY_SECONDS or not budget.allows_another():
        return chosen
    engine = replace(chosen.engine, keep_tensors=True)
    kept = opened(engine)
    return replace(chosen, predictor=kept, engine=engine, answer=kept.run(inputs))


def lower_precision(opened: Open, engine: Engine, plain: Runs, example: Example, budget: Budget) -> Chosen:
    """The precision (or TensorRT) that was asked for, compared with FP32.

    Raises:
        StartError: it does not run, or answers too differently.
    """
    inputs, exact = example
    desired = f"PADDLEMODEL_PRECISION {engine.precision}" + (
        " with TensorRT" if engine.tensorrt == "on" else ""
    )
    try:
        found = opened(engine)
        answer = found.run(inputs)
    except StartError:
        raise
    except Exception as error:
        raise StartError(
            "PrecisionFails", f"The model does not run with {desired}: {said(error)}. Set another precision."
        ) from error
    part = largest_part(exact, answer)
    if not part <= MOST_DIFFERENT:
        raise StartError(
            "PrecisionDiffers",
            f"With {desired} the answer to the warm-up request differs from FP32 by {part:.2g} of its "
            f"largest value; at most {MOST_DIFFERENT:g} is served. Set FP32, or add a real request as "
            "warmup.json if random numbers are no fair test of this model.",
        )
    seconds, lower_seconds = timed(plain, inputs, budget.clock), timed(found, inputs, budget.clock)
    told = {"difference": float(f"{part:.3g}")}
    told |= {"fp32_ms": round(seconds * 1e3, 3), "ms": round(lower_seconds * 1e3, 3)}
    if lower_seconds > seconds:
        log.warning("%s is slower than FP32 for this model on this machine", desired, extra=told)
    else:
        log.info("%s was compared with FP32", desired, extra=told)
    return Chosen(predictor=found, engine=engine, answer=answer, difference=part)


def timed(predictor: Runs, inputs: Sequence[Array], clock: Clock) -> float:
    """The seconds of the fastest of a few runs."""
    best, started = float("inf"), clock()
    for tried in range(MOST_TRIES):
        begin = clock()
        predictor.run(inputs)
        end = clock()
        best = min(best, end - begin)
        if end - started > (SHORT_SECONDS if tried + 1 >= TRIES else LONG_SECONDS):
            break
    return best


def measured(chosen: Chosen, inputs: list[Array], budget: Budget) -> Chosen:
    """With the seconds of a run, if there is time to find them out."""
    if chosen.seconds is not None or not budget.allows_another():
        return chosen
    return replace(chosen, seconds=timed(chosen.predictor, inputs, budget.clock))


def rows_are_independent(chosen: Chosen, example: list[Array], other: list[Array], budget: Budget) -> bool:
    """Whether a request's answer is the same alone and beside another's."""
    predictor = chosen.predictor
    if chosen.seconds is None or not budget.allows(3 * chosen.seconds):
        log.warning(
            "no batching: the model is too slow to find out in time whether rows may share a run; %s", _MORE
        )
        return False
    try:
        alone = predictor.run(other)
        joined = predictor.run([np.concatenate(pair) for pair in zip(example, other, strict=True)])
        independent = all(
            output.ndim > 0 and len(output) == 2 and same([output[:1], output[1:]], list(parts))
            for output, *parts in zip(joined, chosen.answer, alone, strict=True)
        )
    except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
        log.warning("no batching: the model fails on two rows", extra={"cause": said(error)})
        predictor.shrink()
        return False
    if not independent:
        log.warning("no batching: rows of one run change each other's answers")
    return independent


def timed_sizes(
    predictor: Runs, example: list[Array], cap: int, budget: Budget, memory: Memory
) -> dict[int, float]:
    """Time growing runs, and stop where they no longer pay: each size costs time and memory."""
    sizes: dict[int, float] = {}
    peaks: dict[int, int] = {}
    predictor.shrink()  # what earlier runs have left behind would hide what these take
    memory.peak()
    best, idle, row_seconds = 0.0, 0, 0.0
    for rows in warm_sizes(cap):
        if sizes and not budget.allows(3 * rows * row_seconds):
            log.info("larger runs were not tried: the time for probing is spent", extra={"rows": rows})
            break
        if _peak_of(rows, peaks) > memory.most():
            log.warning("larger runs were not tried: there is no memory for them", extra={"rows": rows})
            break
        inputs = repeated(example, rows)
        try:
            if rows > 2:  # one and two have run already; the first run of a size is slow
                predictor.run(inputs)
            sizes[rows] = timed(predictor, inputs, budget.clock)
        except Exception as error:
            if paddle_errors.kind(error) != "memory":
                raise
            log.warning("larger runs find no memory", extra={"rows": rows, "cause": said(error)})
            predictor.shrink()
            break
        peaks[rows] = memory.peak()
        row_seconds = sizes[rows] / rows
        rate = rows / max(sizes[rows], 1e-9)
        idle = 0 if rate > best * GAIN else idle + 1
        best = max(best, rate)
        if idle == 2:
            break
    return sizes or {1: timed(predictor, example, budget.clock)}


def _peak_of(rows: int, peaks: dict[int, int]) -> float:
    """What a run of so many rows is expected to take, from two smaller ones; those have run already."""
    if len(peaks) < 2:
        return 0.0
    (few, less), (many, most) = list(peaks.items())[-2:]
    return most + SPARE * max(0, most - less) / (many - few) * (rows - many)
