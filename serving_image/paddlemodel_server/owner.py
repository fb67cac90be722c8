"""An owner process: loads and warms up the one predictor it alone uses, then lets `loop` answer the fronts.

The supervisor starts `python -m paddlemodel_server.owner`.
"""

import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path

from paddlemodel_server import board as boards
from paddlemodel_server import files, log, metrics, model, predict, warmup
from paddlemodel_server.batch import best_size
from paddlemodel_server.errors import StartError
from paddlemodel_server.loop import Loop
from paddlemodel_server.runtime import Learned, Runtime, die_with_parent
from paddlemodel_server.settings import Settings
from paddlemodel_server.task import ImageClassification

CANNOT_START = 3  # exit code: trying again would not help
logger = logging.getLogger(__name__)


def load(settings: Settings, runtime: Runtime, index: int) -> warmup.Prepared:
    """Load and warm up the model; the first owner measures alone, the others go by what it learned."""
    while index and Learned.load(runtime.folder) is None:
        time.sleep(0.02)
    try:
        located = files.locate(settings.model_dir)
    except files.ModelFilesError as error:
        raise StartError(error.reason, error.message) from error
    described = model.read(located)
    learned = Learned.load(runtime.folder)
    onednn = learned.onednn if learned else (None if settings.device == "cpu" else False)
    task = settings.task
    image = isinstance(task, ImageClassification) and task.width and task.height
    options = warmup.Options(
        cap=settings.max_batch_size,
        onednn=onednn,
        sides=(task.height, task.width) if isinstance(task, ImageClassification) and image else None,  # type: ignore[arg-type]  # `image` says they are numbers
    )

    def opened(onednn: bool) -> predict.Predictor:
        return predict.Predictor(
            located, described, device=settings.device, threads=runtime.sizes.threads, onednn=onednn
        )

    return warmup.prepare(described, opened, options, time.perf_counter)


def main() -> None:
    """Load the model, then serve until SIGTERM."""
    index, began, parent = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    runtime = Runtime.from_json(sys.argv[4])
    die_with_parent(parent)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # sent only when no front is left
    settings = Settings.from_env(os.environ)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Paddle prints to it, in the midst of the log's lines
    log.configure(settings.log_level, settings.log_format, f"owner-{index}")
    block = boards.Board(runtime.board_fd).owner(index)
    block.clear()
    block.state = boards.LOADING
    try:
        prepared = load(settings, runtime, index)
    except StartError as error:
        runtime.failure(index).write_text(json.dumps({"reason": error.reason, "message": error.message}))
        sys.exit(CANNOT_START)
    # Paddle's object graph would make every full collection stall requests for 15 ms.
    gc.collect()
    gc.freeze()
    seconds = time.monotonic() - began  # the import of Paddle is most of it
    if Learned.load(runtime.folder) is None:
        Learned(
            onednn=prepared.onednn,
            probabilities=prepared.probabilities,
            sizes=prepared.sizes,
            load_seconds=seconds,
            paddle=predict.version(),
        ).save(runtime.folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with runtime.socket(index) as address:
            Path(address).unlink(missing_ok=True)
            listener.bind(address)
        listener.listen(boards.MAX_FRONTS)
        block.load_ms = round(seconds * 1e3)
        block.best_batch = best_size(settings.max_batch_size, prepared.sizes) if prepared.sizes else 1
        block.state = boards.READY
        logger.info(
            "ready",
            extra={
                "seconds": round(seconds, 3),
                "onednn": prepared.onednn,
                "run_ms_by_rows": {rows: round(s * 1e3, 3) for rows, s in prepared.sizes.items()},
            },
        )
        Loop(prepared, settings, block, metrics.Owner(runtime.counters_fd, index)).serve(listener)


if __name__ == "__main__":
    main()
