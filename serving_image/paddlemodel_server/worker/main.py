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
from dataclasses import replace
from pathlib import Path

from paddlemodel_server.engine import autotune, paddle, validate, warmup
from paddlemodel_server.engine.budget import Memory
from paddlemodel_server.engine.interface import Engine
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
from paddlemodel_server.worker.loop import Loop
from paddlemodel_server.worker.ready import Loaded, Shown, publish
from paddlemodel_server.worker.runner import Answers

CANNOT_START = 3  # exit code: trying again would not help
NICENESS = 5
logger = logging.getLogger(__name__)


def load_all(settings: Settings, runtime: ProcessContext, began: float) -> list[Loaded]:
    """Load and warm up the model and those beside it, one after the other; arguments as of `load`."""
    first = not Learned.load(runtime.folder)  # the others go by what it finds, and answer as it does
    loaded = [load(settings, runtime, began)]
    for number, model in enumerate(runtime.further, 1):
        own = replace(settings, model_dir=model.folder)
        try:
            loaded.append(load(own, runtime.of(number), time.monotonic()))
        except StartError as error:
            raise StartError(error.reason, f"The model for {model.name}: {error.message}") from error
    if first and (wanted := rules.read(settings, loaded[0].prepared.engine)):
        seconds = verifying.verify(wanted, loaded, settings, runtime)
        loaded[0] = replace(loaded[0], warmup_seconds=loaded[0].warmup_seconds + seconds)
    return loaded


def load(settings: Settings, runtime: ProcessContext, began: float) -> Loaded:
    """Load and warm up a model; the first worker measures, the others go by what it learned.

    Args:
        settings: what the user set.
        runtime: where the processes meet.
        began: when this process was started, or began with this model, in monotonic seconds.
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
    rules.read(settings, engine)  # what is wrong there is said before the model is loaded
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
    return Loaded(
        model=described,
        prepared=prepared,
        load_seconds=loaded[0] - began,
        warmup_seconds=time.monotonic() - loaded[0],
        answers=_answers(runtime.warm_up, described),
    )


def _answers(task: WarmUp, model: signature.Model) -> Answers:
    """What the task asks of each run."""
    reduce = reducers.reducer(task.reduction, model) if task.reduction else None
    return Answers(ragged=task.ragged, reduce=reduce, sized=task.sized)


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
            onednn=settings.onednn,
            keep_tensors=settings.keep_tensors,
            reuse_memory=settings.reuse_memory,
            one_model=not runtime.further,
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


def _begin_log(settings: Settings, index: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Paddle prints to it, in the midst of the log's lines
    log.configure(settings.log_level, settings.log_format, f"worker-{index}")
    if paddle.WHOLE:
        logger.info("the whole of Paddle is imported, which takes longer: %s", paddle.WHOLE)


def main() -> None:
    """Load the model, then serve until SIGTERM."""
    index, began, parent = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    runtime = ProcessContext.from_json(sys.argv[4])
    die_with_parent(parent)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # sent only when no HTTP worker is left
    # Where cores are few, HTTP workers and probes go first: they need little, and a run takes what is left.
    os.nice(NICENESS)
    settings = Settings.from_env(os.environ)
    _begin_log(settings, index)
    block = scoreboards.Scoreboard(runtime.scoreboard_fd).worker(index)
    block.clear()
    block.state = scoreboards.LOADING
    try:
        loaded = load_all(settings, runtime, began)
    except StartError as error:
        runtime.failure(index).write_text(json.dumps(vars(error)))
        sys.exit(CANNOT_START)
    # Paddle's object graph would make every full collection stall requests for 15 ms.
    gc.collect()
    gc.freeze()
    publish(loaded, runtime, paddle.version())
    metered = catalog.Worker(runtime.counters_fd, index)
    shown = Shown(loaded, settings.max_batch_size, block)
    runners = shown.runners(metered.out_of_memory)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with runtime.socket(index) as address:
            Path(address).unlink(missing_ok=True)
            listener.bind(address)
        listener.listen(scoreboards.MAX_HTTP_WORKERS)
        block.state = scoreboards.READY
        Loop(runners, settings, block, metered).serve(listener)


if __name__ == "__main__":
    main()
