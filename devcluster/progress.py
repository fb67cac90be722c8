"""Progress a person can read: steps with their time, and a counter that moves."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Print one line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def step(text: str) -> Iterator[None]:
    """Print what begins, and how long it took when it ends well."""
    say(f"==> {text}")
    started = time.monotonic()
    yield
    took = time.monotonic() - started
    if took >= 1:
        say(f"    done in {took:.0f} s")


class Counter:
    """`[ 312/2888] name`: one line rewritten on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.count = 0
        self._terminal = sys.stdout.isatty()
        self._last = time.monotonic()

    def advance(self, name: str) -> None:
        """Count one more, and show its name beside the count."""
        self.count += 1
        width = len(str(self.total))
        line = f"    [{self.count:{width}}/{self.total}] {name}"
        if self._terminal:
            sys.stdout.write(f"\r{line[:100]:<100}")
            sys.stdout.flush()
        elif time.monotonic() - self._last >= 10:
            self._last = time.monotonic()
            say(line[:100])

    def end(self) -> None:
        """Leave the rewritten line."""
        if self._terminal and self.count:
            say("")
