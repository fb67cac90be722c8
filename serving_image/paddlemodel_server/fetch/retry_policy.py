"""How often to come back to a place that fails, and after which pauses.

Init containers start while proxies, DNS and object stores wake up, so what may heal is tried again.
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.source import TryAgainError

_LOG = logging.getLogger(__name__)
_PROGRESS_THAT_COUNTS = 1 << 20  # bytes


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often to come back."""

    attempts: int = 6  # in a row without progress
    first_pause: float = 0.5  # seconds
    longest_pause: float = 30.0

    def pause(self, failures: int) -> float:
        """The pause after so many failures, with jitter: many pods may have failed at the same moment."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return jitter * min(self.longest_pause, self.first_pause * 2.0 ** (failures - 1))


@dataclass(kw_only=True)
class Attempts:
    """Counts what failed in a row, and rests in between."""

    retries: RetryPolicy = field(default_factory=RetryPolicy)
    rest: Callable[[float], object] = time.sleep
    failures: int = 0
    best: int = 0  # bytes that were there when the last progress counted

    def failed(self, error: TryAgainError, received: int = 0) -> None:
        """Rest until the next attempt.

        Args:
            error: why the last one failed.
            received: bytes that are there.

        Raises:
            StartError: `Unreachable`, if that was the last.
        """
        if received >= self.best + _PROGRESS_THAT_COUNTS:
            self.failures, self.best = 0, received
        self.failures += 1
        if self.failures >= self.retries.attempts:
            raise StartError(
                "Unreachable",
                f"The download failed {self.failures} times, at last because {error}; "
                "check the URI and that the pod may reach it.",
            ) from error
        pause = max(self.retries.pause(self.failures), min(error.pause, self.retries.longest_pause))
        _LOG.warning("attempt failed: %s", error, extra={"attempt": self.failures, "pause": round(pause, 1)})
        self.rest(pause)
