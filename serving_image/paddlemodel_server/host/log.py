"""One line per event, as JSON or as text, on standard error.

What clients send can reach a line (an id, a message), so control characters are escaped: no line can be
forged, and no terminal is commanded.
"""

import json
import logging
import re
import sys
import threading
import time
from types import TracebackType
from typing import Final, Literal

# What a LogRecord has anyway: everything else was given as `extra` and belongs into the line.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_FIXED: Final = ("time", "level", "process", "pid", "message", "trace")  # no extra replaces these
# Controls (C0, DEL, C1), line separators, marks that change the direction of writing, lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_PLAIN = re.compile(r"[^\s\"=\\]+")


class JsonFormatter(logging.Formatter):
    """A JSON object per line, with the traceback inside."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One event as one line."""
        event: dict[str, object] = {
            "time": _timestamp(record),
            "level": record.levelname,
            "process": self._process,
            "pid": record.process,
            "message": record.getMessage(),
        }
        event |= _extra(record)
        if record.exc_info:
            event["trace"] = self.formatException(record.exc_info)
        return escaped(json.dumps(event, default=str, ensure_ascii=False))


class TextFormatter(logging.Formatter):
    """The same event for a person's eye; a traceback follows on indented lines."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One event as one line."""
        extra = "".join(f" {name}={_shown(value)}" for name, value in _extra(record).items())
        line = f"{_timestamp(record)} {record.levelname} {self._process}[{record.process}] "
        line += escaped(record.getMessage()) + extra
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            line += "".join(f"\n    {escaped(part)}" for part in trace.split("\n"))
        return line


def configure(level: str, style: Literal["json", "text"], process: str) -> None:
    """Send every logger of this process to standard error, and what Python itself would print there."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process) if style == "json" else TextFormatter(process))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    sys.excepthook = _unexpected
    threading.excepthook = lambda args: _unexpected(args.exc_type, args.exc_value, args.exc_traceback)


def _unexpected(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """One line for an error that nobody caught."""
    if issubclass(kind, SystemExit):  # a thread's: it says nothing of the process
        return
    logging.getLogger(__name__).error("unexpected failure", exc_info=(kind, error or kind(), trace))


class Limiter:
    """Lets a few events of a kind through per period, so that an overload does not flood the log."""

    def __init__(self, events: int = 10, seconds: float = 10.0) -> None:
        self._events = events
        self.seconds = seconds
        self._ends = 0.0
        self._left = 0
        self.left_out = 0  # events since the last one that was let through

    def allows(self, now: float) -> bool:
        """Whether an event may be logged now."""
        if now >= self._ends:
            self._ends, self._left = now + self.seconds, self._events
        if not self._left:
            self.left_out += 1
            return False
        self._left -= 1
        return True

    def summary(self) -> dict[str, int]:
        """What to add to a line: how many were left out before it, if any."""
        count, self.left_out = self.left_out, 0
        return {"left_out": count} if count else {}


def escaped(text: str) -> str:
    """The text with every character that could end a line or command a terminal written as its escape."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {n: value for n, value in vars(record).items() if n not in _STANDARD and n not in _FIXED}


def _shown(value: object) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text):
        return escaped(text)
    return escaped(json.dumps(text, ensure_ascii=False))


def _timestamp(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
