"""One line per event, whatever unknown clients send, and never a flood."""

import json
import logging
from collections.abc import Iterator

import pytest
from paddlemodel_operator.metrics_adapter import log


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, server = logging.getLogger(), logging.getLogger("aiohttp.server")
    handlers, level, server_level = root.handlers, root.level, server.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    server.setLevel(server_level)
    logging.captureWarnings(False)


HOSTILE = 'a\nForged\x1b[31m"\u2028'


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "json")
    logging.getLogger("a").info("Got %s", HOSTILE, extra={"pod": HOSTILE, "code": 1})
    logging.getLogger("a").debug("no")
    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert event.pop("time").endswith("Z")
    assert event == {"level": "INFO", "message": f"Got {HOSTILE}", "pod": HOSTILE, "code": 1}


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "text")
    logging.getLogger("a").info("Got %s", HOSTILE, extra={"pod": HOSTILE})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(r'INFO Got a\nForged\u001b[31m\"\u2028 pod="a\nForged\u001b[31m\"\u2028"')


def test_a_traceback_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("INFO", "json")
    try:
        int(HOSTILE)
    except ValueError:
        logging.getLogger("a").exception("Failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError" in json.loads(line)["trace"]


def record(line: int, created: float, level: int = logging.WARNING) -> logging.LogRecord:
    made = logging.LogRecord("a", level, "a.py", line, "text", None, None)
    made.created = created
    return made


def test_a_flood_from_one_place_is_cut_and_counted() -> None:
    limiter = log.Limiter()
    assert sum(limiter.filter(record(1, 100.0)) for _ in range(50)) == limiter.EVENTS
    assert limiter.filter(record(2, 100.0))
    later = record(1, 100.0 + limiter.SECONDS)
    assert limiter.filter(later)
    assert vars(later)["left_out"] == 40


def test_what_is_no_warning_is_never_cut() -> None:
    limiter = log.Limiter()
    assert all(limiter.filter(record(1, 100.0, logging.INFO)) for _ in range(50))
