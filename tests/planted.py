"""Fails each test that lets out a secret which it has planted: into its output, a log, a server's log.

Secrets of the tests are recognised by MARKS. Looked through are all that pytest captures (also of programs
that a test starts), each record of our loggers with its extra fields and traceback, whatever is shown of it,
and logs of real servers. On a node, tests/cluster/sources look through objects, Events and all pods' logs.
"""

import logging
from collections.abc import Generator

import pytest
from paddlemodel_server.host.log import JsonFormatter

MARKS = ("S3CRET", "5ecret", "planted-")
_AROUND = 60  # characters on either side, to show


class _Listener(logging.Handler):
    """Remembers which records hold a mark."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter("tests"))
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if place := leaked(self.format(record)):
            self.found.append(place)


_listener = _Listener()
for _name in ("paddlemodel_server", "paddlemodel_operator"):
    # Not the root's: programs replace those handlers, and tests run programs in their own process.
    logging.getLogger(_name).addHandler(_listener)


def leaked(text: str) -> str:
    """Where a text holds a mark; empty where it holds none."""
    for mark in MARKS:
        if (at := text.find(mark)) >= 0:
            return text[max(0, at - _AROUND) : at + len(mark) + _AROUND]
    return ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look through what one phase of a test has said."""
    report = yield
    places, _listener.found = _listener.found, []
    said = (text for title, text in report.sections if title.endswith(report.when))  # others were looked at
    places += filter(None, map(leaked, said))
    if places and not report.failed:
        report.outcome = "failed"
        report.longrepr = f"A planted secret was let out: …{places[0]}…"
    return report
