"""What only a run can tell about a model, measured before it takes traffic.

The worker calls `prepare` once. It finds out whether oneDNN works, agrees and is faster (3-4 times on
convolutional networks, slower on tiny ones, a failure on some PIR programs), how far a lower precision is
from FP32, whether rows are independent so that requests may share a run, and how long a run of each size
takes. It never touches Paddle: the predictor comes from outside, so a fake one can fail here as Paddle fails.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from paddlemodel_server.engine import autotune, paddle_errors, scores
from paddlemodel_server.engine.interface import Array, Clock, Engine, Open, Runs
from paddlemodel_server.engine.made_up import made_up
from paddlemodel_server.engine.paddle_errors import explain, said
from paddlemodel_server.engine.run_sizes import warm_sizes
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.served import ScoreKind, WarmUp

OPEN_SIDES = (64, 224, 320, 32, 48, 16, 8, 1)  # tried in turn for dimensions that the model leaves open

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the first worker has found; the others go by it, so that all answer alike."""

    onednn: bool
    sizes: dict[int, float]
    keep_tensors: bool = False


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the worker already knows."""

    engine: Engine  # what the settings ask for
    cap: int  # rows of one run at most
    seconds: float = 2.0  # for all probing, beyond the first run
    known: Known | None = None  # None: find out
    task: WarmUp = field(default_factory=WarmUp)  # shapes that it decides, scores that it wants judged
    samples: tuple[list[Array], ...] = ()  # requests that lie beside the model
    shapes_known: bool = False  # whether TensorRT's shapes were collected before
    memory: autotune.Memory = field(default_factory=autotune.Memory)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A predictor and what was learned about it."""

    predictor: Runs
    engine: Engine
    sizes: dict[int, float] = field(default_factory=dict)  # rows -> seconds; empty: requests run one by one
    run_seconds: float | None = None  # of the example
    scores: ScoreKind | None = None  # of the output that the task wants judged
    difference: float = 0.0  # of a lower precision from FP32, as a part of the largest value
    fitted: int = 0  # bytes of a row that has run
    shapes: dict[str, list[int]] = field(default_factory=dict)  # of the inputs of that row, by name


def prepare(
    model: Model, opened: Open, options: Options, clock: Clock, worked: Clock | None = None
) -> Prepared:
    """Load, probe and warm up a model.

    Args:
        model: the inputs and outputs.
        opened: makes a predictor.
        options: what is decided already.
        clock: seconds, to time runs.
        worked: seconds of work, to bound all probing: a machine that is busy with others must not change what
            is found out. None: as `clock`.

    Raises:
        StartError: the model does not load or run, or not as the settings ask.
    """
    asked = options.engine
    if options.known:
        return _as_known(model, opened, options, options.known)
    budget = autotune.Budget(clock, worked or clock, options.seconds)
    plain, plain_engine = _first(opened, asked)
    found = _example(model, plain, options)
    budget.begin()
    if found is None:
        if asked.precision != "FP32" or asked.tensorrt != "off":
            raise StartError(
                "NoWarmUp",
                f"{_asked_for(asked)} was asked for, but the model ran with none of the sizes that were "
                "tried for its open dimensions; add a request that it can take as warmup.json or warmup.npz.",
            )
        log.warning(
            "no warm-up: the model ran with none of the sizes that were tried for its open dimensions; "
            "add a request that it can take as warmup.json or warmup.npz",
            extra={"tried": OPEN_SIDES},
        )
        return Prepared(predictor=plain, engine=asked)
    example, answer = found
    if (asked.device, asked.precision) == ("cpu", "FP32"):
        chosen = autotune.onednn(opened, asked, plain, (example, answer), budget)
        if model.format == "PIR":  # legacy programs gain nothing
            chosen = autotune.kept_tensors(opened, chosen, example, budget)
    elif asked == plain_engine:
        chosen = autotune.Chosen(predictor=plain, engine=asked, answer=answer)
    else:
        if asked.tensorrt == "on" and not options.shapes_known:
            _collect_shapes(model, opened, options, example)
        chosen = autotune.lower_precision(opened, asked, plain, (example, answer), budget)
    del plain  # the one that was not chosen gives its memory back before the sizes are warmed up
    chosen = autotune.measured(chosen, example, budget)
    sizes: dict[int, float] = {}
    if model.batched and options.cap > 1:
        other = [_filled(t.dtype, a.shape, seed=1) for t, a in zip(model.inputs, example, strict=True)]
        if autotune.rows_are_independent(chosen, example, other, budget):
            sizes = autotune.timed_sizes(chosen.predictor, example, options.cap, budget, options.memory)
    return Prepared(
        predictor=chosen.predictor,
        engine=chosen.engine,
        sizes=sizes,
        run_seconds=chosen.seconds,
        scores=_scores(model, chosen.predictor, example, answer, options),
        difference=chosen.difference,
        fitted=sum(array.nbytes for array in example),
        shapes={t.name: list(a.shape) for t, a in zip(model.inputs, example, strict=True)},
    )


def _scores(
    model: Model, predictor: Runs, example: list[Array], answer: list[Array], options: Options
) -> ScoreKind | None:
    """Judge the output that the task asks about, and say what may surprise."""
    output = options.task.scores
    if output is None:
        return None
    kind = scores.kind(model, predictor, example, answer, output)
    if kind == "Independent":
        log.warning(
            "the model's scores lie from 0 to 1 and do not sum to one, as sigmoids do: they are answered as "
            "they are, without a softmax; set %s to None to say so, or to Softmax if they are logits",
            options.task.setting,
            extra={"output": model.outputs[output].name},
        )
    return kind


def _first(opened: Open, asked: Engine) -> tuple[Runs, Engine]:
    """What all else is compared with: FP32; where that does not fit into memory, what was asked for."""
    plain = replace(asked, precision="FP32", onednn=False, tensorrt="off")
    try:
        return _opened(opened, plain), plain
    except StartError as error:
        if error.reason != "OutOfMemory" or plain == asked:
            raise
        log.warning("FP32 does not fit into memory: the precision that was asked for is not compared with it")
        return _opened(opened, asked), asked


def _opened(opened: Open, engine: Engine) -> Runs:
    try:
        return opened(engine)
    except StartError:
        raise
    except Exception as error:
        if paddle_errors.kind(error) == "memory":
            raise StartError(
                "OutOfMemory",
                f"The model does not fit into memory: {said(error)}. Give the pod more, or another device.",
            ) from error
        raise explain(str(error)) from error


def _collect_shapes(model: Model, opened: Open, options: Options, example: list[Array]) -> None:
    """Show TensorRT every shape that it will be asked for; an engine is built for that range."""
    collecting = _opened(opened, replace(options.engine, precision="FP32", tensorrt="collect"))
    sizes = warm_sizes(options.cap) if model.batched else [1]
    for inputs in [*(autotune.repeated(example, rows) for rows in sizes), *options.samples]:
        collecting.run(inputs)


def _as_known(model: Model, opened: Open, options: Options, known: Known) -> Prepared:
    engine = replace(options.engine, onednn=known.onednn, keep_tensors=known.keep_tensors)
    try:
        predictor = _opened(opened, engine)
        found = _example(model, predictor, options)
    except StartError as error:
        if error.__cause__ and paddle_errors.kind(error.__cause__) == "memory":
            # It has run before, so others hold the memory now: this process ends, and the next tries again.
            raise MemoryError(error.message) from error
        raise
    if found is None:
        return Prepared(predictor=predictor, engine=engine)
    example, _ = found
    for rows in known.sizes:
        try:
            predictor.run(autotune.repeated(example, rows))
        except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            log.warning("a run of the warm-up failed", extra={"rows": rows, "cause": said(error)})
            predictor.shrink()
    return Prepared(
        predictor=predictor,
        engine=engine,
        sizes=dict(known.sizes),
        fitted=sum(array.nbytes for array in example),
    )


# --- a request to try


def _example(model: Model, predictor: Runs, options: Options) -> tuple[list[Array], list[Array]] | None:
    """Inputs of one row that the model accepts, and its answer."""
    error: Exception | None = None
    for example in _examples(model, options):
        try:
            return example, predictor.run(example)
        except Exception as failure:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            error = failure
            shapes = str([list(a.shape) for a in example])
            if options.samples:
                raise StartError(
                    "SampleFails",
                    f"The model fails on the first sample beside it, of shapes {shapes}: {said(error)}.",
                ) from error
            log.debug("the model refuses a warm-up shape", extra={"shapes": shapes})
    if _has_open_sides(model, options):
        return None
    raise StartError("ModelDoesNotRun", f"The model fails on its first run: {said(error)}.") from error


def _examples(model: Model, options: Options) -> Iterator[list[Array]]:
    if options.samples:
        first = options.samples[0]
        yield [a[:1] for a in first] if model.batched else first
        return
    for shapes in _shapes(model, options):
        yield [_filled(t.dtype, shape) for t, shape in zip(model.inputs, shapes, strict=True)]


def _shapes(model: Model, options: Options) -> Iterator[list[tuple[int, ...]]]:
    given = options.task.shapes
    for side in OPEN_SIDES if _has_open_sides(model, options) else (1,):
        yield [tuple(given.get(tensor.name) or _closed(tensor.shape, side)) for tensor in model.inputs]


def _has_open_sides(model: Model, options: Options) -> bool:
    """Whether it is a guess which sizes the model takes."""
    return any(-1 in t.shape[1:] and t.name not in options.task.shapes for t in model.inputs)


def _closed(shape: tuple[int, ...], side: int) -> tuple[int, ...]:
    return tuple((1 if at == 0 else side) if n == -1 else n for at, n in enumerate(shape))


def _filled(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """The same numbers every time, as Paddle takes them."""
    array = made_up(dtype, shape, np.random.default_rng(seed))
    return bfloat16.bits(array) if dtype == "bfloat16" else array


def _asked_for(engine: Engine) -> str:
    return f"PADDLEMODEL_PRECISION {engine.precision}" + (" with TensorRT" if engine.tensorrt == "on" else "")
