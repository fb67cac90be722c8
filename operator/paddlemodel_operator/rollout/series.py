"""Finds the counters with labels that a rollout is judged by in a pod's page, which comes in pieces. Pure.

The page is read without trust: only lines that we know, of a sensible length, and not more than a page of
ours has.
"""

import math
import re
from typing import Final

from paddlemodel_api import contract

WANTED: Final = (
    contract.REQUESTS_METRIC,
    contract.DURATIONS_METRIC,
    contract.SECONDS_METRIC,
    contract.MIRROR_METRIC,
)
MAX_LINE_BYTES: Final = 512
MAX_LINES: Final = 4096
MAX_VALUE: Final = 1e15

_LINE: Final = re.compile(
    rb"(%s)\{([^}]*)\} ([0-9.eE+-]{1,32})(?: [0-9.]{1,32})?" % b"|".join(name.encode() for name in WANTED)
)
_LABEL: Final = re.compile(rb'([a-z_]{1,32})="([^"\\]{0,64})"')


class SeriesScan:
    """The lines of a page that we know."""

    def __init__(self) -> None:
        self._rest = b""
        self._found: list[tuple[str, dict[str, str], float]] = []

    def feed(self, chunk: bytes) -> None:
        """Look at the lines that are complete now; what follows the last one waits."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        # Of an overlong line only its end would be left, which looks like none of ours.
        self._rest = rest if len(rest) <= MAX_LINE_BYTES else b"#"
        for line in lines:
            if line.startswith(b"paddle_") and len(line) <= MAX_LINE_BYTES and len(self._found) < MAX_LINES:
                self._take(line)

    def page(self) -> list[tuple[str, dict[str, str], float]]:
        """Name, labels and value of every line; a last line without an end may be cut, and is none."""
        return self._found

    def _take(self, line: bytes) -> None:
        match = _LINE.fullmatch(line)
        if match is None:
            return
        name, labels, text = match.groups()
        try:
            value = float(text)
        except ValueError:
            return
        if math.isfinite(value) and 0 <= value <= MAX_VALUE:
            pairs = {key.decode(): word.decode(errors="replace") for key, word in _LABEL.findall(labels)}
            self._found.append((name.decode(), pairs, value))
