"""An event loop that does only what a test lets it: timers called by hand, and calls from threads."""

import queue
from collections.abc import Callable


class Loop:
    """Timers and calls of other threads, kept until the test takes them."""

    def __init__(self) -> None:
        self.timers: list[Callable[[], None]] = []
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()

    def call_later(self, delay: float, callback: Callable[[], None], /) -> object:
        assert 0 < delay <= 5
        self.timers = [callback]
        return None

    def call_soon_threadsafe(self, callback: Callable[[], None], /) -> object:
        self._calls.put(callback)
        return None

    def take(self) -> None:
        """Wait for a call of another thread, and do it."""
        self._calls.get(timeout=180)()
