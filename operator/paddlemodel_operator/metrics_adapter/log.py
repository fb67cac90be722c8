"""One line per event on standard error, as JSON or as text, and never a flood.

What clients send can reach a line, so control characters are escaped: no line can be forged.
"""

import json
import logging
import sys
import time
from typing import Final, Literal

# What a LogRecord has anyway: everything else was given as `extra` and belongs into the line.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Formatter(logging.Formatter):
    def __init__(self, style: Literal["json", "text"]) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        """Render one event; json.dumps escapes all that could end a line or command a terminal."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            extra["trace"] = self.formatException(record.exc_info)
        head = {"time": f"{moment}.{int(record.msecs):03d}Z", "level": record.levelname}
        message = record.getMessage()
        if self._json:
            return json.dumps({**head, "message": message, **extra}, default=str)
        fields = "".join(f" {name}={json.dumps(value, default=str)}" for name, value in extra.items())
        return f"{head['time']} {record.levelname} {json.dumps(message)[1:-1]}{fields}"


class Limiter(logging.Filter):
    """Lets a few lines of one place in the source through per period, and says how many it left out."""

    EVENTS: Final = 10
    SECONDS: Final = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._periods: dict[tuple[str, int], list[float]] = {}  # its end, lines let through, lines left out

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record may be written now."""
        if record.levelno < logging.WARNING:
            return True
        # The keys are lines of source, so there is no end of them only where there is no end of source.
        period = self._periods.setdefault((record.pathname, record.lineno), [0.0, 0, 0])
        if record.created >= period[0]:
            if period[2]:
                record.left_out = int(period[2])
            period[:] = [record.created + self.SECONDS, 0, 0]
        period[1] += 1
        allowed = period[1] <= self.EVENTS
        period[2] += not allowed
        return allowed


def configure(level: str, style: Literal["json", "text"]) -> None:
    """Send every logger of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(style))
    handler.addFilter(Limiter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    # Its only lines are tracebacks of clients' malformed requests, which are answered with 400.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
