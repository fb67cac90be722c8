"""How many rows a run should have: which sizes are worth warming up, which of them suits what waits. Pure."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

GAIN = 1.05  # a larger run must be this much better: timings are noisy, and a smaller run answers sooner


def best_size(rows: int, sizes: Mapping[int, float]) -> int:
    """The warmed size that answers most rows per second when `rows` rows wait; small sizes win ties."""
    return _best(rows, tuple(sizes.items()))


@lru_cache(maxsize=4096)
def _best(rows: int, sizes: tuple[tuple[int, float], ...]) -> int:
    best, best_rate = min(sizes)[0], 0.0
    for size, seconds in sorted(sizes):
        rate = min(rows, size) / max(seconds, 1e-9)
        if rate > best_rate * GAIN:
            best, best_rate = size, rate
    return best


def padded_size(rows: int, sizes: Iterable[int]) -> int:
    """The smallest warmed size that holds the rows; the rows themselves where none does."""
    return min((size for size in sizes if size >= rows), default=rows)


def warm_sizes(cap: int) -> list[int]:
    """The sizes worth warming up: powers of two and the cap itself."""
    return sorted({cap, *(1 << power for power in range(cap.bit_length()) if 1 << power <= cap)})
