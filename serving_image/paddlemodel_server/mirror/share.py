"""Which requests are mirrored: a share of them by chance, and of a busy server a smaller one; pure.

A mirrored request costs a fixed time, and a judgement needs some hundreds of comparisons, however many there
are. So the share of a second is one with which the second before would have stayed within the limit. Every
request of a second has the same chance, whatever is in it and whichever came before it.

How many are passed over until the next one is drawn at once (a geometric distribution is what as many single
decisions come to), so that a request that is not mirrored costs no more than to count it.
"""

import math
from collections.abc import Callable
from typing import Final

MOST: Final = 32
"""Mirrored requests of an HTTP worker in a second: at 400 us each they are 1.3 % of a core."""
WINDOW: Final = 1.0  # seconds
SUDDEN: Final = 2
"""So many times MOST go through in a second in which the load has grown; the rest of it gets none."""


class Share:
    """One HTTP worker's."""

    def __init__(self, part: float, chance: Callable[[], float]) -> None:
        """Begin with the whole share.

        Args:
            part: of the requests, from 0 to 1.
            chance: a number from 0 to below 1, another one each time.
        """
        self._most, self._part, self._chance = part, part, chance
        self._began, self._seen, self._left = 0.0, 0, SUDDEN * MOST
        self._drawn = self.gap = self._draw()

    def has(self, now: float) -> bool:
        """Whether a request is one of those to be mirrored; while there is a `gap`, it is not.

        Args:
            now: seconds, by a clock that never goes back.
        """
        if self.gap:
            self.gap -= 1  # who does so in place of asking may do without the time
            return False
        if now >= self._began + WINDOW:
            self._turn(now)
        self._seen += self._drawn + 1
        self._drawn = self.gap = self._draw()
        if not self._left:
            return False
        self._left -= 1
        return True

    def _draw(self) -> int:
        """How many requests are passed over until the next one."""
        if self._part >= 1:
            return 0
        return int(math.log(1 - self._chance()) / math.log(1 - self._part)) if self._part else 1 << 30

    def _turn(self, now: float) -> None:
        rate = (self._seen + self._drawn) / (now - self._began)
        self._part = min(self._most, MOST / rate) if rate else self._most
        self._began, self._seen, self._left = now, -self._drawn, SUDDEN * MOST
