"""One builder at a time for each user: a second one waits, then finds everything done."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from devcluster import paths
from devcluster.progress import say


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Hold the lock of this name in the cache; says so when it has to wait."""
    paths.cache().mkdir(parents=True, exist_ok=True)
    with (paths.cache() / f"{what}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another {what} is running; waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
