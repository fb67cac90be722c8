"""A worker's models that are ready: told to the other processes, guarded against a full memory, at work."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Final, NoReturn

from paddlemodel_server.engine.oom_guard import Guarded, Hooks
from paddlemodel_server.engine.run_sizes import best_size
from paddlemodel_server.engine.warmup import Prepared
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import Learned, ProcessContext
from paddlemodel_server.model.signature import Model
from paddlemodel_server.worker.runner import Answers, Runner

LOST: Final = 4  # exit code: a new process is needed
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model that is ready, and how long that took."""

    model: Model
    prepared: Prepared
    load_seconds: float  # from this process's start to a loaded model; the import of Paddle is most of it
    warmup_seconds: float  # from then on
    answers: Answers


def publish(loaded: Sequence[Loaded], runtime: ProcessContext, paddle: str) -> None:
    """Tell the other processes, and the log, what was learned; of the first model last.

    Args:
        loaded: the models by their numbers.
        runtime: where the processes meet.
        paddle: its version.
    """
    for number, one in reversed(list(enumerate(loaded))):
        _leave(one, runtime.of(number), paddle)
        _log(one, runtime.further[number - 1].name if number else None)


def _leave(loaded: Loaded, runtime: ProcessContext, paddle: str) -> None:
    prepared, engine = loaded.prepared, loaded.prepared.engine
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
            paddle=paddle,
            warmup_seconds=loaded.warmup_seconds,
            precision=engine.precision,
            tensorrt=engine.tensorrt == "on",
            difference=prepared.difference,
            shapes=prepared.shapes,
        ).save(runtime.folder)


def _log(loaded: Loaded, name: str | None) -> None:
    prepared, engine = loaded.prepared, loaded.prepared.engine
    logger.info(
        "ready",
        extra=({"model": name} if name else {})
        | {
            "load_seconds": round(loaded.load_seconds, 3),
            "warmup_seconds": round(loaded.warmup_seconds, 3),
            "precision": engine.precision,
            "onednn": engine.onednn,
            "keep_tensors": engine.keep_tensors,
            "reuse_memory": engine.reuse_memory,
            "optimisations": prepared.notes,
            "tensorrt": engine.tensorrt == "on",
            "cap_rows": max(prepared.sizes, default=1),
            "run_ms_by_rows": {rows: round(s * 1e3, 3) for rows, s in prepared.sizes.items()},
        },
    )


class Shown:
    """What the scoreboard shows of a worker's models: of several the one that batches most."""

    def __init__(self, loaded: Sequence[Loaded], most_rows: int, block: scoreboards.WorkerBlock) -> None:
        """Show them.

        Args:
            loaded: the models by their numbers.
            most_rows: of a run.
            block: the worker's.
        """
        self._loaded, self._block = loaded, block
        sizes = [one.prepared.sizes for one in loaded]
        self._caps = [max(one, default=1) for one in sizes]
        self._best = [best_size(most_rows, one) if one else 1 for one in sizes]
        block.load_ms = round(sum(one.load_seconds for one in loaded) * 1e3)
        block.warmup_ms = round(sum(one.warmup_seconds for one in loaded) * 1e3)
        self._show()

    def runners(self, ran_out: Callable[[], None]) -> list[Runner]:
        """The models at work; `ran_out` is called for each run that had not enough memory."""
        return [
            Runner(self._guarded(number, one.prepared, ran_out), one.answers, partial(self._alone, number))
            for number, one in enumerate(self._loaded)
        ]

    def _guarded(self, number: int, prepared: Prepared, ran_out: Callable[[], None]) -> Prepared:
        guarded = Guarded(
            prepared.predictor,
            most=max(prepared.sizes, default=0),
            fitted=prepared.fitted,
            clock=monotonic,
            hooks=Hooks(lost=_lost, capped=partial(self._capped, number), ran_out=ran_out),
        )
        return replace(prepared, predictor=guarded)

    def _capped(self, number: int, cap: int) -> None:
        self._caps[number] = cap
        self._show()

    def _alone(self, number: int) -> None:
        self._caps[number] = self._best[number] = 1
        self._show()

    def _show(self) -> None:
        self._block.cap, self._block.best_batch = max(self._caps), max(self._best)


def _lost(reason: str) -> NoReturn:
    logger.error("the worker ends: a new process is needed", extra={"cause": reason})
    os._exit(LOST)
