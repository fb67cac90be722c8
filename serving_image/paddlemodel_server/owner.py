"""An owner process: holds the one predictor it alone uses, and answers what the fronts announce.

The supervisor starts `python -m paddlemodel_server.owner`. Fronts connect to its unix socket once the model
is warm, hand over their slots, and then send slot numbers; the loop below takes whatever has queued up during
the previous run, runs it as one batch and replies.
"""

import gc
import json
import logging
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path

import numpy as np

from paddlemodel_server import board as boards
from paddlemodel_server import exchange, files, log, metrics, model, predict, slots, warmup
from paddlemodel_server.batch import Job, Waiting, best_size, padded_size
from paddlemodel_server.errors import StartError
from paddlemodel_server.runtime import Learned, Runtime, die_with_parent
from paddlemodel_server.settings import Settings
from paddlemodel_server.task import ImageClassification

CANNOT_START = 3  # exit code: trying again would not help
logger = logging.getLogger(__name__)


class Owner:
    """The loop between the fronts and the predictor."""

    def __init__(
        self, prepared: warmup.Prepared, settings: Settings, block: boards.OwnerBlock, metered: metrics.Owner
    ) -> None:
        self._prepared = prepared
        self._settings = settings
        self._block = block
        self._metered = metered
        self._cap = max(prepared.sizes, default=1)
        self._waiting: Waiting[exchange.Ticket] = Waiting()
        self._selector = selectors.DefaultSelector()
        self._fronts: set[exchange.Front] = set()

    def serve(self, listener: socket.socket) -> None:
        """Answer until the process is told to end."""
        self._selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is listener:
                    self._welcome(listener)
                else:
                    self._listen_to(key.data)
            if self._waiting.count and self._patience() == 0:
                self._run(self._waiting.take(self._prepared.sizes))
                for front in self._fronts:
                    front.flush()

    def _patience(self) -> float | None:
        if not self._waiting.count:
            return None
        delay = self._settings.max_delay_ms / 1e3
        if not delay or self._cap == 1:
            return 0
        return max(0.0, self._waiting.wake_at(self._cap, delay) - time.monotonic())

    def _welcome(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        try:
            front = exchange.Front(connection)
        except (OSError, ValueError, IndexError):
            logger.exception("a front could not hand over its slots")
            connection.close()
            return
        self._fronts.add(front)
        self._selector.register(connection, selectors.EVENT_READ, front)

    def _listen_to(self, front: exchange.Front) -> None:
        try:
            announced = front.announced()
        except ConnectionError:
            self._selector.unregister(front.connection)
            front.connection.close()
            self._fronts.discard(front)
            self._waiting.drop(lambda ticket: ticket[0] is front)
            return
        now = time.monotonic()
        now_ns = time.monotonic_ns()
        for slot in announced:
            deadline_ns, cancelled, layout = front.slots.look(slot)
            if cancelled or deadline_ns < now_ns:
                front.replies += slots.REPLY.pack(slot, slots.EXPIRED)
            else:
                kind = layout.kind if layout.rows else slot  # without a common number of rows it runs alone
                self._waiting.add((front, slot, layout), kind, layout.rows, now)
        if not self._waiting.count:
            front.flush()

    def _run(self, jobs: list[Job[exchange.Ticket]]) -> None:
        now_ns = time.monotonic_ns()
        live = []
        for job in jobs:
            front, slot, _ = job.ticket
            deadline_ns, cancelled, _ = front.slots.look(slot)
            if cancelled or deadline_ns < now_ns:
                front.replies += slots.REPLY.pack(slot, slots.EXPIRED)
            else:
                live.append(job.ticket)
        if not live:
            return
        self._block.running = len(live)
        self._block.started_ns = now_ns
        rows = self._answer(live)
        took_ns = time.monotonic_ns() - now_ns
        self._block.started_ns = 0
        self._block.running = 0
        self._block.busy_ns += took_ns
        self._metered.ran(rows, took_ns / 1e9)

    def _answer(self, tickets: list[exchange.Ticket]) -> int:
        """Run the tickets together; where that fails, alone, so that one request cannot spoil another's."""
        rows = sum(layout.rows for _, _, layout in tickets)
        batched = bool(self._prepared.sizes and rows)
        try:
            inputs = exchange.joined(tickets)
            outputs = self._in_pieces(inputs, rows) if batched else self._prepared.predictor.run(inputs)
        except Exception:
            if len(tickets) > 1:
                return sum(self._answer([ticket]) for ticket in tickets)
            logger.exception("the model failed on a request")
            front, slot, _ = tickets[0]
            front.replies += slots.REPLY.pack(slot, slots.FAILED)
            return rows
        exchange.deliver(tickets, outputs, split=batched)
        return rows or 1

    def _in_pieces(self, inputs: list[slots.Array], rows: int) -> list[slots.Array]:
        """Run rows in the sizes that were warmed up; a request may be larger than any of them."""
        answers, done = [], 0
        while done < rows:
            size = best_size(rows - done, self._prepared.sizes) if rows - done > self._cap else rows - done
            piece = [
                exchange.padded(a[done : done + size], padded_size(size, self._prepared.sizes))
                for a in inputs
            ]
            answers.append([output[:size] for output in self._prepared.predictor.run(piece)])
            done += size
        if len(answers) == 1:
            return answers[0]
        return [np.concatenate(parts) for parts in zip(*answers, strict=True)]


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
        Owner(prepared, settings, block, metrics.Owner()).serve(listener)


if __name__ == "__main__":
    main()
