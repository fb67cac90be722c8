"""What `paddlemodel logs` makes of a line of a server's or fetcher's structured log; pure."""

import argparse
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from paddlemodel_operator.commands.deployed.text import safe

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_HEAD: Final = frozenset({"time", "level", "process", "pid", "message", "trace"})
_PART: Final = re.compile(r"(\d+)([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PLAIN: Final = re.compile(r"[^\s\"=\\]+")


def seconds(text: str) -> int:
    """Of a length of time such as 90s, 10m or 1h30m.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not re.fullmatch(r"(\d{1,6}[smhd])+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time; write it as 90s, 10m or 1h30m")
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def passes(line: bytes, level: str) -> bool:
    """Whether a line is of this level or a higher one; what has no level, such as a crash, always passes."""
    found = str((_event(line) or {}).get("level", "")).upper()
    return found not in LEVELS or LEVELS.index(found) >= LEVELS.index(level)


def shown(line: bytes) -> str:
    """The line for a person: time, level, process, message, fields; a traceback below, indented."""
    event = _event(line)
    if event is None or "message" not in event:
        return safe(line.decode(errors="replace"))
    head = [str(event[key]) for key in ("time", "level", "process") if key in event]
    fields = [f"{key}={_value(value)}" for key, value in event.items() if key not in _HEAD]
    text = safe(" ".join([*head, str(event["message"]), *fields]))
    trace = str(event.get("trace", "")).splitlines()
    return "\n".join([text, *(f"    {safe(part)}" for part in trace)])


def _event(line: bytes) -> Mapping[str, Any] | None:
    if not line.startswith(b"{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
