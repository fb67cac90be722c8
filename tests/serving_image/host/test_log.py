"""Lines that people and machines can read and clients cannot forge."""

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.host.log import JsonFormatter, Limiter, TextFormatter


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.getLogger("test").makeRecord(
        "test", logging.WARNING, __file__, 1, message, arguments, None, extra=extra
    )
    made.created, made.msecs, made.process = 1_700_000_000.25, 250.0, 7
    return made


def _fail(message: str) -> None:
    raise ValueError(message)


def failing(message: str) -> logging.LogRecord:
    made = record("a request failed")
    try:
        _fail(message)
    except ValueError as error:
        made.exc_info = (type(error), error, error.__traceback__)
    return made


def parsed(made: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(JsonFormatter("http_worker").format(made))
    return found


def test_a_json_line() -> None:
    assert parsed(record("a request was %s", "slow", seconds=1.5, route="infer")) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "WARNING",
        "process": "http_worker",
        "pid": 7,
        "message": "a request was slow",
        "seconds": 1.5,
        "route": "infer",
    }


def test_a_text_line() -> None:
    line = TextFormatter("http_worker").format(record("slow", seconds=1.5, id="a b", said='"x"', none=""))
    assert line == (
        '2023-11-14T22:13:20.250Z WARNING http_worker[7] slow seconds=1.5 id="a b" said="\\"x\\"" none=""'
    )


def test_a_trace_is_inside_the_json_and_indented_in_the_text() -> None:
    assert parsed(failing("broken"))["trace"].endswith("ValueError: broken")
    first, *more = TextFormatter("http_worker").format(failing("broken")).split("\n")
    assert first.endswith("a request failed")
    assert len(more) > 2
    assert all(line.startswith("    ") for line in more)


def test_no_extra_replaces_what_a_line_always_has() -> None:
    found = parsed(record("slow", level="DEBUG", time="never", pid=1, trace="none"))
    assert (found["level"], found["pid"]) == ("WARNING", 7)
    assert found["time"].startswith("2023")


@given(st.text())
def test_json_keeps_what_was_said(text: str) -> None:
    said = text.encode("utf-8", "replace").decode()
    assert parsed(record("%s", said, extra_text=said))["extra_text"] == said


FORGED = [
    "a\n2023-11-14T22:13:20.250Z ERROR http_worker[7] all is lost",
    "a\r\nb",
    "a\x1b[2Jb",
    "a\x9b2Jb",
    "a\u2028b",
    "a\u202eb",
    "a\x85b",
    "a\x00b",
    "\ud800",
]


@pytest.mark.parametrize("hostile", FORGED, ids=ascii)
@pytest.mark.parametrize(
    "formatter", [JsonFormatter("http_worker"), TextFormatter("http_worker")], ids=["json", "text"]
)
def test_a_client_can_neither_forge_a_line_nor_command_a_terminal(
    formatter: logging.Formatter, hostile: str
) -> None:
    for line in (
        formatter.format(record("%s", hostile)),
        formatter.format(record("x", said=hostile)),
        *formatter.format(failing(hostile)).split("\n    "),
    ):
        assert len(line.splitlines()) == 1
        assert line.isprintable()
        line.encode()


@given(st.text())
def test_whatever_is_said_a_line_is_one(text: str) -> None:
    for formatter in (JsonFormatter("http_worker"), TextFormatter("http_worker")):
        line = formatter.format(record("%s", text, said=text))
        assert len(line.splitlines()) == 1
        line.encode()


PROGRAM = """
import logging, sys, threading, warnings
from paddlemodel_server.host import log
log.configure(sys.argv[1], "json", "worker-0")
for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
    logging.getLogger("x").log(level, "said")
if len(sys.argv) > 2:
    warnings.warn("old")
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    raise RuntimeError("two\\nlines")
"""


def printed(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_what_python_itself_would_print_is_one_line_each() -> None:
    *_, warning, thread, end = printed("WARNING", "more", code=1)
    assert (warning["level"], warning["process"]) == ("WARNING", "worker-0")
    assert "UserWarning: old" in warning["message"]
    assert (thread["level"], thread["message"]) == ("ERROR", "unexpected failure")
    assert "ZeroDivisionError" in thread["trace"]
    assert (end["level"], end["message"]) == ("ERROR", "unexpected failure")
    assert end["trace"].endswith("RuntimeError: two\nlines")


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("DEBUG", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("INFO", ["INFO", "WARNING", "ERROR"]),
        ("WARNING", ["WARNING", "ERROR"]),
        ("ERROR", ["ERROR"]),
    ],
)
def test_a_level_suppresses_what_is_below_it(level: str, shown: list[str]) -> None:
    assert [line["level"] for line in printed(level)] == shown


def test_a_flood_is_cut_and_counted() -> None:
    limiter = Limiter(events=2, seconds=10)
    assert [limiter.allows(now) for now in (0, 1, 2, 9.9)] == [True, True, False, False]
    assert limiter.left_out == 2
    assert limiter.allows(10)
    assert limiter.summary() == {"left_out": 2}
    assert limiter.summary() == {}
    assert [limiter.allows(now) for now in (11, 12)] == [True, False]
