"""How long a sound becomes, and how it becomes the model's inputs; pure.

A sound is filled up by its own length alone, so that no neighbour changes an answer: to the model's length
where that is fixed, to one of a few where the task says so, else not at all.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.protocol import Array
from paddlemodel_server.protocol.served import WarmUp
from paddlemodel_server.tasks.audio import features

EXAMPLE_SECONDS = 1.0  # of the request with which the model is warmed up
# Of the processor, for a second of sound: 0.4 ms for WAV at the model's rate, 1.6 ms for FLAC from a CD.
DECODING = 1e-3


@dataclass(frozen=True, kw_only=True)
class SoundPlan:
    """How samples become the model's inputs.

    Attributes:
        task: the member of spec.task.
        made: the features; None where the model takes samples.
        rate: of the samples, in Hz.
        most: samples of the longest sound.
        fixed: numbers along the model's axis of time, where it says how many.
        buckets: to how many samples or frames a sound may be filled up, in order; none: it is not.
        shape: of the input, as the model says it.
        time: the axis of time.
        inputs: names, in the model's order.
        sound: which of them is the sound.
        length_dtype: of the input for the length; None where there is none.
    """

    task: str
    made: features.Features | None
    rate: int
    most: int
    fixed: int | None
    buckets: tuple[int, ...]
    shape: tuple[int, ...]
    time: int
    inputs: tuple[str, ...]
    sound: int
    length_dtype: np.dtype[Any] | None

    @property
    def fewest(self) -> int:
        """Samples that a sound must have."""
        return 1 if self.fixed or self.made is None else self.made.fewest

    def warm_up(self) -> WarmUp:
        """The shapes of one row, and what it takes to decode such a sound."""
        samples = min(self.most, max(self.fewest, round(EXAMPLE_SECONDS * self.rate)))
        steps = self.fixed or self._filled(samples if self.made is None else self.made.frames(samples))
        seconds = (steps if self.made is None else self.made.samples(steps)) / self.rate
        return WarmUp(shapes=self._shapes(steps), http_seconds=seconds * DECODING)

    def _shapes(self, steps: int) -> dict[str, list[int]]:
        """Of one row, by input."""
        shape = [1 if n == -1 else n for n in self.shape]
        shape[self.time] = steps
        if self.made is not None:
            shape[self._mels] = self.made.mels
        shape[0] = 1
        return {name: shape if at == self.sound else [1] for at, name in enumerate(self.inputs)}

    def arrays(self, samples: Array) -> list[Array]:
        """The inputs for one sound.

        Args:
            samples: float32 [samples], `most` at most.

        Raises:
            BadRequestError: it is too short.
        """
        if len(samples) < self.fewest:
            raise BadRequestError(
                f"The sound is {len(samples) / self.rate:.3f} seconds long; "
                f"at least {self.fewest / self.rate:.3f} are needed."
            )
        steps, filled = self._steps(samples)
        found = [self._placed(filled)]
        if self.length_dtype is not None:
            found.insert(1 - self.sound, np.array([steps], self.length_dtype))
        return found

    def steps(self, samples: Array) -> int:
        """How many samples or frames a sound has, before it is filled up."""
        return len(samples) if self.made is None else max(1, self.made.frames(len(samples)))

    def _steps(self, samples: Array) -> tuple[int, Array]:
        """How many samples or frames the sound has, and these, filled up: [steps] or [steps, mels]."""
        if self.made is None:
            return len(samples), _padded(samples, self.fixed or self._filled(len(samples)))
        steps = min(self.fixed or len(samples), max(1, self.made.frames(len(samples))))
        if self.length_dtype is not None and not self.fixed:
            # The model is told where the sound ends; behind it stand zeros, as in the batches of training.
            return steps, _padded(self.made.compute(samples), self._filled(steps))
        goal = self.fixed or self._filled(steps)
        if self.fixed or goal != steps:
            samples = _padded(samples, self.made.samples(goal))
        return steps, self.made.compute(samples)[:goal]

    def _filled(self, steps: int) -> int:
        at = bisect_left(self.buckets, steps)
        return self.buckets[at] if at < len(self.buckets) else steps

    def _placed(self, steps: Array) -> Array:
        """In the model's shape, with one row."""
        if self.made is not None and self._mels < self.time:
            steps = steps.T
        return np.ascontiguousarray(steps).reshape([1] * (len(self.shape) - steps.ndim) + list(steps.shape))

    @property
    def _mels(self) -> int:
        return 2 * len(self.shape) - 3 - self.time  # the last two axes are time and mels


def _padded(steps: Array, count: int) -> Array:
    """Zeros behind it, where it has less."""
    missing = max(0, count - len(steps))
    return np.pad(steps, [(0, missing)] + [(0, 0)] * (steps.ndim - 1)) if missing else steps
