"""How long the machine itself stands still: a process on the adapter's core that only sleeps, and is late.

No latency can be better than that; where other programs use the machine, it is what a p99 shows.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized

NAP_SECONDS = 0.005


@contextmanager
def watched(core: int) -> Iterator[Callable[[], float]]:
    """Gives a function that tells the longest delay since it was asked last, in milliseconds."""
    context = multiprocessing.get_context("spawn")
    worst = context.Value("d", 0.0)

    def longest() -> float:
        with worst.get_lock():
            found: float = worst.value
            worst.value = 0.0
        return found * 1000

    process = context.Process(target=_sleep, args=(core, worst), daemon=True)
    process.start()
    try:
        yield longest
    finally:
        process.kill()
        process.join()


def _sleep(core: int, worst: "Synchronized[float]") -> None:
    os.sched_setaffinity(0, {core})
    while True:
        start = time.monotonic()
        time.sleep(NAP_SECONDS)
        late = time.monotonic() - start - NAP_SECONDS
        with worst.get_lock():
            worst.value = max(worst.value, late)
