"""What only a run can tell about a model, found out before it takes traffic.

The worker calls `prepare` once. It finds out whether oneDNN works, agrees and is faster (3-4 times on
convolutional networks, slower on tiny ones, a failure on some PIR programs), how far a lower precision is
from FP32, whether rows are independent so that requests may share a run, and how long a run of each size
takes. It never touches Paddle: the predictor comes from outside, so a fake one can fail here as Paddle fails.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from paddlemodel_server.engine import paddle_errors, scores
from paddlemodel_server.engine.autotune import Allowed, Bench, Chosen
from paddlemodel_server.engine.budget import Budget, Memory
from paddlemodel_server.engine.interface import Array, Clock, Engine, Open, Runs
from paddlemodel_server.engine.made_up import first_request, inputs
from paddlemodel_server.engine.made_up.first_request import Example
from paddlemodel_server.engine.paddle_errors import explain, said
from paddlemodel_server.engine.run_sizes import warm_sizes
from paddlemodel_server.engine.trials import FINE, TOLERANCE, Material, Trials
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.hazards import BATCHING, Hazards
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.served import ScoreKind, WarmUp
from paddlemodel_server.tasks.outputs import check_columns

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the first worker has found; the others go by it, so that all answer alike."""

    onednn: bool
    sizes: dict[int, float]
    keep_tensors: bool = False
    reuse_memory: bool = False
    notes: dict[str, str] = field(default_factory=dict)


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
    memory: Memory = field(default_factory=Memory)
    hazards: Hazards = field(default_factory=Hazards)  # what the program rules out
    allowed: Allowed = field(default_factory=Allowed)  # what the settings leave on
    trying: Callable[[str], None] = lambda _: None  # told what is tried next; "" when all is done


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
    notes: dict[str, str] = field(default_factory=dict)  # by optimisation: whether it is on, and why


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
    if options.known:
        return _as_known(model, opened, options, options.known)
    budget = Budget(clock, worked or clock, options.seconds)
    plain, plain_engine = _first(opened, options.engine)
    example = _example(model, plain, options, clock)
    budget.begin()
    if example is None:
        return _unprepared(plain, options.engine)
    bench = _bench(model, opened, options, example, budget)
    if not options.hazards.optimising:
        options.trying("a request of the trial")
        material = Material(options.samples, options.task.shapes, options.hazards.gentle)
        bench.trials.collect(plain, model, material, (budget, options.memory))
    chosen = _choose_engine(model, bench, options, Chosen(predictor=plain, engine=plain_engine))
    del plain  # the one that was not chosen gives its memory back before the sizes are warmed up
    chosen = bench.measured(chosen)
    sizes = _measure_batching(model, bench, options, chosen)
    options.trying("")
    return Prepared(
        predictor=chosen.predictor,
        engine=chosen.engine,
        sizes=sizes,
        run_seconds=chosen.seconds,
        scores=_scores(model, chosen.predictor, example, options),
        difference=chosen.difference,
        fitted=sum(array.nbytes for array in example.inputs),
        shapes={t.name: list(a.shape) for t, a in zip(model.inputs, example.inputs, strict=True)},
        notes=bench.notes,
    )


def _scores(model: Model, predictor: Runs, example: Example, options: Options) -> ScoreKind | None:
    """Judge the output that the task asks about, and say what may surprise."""
    output = options.task.scores
    if output is None:
        return None
    kind = scores.kind(model, predictor, example.inputs, example.answer, output)
    if kind == "Independent":
        log.warning(
            "the model's scores lie from 0 to 1 and do not sum to one, as sigmoids do: they are answered as "
            "they are, without a softmax; set %s to None to say so, or to Softmax if they are logits",
            options.task.setting,
            extra={"output": model.outputs[output].name},
        )
    return kind


def _bench(model: Model, opened: Open, options: Options, example: Example, budget: Budget) -> Bench:
    gpu = options.engine.device != "cpu"  # its kernels may round to the ten bits of TF32
    return Bench(
        opened=opened,
        trials=Trials(example, options.task.ragged, TOLERANCE if gpu else FINE),
        budget=budget,
        hazards=options.hazards,
        allowed=options.allowed,
        trying=options.trying,
        legacy=model.format == "Legacy",
    )


def _choose_engine(model: Model, bench: Bench, options: Options, plain: Chosen) -> Chosen:
    """The fastest way to run the model that answers as `plain` does, or the one that was asked for."""
    asked, reuse = options.engine, bench.may_reuse_memory
    if (asked.device, asked.precision) == ("cpu", "FP32"):
        chosen = bench.onednn(plain, replace(plain.engine, onednn=True, reuse_memory=reuse))
        if chosen is plain or not chosen.engine.onednn:
            chosen = bench.reuse_memory(chosen) if bench.legacy else chosen
        return chosen if bench.legacy else bench.kept_tensors(chosen)  # legacy programs gain nothing
    if asked == plain.engine:
        return bench.reuse_memory(plain) if bench.legacy else plain
    if asked.tensorrt == "on" and not options.shapes_known:
        _collect_shapes(model, bench, options)
    return bench.lower_precision(replace(asked, reuse_memory=reuse), plain.predictor)


def _measure_batching(model: Model, bench: Bench, options: Options, chosen: Chosen) -> dict[int, float]:
    """The sizes of runs that requests may share; empty where each must run alone."""
    if not model.batched:
        bench.note(BATCHING, "a tensor of the model has a fixed first dimension", on=False)
    elif options.cap == 1:
        bench.note(BATCHING, "it is switched off by a setting", on=False)
    else:
        return bench.sizes(chosen, options.cap, options.memory)
    return {}


def _unprepared(plain: Runs, asked: Engine) -> Prepared:
    """A model that ran with nothing that was made up is served as it is, if that is what was asked for."""
    if asked.precision != "FP32" or asked.tensorrt != "off":
        raise StartError(
            "NoWarmUp",
            f"{_asked_for(asked)} was asked for, but the model took no row of what was tried; add a "
            "request that it can take as warmup.json or warmup.npz, of one row.",
        )
    log.warning(
        "no warm-up: the model took no row of what was tried, so that requests run one by one; add a "
        "request that it can take as warmup.json or warmup.npz, of one row where it takes one",
        extra={"tried": inputs.OPEN_SIDES},
    )
    return Prepared(predictor=plain, engine=asked)


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


def _collect_shapes(model: Model, bench: Bench, options: Options) -> None:
    """Show TensorRT every shape that it will be asked for; an engine is built for that range."""
    collecting = _opened(bench.opened, replace(options.engine, precision="FP32", tensorrt="collect"))
    sizes = warm_sizes(options.cap) if model.batched else [1]
    for request in [*(inputs.repeated(bench.trials.example, rows) for rows in sizes), *options.samples]:
        collecting.run(request)


def _as_known(model: Model, opened: Open, options: Options, known: Known) -> Prepared:
    engine = replace(
        options.engine,
        onednn=known.onednn,
        keep_tensors=known.keep_tensors,
        reuse_memory=known.reuse_memory,
    )
    try:
        predictor = _opened(opened, engine)
        example = first_request.found(model, predictor, options.samples, options.task.shapes, lambda: 0.0)
    except StartError as error:
        if error.__cause__ and paddle_errors.kind(error.__cause__) == "memory":
            # It has run before, so others hold the memory now: this process ends, and the next tries again.
            raise MemoryError(error.message) from error
        raise
    if example is None:
        return Prepared(predictor=predictor, engine=engine)
    for rows in known.sizes:
        try:
            predictor.run(inputs.repeated(example.inputs, rows))
        except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            log.warning("a run of the warm-up failed", extra={"rows": rows, "cause": said(error)})
            predictor.shrink()
    return Prepared(
        predictor=predictor,
        engine=engine,
        sizes=dict(known.sizes),
        fitted=sum(array.nbytes for array in example.inputs),
        notes=known.notes,
    )


def _example(model: Model, plain: Runs, options: Options, clock: Clock) -> Example | None:
    """A first request; its answer has the columns that the task expects, where the signature tells none."""
    example = first_request.found(model, plain, options.samples, options.task.shapes, clock)
    columns = options.task.columns
    if example is not None and columns is not None:
        check_columns(columns, example.answer[columns.output].shape)
    return example


def _asked_for(engine: Engine) -> str:
    return f"PADDLEMODEL_PRECISION {engine.precision}" + (" with TensorRT" if engine.tensorrt == "on" else "")
