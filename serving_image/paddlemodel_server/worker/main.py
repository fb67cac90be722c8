"""A worker process: loads and warms up the predictor that it alone uses, then answers the HTTP workers.

The supervisor starts `python -m paddlemodel_server.worker.main`.
"""

import gc
import json
import logging
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from paddlemodel_server.engine import autotune, paddle, validate, warmup
from paddlemodel_server.engine.budget import Memory
from paddlemodel_server.engine.interface import Engine
from paddlemodel_server.engine.oom_guard import Guarded, Hooks
from paddlemodel_server.engine.run_sizes import best_size
from paddlemodel_server.errors import StartError
from paddlemodel_server.host import cgroup, log
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import Learned, ProcessContext, die_with_parent
from paddlemodel_server.metrics import catalog
from paddlemodel_server.model import files, formats, hazards, signature
from paddlemodel_server.model.formats.program import Program
from paddlemodel_server.protocol.served import WarmUp
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks import reducers
from paddlemodel_server.verification import rules
from paddlemodel_server.worker import verifying, warmup_requests
from paddlemodel_server.worker.loop import Answers, Loop

CANNOT_START = 3  # exit code: trying again would not help
NICENESS = 5
LOST = 4  # exit code: a new process is needed
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model that is ready, and how long that took."""

    prepared: warmup.Prepared
    load_seconds: float  # from this process's start to a loaded model; the import of Paddle is most of it
    warmup_seconds: float  # from then on
    answers: Answers


def load(settings: Settings, runtime: ProcessContext, began: float) -> Loaded:
    """Load and warm up the model; the first worker measures, the others go by what it learned.

    Args:
        settings: what the user set.
        runtime: where the processes meet.
        began: when this process was started, in monotonic seconds.
    """
    located = files.locate(settings.model_dir)
    program = formats.checked(located)
    described = signature.of(program)
    engine = validate.wanted(
        settings,
        program,
        threads=runtime.sizes.threads,
        cpu_flags=_cpu_flags(),
        cache=runtime.folder / "tensorrt",
    )
    wanted = rules.read(settings, engine)
    options = _options(settings, runtime, engine, warmup_requests.read(settings.model_dir, described))
    options = replace(options, hazards=_hazards(program, runtime))
    if engine.tensorrt == "on":
        options = _with_cache(options, located)
    loaded: list[float] = []

    def opened(engine: Engine) -> paddle.Predictor:
        predictor = paddle.Predictor(located, described, engine)
        loaded.append(time.monotonic())
        return predictor

    prepared = warmup.prepare(described, opened, options, time.perf_counter, _worked(engine))
    if wanted and options.known is None:  # The others go by what the first one found, and answer as it does.
        verifying.verify(wanted, described, prepared, runtime.warm_up)
    return Loaded(
        prepared=prepared,
        load_seconds=loaded[0] - began,
        warmup_seconds=time.monotonic() - loaded[0],
        answers=_answers(runtime.warm_up, described),
    )


def _answers(task: WarmUp, model: signature.Model) -> Answers:
    """What the task asks of the outputs of each run."""
    reduce = reducers.reducer(task.reduction, model) if task.reduction else None
    return Answers(ragged=task.ragged, reduce=reduce)


def _options(
    settings: Settings, runtime: ProcessContext, engine: Engine, requests: tuple[list[paddle.Array], ...]
) -> warmup.Options:
    learned = Learned.load(runtime.folder)
    known = None
    if learned:
        known = warmup.Known(
            onednn=learned.onednn,
            sizes=learned.sizes,
            keep_tensors=learned.keep_tensors,
            reuse_memory=learned.reuse_memory,
            notes=learned.notes,
        )
    return warmup.Options(
        engine=engine,
        cap=settings.max_batch_size,
        seconds=settings.warmup_seconds,
        known=known,
        task=runtime.warm_up,
        samples=requests,
        memory=_memory(),
        allowed=autotune.Allowed(
            onednn=settings.onednn, keep_tensors=settings.keep_tensors, reuse_memory=settings.reuse_memory
        ),
        trying=lambda what: _note_experiment(runtime, what),
    )


def _hazards(program: Program, runtime: ProcessContext) -> hazards.Hazards:
    """What the program rules out; all of it, where an experiment has ended this worker's predecessor."""
    found = hazards.of(program, counted=runtime.warm_up.ragged is not None)
    if runtime.experiment.exists():
        why = f"the process ended while {runtime.experiment.read_text()} was tried at the start"
        logger.warning("nothing is optimised: %s", why)
        return replace(found, optimising=why, batching=why)
    return found


def _note_experiment(runtime: ProcessContext, what: str) -> None:
    if what:
        runtime.experiment.write_text(what)
    else:
        runtime.experiment.unlink(missing_ok=True)


def _memory() -> Memory:
    groups = cgroup.membership()
    return Memory(peak=cgroup.peak_bytes, most=lambda: cgroup.resident_bytes() + cgroup.memory_room(groups))


def _worked(engine: Engine) -> Callable[[], float]:
    """The clock of what this process itself does; a GPU's work is not in its CPU time."""
    if engine.device == "gpu":
        return time.perf_counter
    return lambda: time.process_time() / engine.threads


def _with_cache(options: warmup.Options, located: files.ModelFiles) -> warmup.Options:
    """Give TensorRT a folder of its own for this model on this kind of device."""
    engine = options.engine
    key = validate.cache_key(
        engine,
        [[array.shape for array in request] for request in options.samples],
        sorted(options.task.shapes.items()),
        files.digest(located.program),
        files.digest(located.params),
        *paddle.device_facts(),
    )
    folder = engine.cache / key
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(
            "InvalidSettings",
            f"The folder for TensorRT's engines, {engine.cache}, cannot be written ({error.strerror}); "
            "set PADDLEMODEL_CACHE_DIR to one that can.",
        ) from error
    engine = replace(engine, cache=folder)
    return replace(options, engine=engine, shapes_known=engine.shapes.is_file())


def _cpu_flags() -> set[str]:
    found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return set(found[1].split()) if found else set()


def _lost(reason: str) -> NoReturn:
    logger.error("the worker ends: a new process is needed", extra={"cause": reason})
    os._exit(LOST)


def _guarded(
    prepared: warmup.Prepared, block: scoreboards.WorkerBlock, metered: catalog.Worker
) -> warmup.Prepared:
    def capped(cap: int) -> None:
        block.cap = cap

    guarded = Guarded(
        prepared.predictor,
        most=max(prepared.sizes, default=0),
        fitted=prepared.fitted,
        clock=time.monotonic,
        hooks=Hooks(lost=_lost, capped=capped, ran_out=metered.out_of_memory),
    )
    return replace(prepared, predictor=guarded)


def main() -> None:
    """Load the model, then serve until SIGTERM."""
    index, began, parent = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    runtime = ProcessContext.from_json(sys.argv[4])
    die_with_parent(parent)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # sent only when no HTTP worker is left
    # Where cores are few, HTTP workers and probes go first: they need little, and a run takes what is left.
    os.nice(NICENESS)
    settings = Settings.from_env(os.environ)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Paddle prints to it, in the midst of the log's lines
    log.configure(settings.log_level, settings.log_format, f"worker-{index}")
    block = scoreboards.Scoreboard(runtime.scoreboard_fd).worker(index)
    block.clear()
    block.state = scoreboards.LOADING
    try:
        loaded = load(settings, runtime, began)
    except StartError as error:
        runtime.failure(index).write_text(json.dumps({"reason": error.reason, "message": error.message}))
        sys.exit(CANNOT_START)
    # Paddle's object graph would make every full collection stall requests for 15 ms.
    gc.collect()
    gc.freeze()
    _publish(loaded, settings, runtime, block)
    metered = catalog.Worker(runtime.counters_fd, index)
    prepared = _guarded(loaded.prepared, block, metered)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with runtime.socket(index) as address:
            Path(address).unlink(missing_ok=True)
            listener.bind(address)
        listener.listen(scoreboards.MAX_HTTP_WORKERS)
        block.state = scoreboards.READY
        Loop(prepared, settings, block, metered, loaded.answers).serve(listener)


def _publish(
    loaded: Loaded, settings: Settings, runtime: ProcessContext, block: scoreboards.WorkerBlock
) -> None:
    """Tell the other processes, and the log, what was learned."""
    prepared = loaded.prepared
    engine = prepared.engine
    if Learned.load(runtime.folder) is None:
        Learned(
            onednn=engine.onednn,
            keep_tensors=engine.keep_tensors,
            scores=prepared.scores,
            reuse_memory=engine.reuse_memory,
            notes=prepared.notes,
            sizes=prepared.sizes,
            run_seconds=prepared.run_seconds,
            load_seconds=loaded.load_seconds,
            paddle=paddle.version(),
            warmup_seconds=loaded.warmup_seconds,
            precision=engine.precision,
            tensorrt=engine.tensorrt == "on",
            difference=prepared.difference,
            shapes=prepared.shapes,
        ).save(runtime.folder)
    block.load_ms = round(loaded.load_seconds * 1e3)
    block.warmup_ms = round(loaded.warmup_seconds * 1e3)
    block.cap = max(prepared.sizes, default=1)
    block.best_batch = best_size(settings.max_batch_size, prepared.sizes) if prepared.sizes else 1
    logger.info(
        "ready",
        extra={
            "load_seconds": round(loaded.load_seconds, 3),
            "warmup_seconds": round(loaded.warmup_seconds, 3),
            "precision": engine.precision,
            "onednn": engine.onednn,
            "keep_tensors": engine.keep_tensors,
            "reuse_memory": engine.reuse_memory,
            "optimisations": prepared.notes,
            "tensorrt": engine.tensorrt == "on",
            "cap_rows": block.cap,
            "run_ms_by_rows": {rows: round(s * 1e3, 3) for rows, s in prepared.sizes.items()},
        },
    )


if __name__ == "__main__":
    main()
