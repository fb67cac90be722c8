"""The experiments of the warm-up: which ways to run the model answer right, and which of them are fast. Pure.

They get the predictor that is open already. All share one budget of time: the server should be ready little
later than the bare model would be. What was not compared with the plain predictor stays off.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from paddlemodel_server.engine import paddle_errors
from paddlemodel_server.engine.budget import Budget, Memory
from paddlemodel_server.engine.difference import largest_part
from paddlemodel_server.engine.interface import Array, Clock, Engine, Open, Runs
from paddlemodel_server.engine.made_up.inputs import repeated
from paddlemodel_server.engine.paddle_errors import said
from paddlemodel_server.engine.run_sizes import GAIN, warm_sizes
from paddlemodel_server.engine.trials import MORE, Trials
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.hazards import BATCHING, KEEP_TENSORS, ONEDNN, REUSE_MEMORY, Hazards

TRIES = 3
SHORT_SECONDS = 0.03  # runs shorter than this are repeated: a single timing of theirs says little
LONG_SECONDS = 0.25  # a run this long is timed once
MOST_TRIES = 50
TINY_SECONDS = 0.0005  # the tensors of so short a run are a few megabytes at most
GROWING = 0.8  # of the time for all experiments: in which runs of more than two rows are tried
SPARE = 1.25  # a larger run is expected to take so much more of what rows have taken so far
MOST_DIFFERENT = 0.1  # a lower precision may move an answer by this part of the largest value
ROUNDS = 3  # of all requests, for what is kept from run to run

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What the settings leave to the experiments; the number of rows of a run has a setting of its own."""

    onednn: bool = True
    keep_tensors: bool = True
    reuse_memory: bool = True
    one_model: bool = True  # whether the process has no other model, which would keep its tensors, too


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The predictor to serve with."""

    predictor: Runs
    engine: Engine
    seconds: float | None = None  # of a run, where it was timed
    difference: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all experiments of one model share."""

    opened: Open
    trials: Trials
    budget: Budget
    hazards: Hazards
    allowed: Allowed
    trying: Callable[[str], None]  # told before each experiment, in case that it ends the process
    legacy: bool = False  # the program's format
    notes: dict[str, str] = field(default_factory=dict)  # by optimisation: on or off, and why

    @property
    def may_reuse_memory(self) -> bool:
        """Whether a run may reuse memory; of PIR programs Paddle plans that by itself, or not at all."""
        return self.legacy and self.allowed.reuse_memory and not self.hazards.optimising

    def onednn(self, plain: Chosen, engine: Engine) -> Chosen:
        """Whichever is faster: `engine`, which has oneDNN, or plain; plain, where the other one is wrong."""
        if not self._may_try(ONEDNN, allowed=self.allowed.onednn, against=self.hazards.kernels):
            return plain
        plain.predictor.shrink()  # both are in memory now, and the limit may have room for one run
        if (fast := self._tried(ONEDNN, engine, plain)) is None:
            return plain
        predictor, once = fast
        seconds = plain.seconds or self._timed(plain.predictor, self.trials.seconds)
        # If a run that was not repeated wins, no other is needed.
        try:
            faster = once if once < seconds / GAIN else self._timed(predictor, once)
        except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            self.note(ONEDNN, f"a repeated run fails: {paddle_errors.said(error)}", on=False)
            return replace(plain, seconds=seconds)
        fields = {"without_ms": round(seconds * 1e3, 3), "with_ms": round(faster * 1e3, 3)}
        on = faster < seconds
        log.info("oneDNN is %s: it was measured", "on" if on else "off", extra=fields)
        self.note(ONEDNN, f"it is {seconds / faster:.2g} times as fast" if faster else "", on=on)
        if not on:
            return replace(plain, seconds=seconds)
        if engine.reuse_memory:
            self.note(REUSE_MEMORY, "a run takes less memory", on=True)
        return Chosen(predictor=predictor, engine=engine, seconds=faster)

    def reuse_memory(self, plain: Chosen) -> Chosen:
        """Let tensors of a run take the place of others that are done with."""
        engine = replace(plain.engine, reuse_memory=True)
        if not self._may_try(REUSE_MEMORY, allowed=self.allowed.reuse_memory):
            return plain
        plain.predictor.shrink()
        if (found := self._tried(REUSE_MEMORY, engine, plain)) is None:
            return plain
        self.note(REUSE_MEMORY, "a run takes less memory", on=True)
        return replace(plain, predictor=found[0], engine=engine)

    def kept_tensors(self, chosen: Chosen) -> Chosen:
        """Spare a tiny model the freeing of its tensors in each run: Paddle does it in another thread.

        Measured with PaddlePaddle 3.3.1 and a perceptron of three layers: 45 microseconds of CPU a run become
        20. A larger model would hold all tensors of a run instead of the few that are alive at a time.
        """
        if not self.allowed.one_model:
            self.note(KEEP_TENSORS, "it would hold for the worker's other models, too", on=False)
            return chosen
        tiny = chosen.seconds is not None and chosen.seconds < TINY_SECONDS
        if self.allowed.keep_tensors and not self.hazards.optimising and not tiny:
            self.note(KEEP_TENSORS, "only a run of less than 0.5 ms gains by it", on=False)
            return chosen
        if not self._may_try(KEEP_TENSORS, allowed=self.allowed.keep_tensors):
            return chosen
        engine = replace(chosen.engine, keep_tensors=True)
        if (kept := self._tried(KEEP_TENSORS, engine, chosen, ROUNDS)) is None:
            # Whether tensors are kept is a matter of the whole process: load once more, without.
            return replace(chosen, predictor=self.opened(chosen.engine))
        self.note(KEEP_TENSORS, "a run takes less than 0.5 ms", on=True)
        return replace(chosen, predictor=kept[0], engine=engine)

    def _may_try(self, name: str, *, allowed: bool, against: str | None = None) -> bool:
        """Whether to load the model another way; the reason against it is noted."""
        against = against or self.hazards.optimising
        why = "it is switched off by a setting" if not allowed else against
        if why is None and len(self.trials.compared) < 2:
            why = f"there was nothing to compare it with; {MORE}, and so does a warmup.json"
        if why is None and not self.budget.allows_another():
            why = f"the model takes too long to load; {MORE}"
        if why is not None:
            log.info("%s is off: %s", name, why)
            self.note(name, why, on=False)
            return False
        self.trying(name)
        return True

    def _tried(self, name: str, engine: Engine, plain: Chosen, rounds: int = 1) -> tuple[Runs, float] | None:
        """Load the model another way; None where it fails or answers otherwise.

        Returns:
            The predictor, and the seconds of a run of one row.
        """
        try:
            other = self.opened(engine)
            verdict = self.trials.judge(other, plain.predictor, self.budget.clock, rounds)
        except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            log.info("%s is off: the model does not run with it", name, extra={"cause": said(error)})
            self.note(name, "tried, and the model does not run with it", on=False)
            return None
        if verdict.fault:
            fields = {"cause": verdict.fault}
            log.warning("%s is off: its answers differ from those without it", name, extra=fields)
            self.note(name, f"tried, and {verdict.fault}", on=False)
            return None
        return other, verdict.seconds

    def note(self, name: str, why: str, *, on: bool) -> None:
        """Keep whether an optimisation is on, and why."""
        requests = len(self.trials.compared)
        compared = f", with the same answers to {requests} requests" if on else ""
        self.notes[name] = f"{'on' if on else 'off'}: {why}{compared}"

    def _timed(self, predictor: Runs, known: float) -> float:
        """The seconds of a run of the example; of a long one, what is known already."""
        return known if known > LONG_SECONDS else timed(predictor, self.trials.example, self.budget.clock)

    def lower_precision(self, engine: Engine, plain: Runs) -> Chosen:
        """The precision (or TensorRT) that was asked for, compared with FP32.

        Raises:
            StartError: it does not run, or answers too differently.
        """
        desired = f"PADDLEMODEL_PRECISION {engine.precision}" + (
            " with TensorRT" if engine.tensorrt == "on" else ""
        )
        try:
            found = self.opened(engine)
            part = self._difference(found)
        except StartError:
            raise
        except Exception as error:
            raise StartError(
                "PrecisionFails",
                f"The model does not run with {desired}: {said(error)}. Set another precision.",
            ) from error
        if not part <= MOST_DIFFERENT:
            raise StartError(
                "PrecisionDiffers",
                f"With {desired} the answer to the warm-up request differs from FP32 by {part:.2g} of its "
                f"largest value; at most {MOST_DIFFERENT:g} is served. Set FP32, or add a real request as "
                "warmup.json if random numbers are no fair test of this model.",
            )
        example, clock = self.trials.example, self.budget.clock
        seconds, lower_seconds = timed(plain, example, clock), timed(found, example, clock)
        fields = {"difference": float(f"{part:.3g}")}
        fields |= {"fp32_ms": round(seconds * 1e3, 3), "ms": round(lower_seconds * 1e3, 3)}
        if lower_seconds > seconds:
            log.warning("%s is slower than FP32 for this model on this machine", desired, extra=fields)
        else:
            log.info("%s was compared with FP32", desired, extra=fields)
        self.trials.answered_by(found)
        return Chosen(predictor=found, engine=engine, difference=part)

    def _difference(self, found: Runs) -> float:
        """The largest, of the requests that are typical."""
        return max(
            largest_part(trial.answer, found.run(trial.inputs))
            for trial in self.trials.compared
            if trial.typical and trial.answer is not None
        )

    def measured(self, chosen: Chosen) -> Chosen:
        """With the seconds of a run, if there is time to find them out."""
        if chosen.seconds is not None or not self.budget.allows_another():
            return chosen
        return replace(chosen, seconds=timed(chosen.predictor, self.trials.example, self.budget.clock))

    def sizes(self, chosen: Chosen, cap: int, memory: Memory) -> dict[int, float]:
        """The sizes of runs that requests may share, with their seconds; empty where each must run alone."""
        why = self.hazards.batching or self.trials.too_few_rows()
        if why is None and (chosen.seconds is None or not self.budget.allows(3 * chosen.seconds)):
            why = f"the model is too slow to find out in time whether rows may share a run; {MORE}"
        if why is not None:
            return self._alone(why)
        self.trying(BATCHING)
        return self._timed_sizes(chosen.predictor, cap, memory)

    def _alone(self, why: str) -> dict[int, float]:
        log.warning("no batching: %s", why)
        self.note(BATCHING, why, on=False)
        return {}

    def _timed_sizes(self, predictor: Runs, cap: int, memory: Memory) -> dict[int, float]:
        """Compare and time growing runs; stop where they no longer pay: each size costs time and memory."""
        trials, budget = self.trials, self.budget
        sizes: dict[int, float] = {}
        peaks: dict[int, int] = {}
        predictor.shrink()  # what earlier runs have left behind would hide what these take
        memory.peak()
        best, idle, row_seconds = 0.0, 0, 0.0
        for rows in warm_sizes(cap):
            seconds = (max(rows, len(trials.rows)) + 2 * rows) * row_seconds
            if len(sizes) > 1 and not budget.allows(seconds, part=GROWING):
                log.info("larger runs were not tried: the time for probing is spent", extra={"rows": rows})
                break
            if _peak_of(rows, peaks) > memory.most():
                log.warning("larger runs were not tried: there is no memory for them", extra={"rows": rows})
                break
            try:
                # The first run of a size is slow, so comparing comes before timing.
                if rows > 1 and not trials.parted(predictor, rows):
                    return self._alone("rows of one run change each other's answers")
                sizes[rows] = timed(predictor, repeated(trials.example, rows), budget.clock)
            except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
                predictor.shrink()
                if rows > 1 and paddle_errors.kind(error) != "memory":
                    log.warning("the model fails on rows together", extra={"cause": said(error)})
                    return self._alone(f"the model fails on {rows} rows")
                log.warning("larger runs find no memory", extra={"rows": rows, "cause": said(error)})
                break
            peaks[rows] = memory.peak()
            row_seconds = sizes[rows] / rows
            rate = rows / max(sizes[rows], 1e-9)
            idle = 0 if rate > best * GAIN else idle + 1
            best = max(best, rate)
            if idle == 2:
                break
        self.note(BATCHING, f"rows are answered alone as in runs of up to {max(sizes, default=1)}", on=True)
        return sizes or {1: timed(predictor, trials.example, budget.clock)}


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


def _peak_of(rows: int, peaks: dict[int, int]) -> float:
    """What a run of so many rows is expected to take, from two smaller ones; those have run already."""
    if len(peaks) < 2:
        return 0.0
    (few, less), (many, most) = list(peaks.items())[-2:]
    return most + SPARE * max(0, most - less) / (many - few) * (rows - many)
