"""What only a run can tell about a model, measured before it takes traffic.

The owner calls `prepare` once. It finds out whether oneDNN works, agrees and is faster (3-4 times on
convolutional networks, slower on tiny ones, a failure on some PIR programs), whether rows are independent so
that requests may share a run, and how long a run of each size takes. It never touches Paddle: the predictor
comes from outside, so a fake one can fail here as Paddle fails.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from paddlemodel_server.batch import GAIN, warm_sizes
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import Model

Array = np.ndarray[Any, np.dtype[Any]]
Clock = Callable[[], float]

OPEN_SIDES = (64, 224, 320, 32, 48, 16, 8, 1)  # tried in turn for dimensions that the model leaves open
TRIES = 3
SHORT_SECONDS = 0.03  # runs shorter than this are repeated: a single timing of theirs says little
MOST_TRIES = 50
BUDGET_SECONDS = 1.0  # per question; a slow model is not asked three times
TOLERANCE = 1e-3

log = logging.getLogger(__name__)


class Runs(Protocol):
    """What `prepare` needs of a predictor."""

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Run the model once."""
        ...


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the owner already knows."""

    cap: int  # rows of one run at most
    onednn: bool | None  # None: find out
    sides: tuple[int, int] | None = None  # height and width, from the task


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A predictor and what was learned about it."""

    predictor: Runs
    onednn: bool
    sizes: dict[int, float] = field(default_factory=dict)  # rows -> seconds; empty: requests run one by one
    probabilities: bool = False  # whether the first output already sums to one


def prepare(model: Model, opened: Callable[[bool], Runs], options: Options, clock: Clock) -> Prepared:
    """Load, probe and warm up a model.

    Args:
        model: the inputs and outputs.
        opened: makes a predictor with (True) or without oneDNN.
        options: what is decided already.
        clock: seconds.
    """
    plain = _opened(opened, onednn=bool(options.onednn))
    found = _example(model, plain, options)
    if found is None:
        log.warning(
            "no warm-up: the model ran with none of the sizes that were tried for its open dimensions",
            extra={"tried": OPEN_SIDES},
        )
        return Prepared(predictor=plain, onednn=bool(options.onednn))
    example, answer = found
    predictor, onednn = plain, bool(options.onednn)
    if options.onednn is None:
        faster = _faster_with_onednn(opened, plain, example, answer, clock)
        if faster is not None:
            predictor, onednn = faster, True
    probabilities = sums_to_one(answer[0])
    sizes = {}
    if model.batched and options.cap > 1 and _rows_are_independent(model, predictor, example):
        sizes = _timed_sizes(predictor, example, options.cap, clock)
    return Prepared(predictor=predictor, onednn=onednn, sizes=sizes, probabilities=probabilities)


def sums_to_one(scores: Array) -> bool:
    """Whether these are probabilities, so that a softmax would be wrong."""
    if scores.ndim < 2 or not np.issubdtype(scores.dtype, np.floating) or not np.isfinite(scores).all():
        return False
    sums = scores.reshape(scores.shape[0], -1).sum(axis=1, dtype=np.float64)
    return bool((scores >= 0).all() and np.abs(sums - 1).max(initial=0) < 1e-2)


def same(one: Sequence[Array], other: Sequence[Array]) -> bool:
    """Whether two answers agree, but for rounding."""
    return len(one) == len(other) and all(_close(a, b) for a, b in zip(one, other, strict=True))


def _close(one: Array, other: Array) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not np.issubdtype(one.dtype, np.floating):
        return bool(np.array_equal(one, other))
    finite = np.abs(one[np.isfinite(one)])
    scale = max(1.0, float(finite.max(initial=0)))
    return bool(np.allclose(one, other, rtol=0, atol=TOLERANCE * scale, equal_nan=True))


def _opened(opened: Callable[[bool], Runs], *, onednn: bool) -> Runs:
    try:
        return opened(onednn)
    except Exception as error:
        raise StartError("ModelDoesNotLoad", f"Paddle cannot load the model: {said(error)}.") from error


def _example(model: Model, predictor: Runs, options: Options) -> tuple[list[Array], list[Array]] | None:
    """Inputs of one row that the model accepts, and its answer."""
    error: Exception | None = None
    for sides in _sides(model, options):
        example = [_filled(t.numpy, shape) for t, shape in zip(model.inputs, sides, strict=True)]
        try:
            return example, predictor.run(example)
        except Exception as failure:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            error = failure
            log.debug("the model refuses a warm-up shape", extra={"shapes": str(sides)})
    if any(-1 in tensor.shape[1:] for tensor in model.inputs):
        return None
    raise StartError("ModelDoesNotRun", f"The model fails on its first run: {said(error)}.") from error


def _sides(model: Model, options: Options) -> Iterator[list[tuple[int, ...]]]:
    if options.sides:
        height, width = options.sides
        yield [_closed(_with_sides(tensor.shape, height, width), 1) for tensor in model.inputs]
    elif any(-1 in tensor.shape[1:] for tensor in model.inputs):
        for side in OPEN_SIDES:
            yield [_closed(tensor.shape, side) for tensor in model.inputs]
    else:
        yield [_closed(tensor.shape, 1) for tensor in model.inputs]


def _with_sides(shape: tuple[int, ...], height: int, width: int) -> tuple[int, ...]:
    open_sides = iter((height, width))
    return tuple(next(open_sides, 1) if n == -1 and at else n for at, n in enumerate(shape))


def _closed(shape: tuple[int, ...], side: int) -> tuple[int, ...]:
    return tuple((1 if at == 0 else side) if n == -1 else n for at, n in enumerate(shape))


def _filled(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int = 0) -> Array:
    """The same numbers every time; whole numbers stay 0 or 1, as they may be indices."""
    random = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return random.random(shape, dtype=np.float32).astype(dtype)
    return random.integers(0, 2, shape).astype(dtype)


def _faster_with_onednn(
    opened: Callable[[bool], Runs], plain: Runs, example: list[Array], answer: list[Array], clock: Clock
) -> Runs | None:
    try:
        fast = opened(True)
        fast_answer = fast.run(example)
    except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
        log.info("oneDNN is off: the model does not run with it", extra={"cause": said(error)})
        return None
    if not same(answer, fast_answer):
        log.warning("oneDNN is off: its answers differ from those without it")
        return None
    seconds, fast_seconds = _seconds(plain, example, clock), _seconds(fast, example, clock)
    log.info(
        "oneDNN is %s: it was measured",
        "on" if fast_seconds < seconds else "off",
        extra={"without_ms": round(seconds * 1e3, 3), "with_ms": round(fast_seconds * 1e3, 3)},
    )
    return fast if fast_seconds < seconds else None


def _seconds(predictor: Runs, inputs: list[Array], clock: Clock) -> float:
    best, started = float("inf"), clock()
    for tried in range(MOST_TRIES):
        begin = clock()
        predictor.run(inputs)
        end = clock()
        best = min(best, end - begin)
        if end - started > (SHORT_SECONDS if tried + 1 >= TRIES else BUDGET_SECONDS):
            break
    return best


def _rows_are_independent(model: Model, predictor: Runs, example: list[Array]) -> bool:
    """Whether a request's answer is the same alone and beside another's."""
    other = [_filled(a.dtype, a.shape, seed=1) for a in example]
    both = [np.concatenate(pair) for pair in zip(example, other, strict=True)]
    try:
        alone = [predictor.run(example), predictor.run(other)]
        joined = predictor.run(both)
        independent = all(
            output.ndim > 0 and len(output) == 2 and same([output[:1], output[1:]], list(parts))
            for output, *parts in zip(joined, *alone, strict=True)
        )
    except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
        log.warning("no batching: the model fails on two rows", extra={"cause": said(error)})
        return False
    if not independent:
        log.warning(
            "no batching: rows of one run change each other's answers", extra={"format": model.format}
        )
    return independent


def _timed_sizes(predictor: Runs, example: list[Array], cap: int, clock: Clock) -> dict[int, float]:
    """Time growing runs, and stop where they no longer pay: each size costs time and memory."""
    sizes: dict[int, float] = {}
    best, idle = 0.0, 0
    for rows in warm_sizes(cap):
        inputs = [np.repeat(array, rows, axis=0) for array in example]
        predictor.run(inputs)  # the first run of a size is slow
        sizes[rows] = _seconds(predictor, inputs, clock)
        rate = rows / max(sizes[rows], 1e-9)
        idle = 0 if rate > best * GAIN else idle + 1
        best = max(best, rate)
        if idle == 2:
            break
    return sizes


def said(error: Exception | None) -> str:
    """The telling line of a Paddle error, which is otherwise a C++ stack trace."""
    text = re.sub(r"\s*\(at /[^)]*\)", "", str(error))  # where in Paddle's own source
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("(", "[Hint")) or "Error:" in line]
    return " ".join((telling or lines or [type(error).__name__])[-2:])[:400].rstrip(".")
