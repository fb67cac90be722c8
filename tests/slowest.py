"""`make test` ends with what cost most CPU time: tests, for the table in CONTRIBUTING.md, and groups.

On a busy machine the wall time of a test tells little. A server or a cluster that tests share is counted
where it ends, with the last of them; what the processes need for the collection is not counted.
"""

import os
from collections.abc import Callable, Generator, Iterable

import pytest

from tests.scheduling import group_of

SHOWN = 30
_last = 0.0


def _cpu() -> float:
    """Seconds of this process and of all children that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def pytest_runtest_logstart() -> None:
    global _last  # noqa: PLW0603 - one process runs one test after the other
    _last = _cpu()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add `cpu`, seconds, to the report of each phase; xdist carries it to the process that prints."""
    global _last
    report = yield
    now = _cpu()
    vars(report)["cpu"], _last = now - _last, now
    return report


def table(title: str, reports: Iterable[pytest.TestReport], name: Callable[[str], str]) -> list[str]:
    """The lines of a table, in Markdown: by the name that a test's id has in it, in seconds."""
    spent: dict[str, tuple[float, float]] = {}
    for report in reports:
        cpu, wall = spent.get(name(report.nodeid), (0.0, 0.0))
        spent[name(report.nodeid)] = cpu + vars(report)["cpu"], wall + report.duration
    dearest = sorted(spent.items(), key=lambda item: -item[1][0])[:SHOWN]
    rows = [f"| {key} | {cpu:.0f} | {wall:.0f} |" for key, (cpu, wall) in dearest]
    cpu, wall = (sum(column) for column in zip(*spent.values(), strict=True))
    return ["", f"| {title} | CPU s | wall s |", "|---|---|---|", *rows, f"| all | {cpu:.0f} | {wall:.0f} |"]


def _shown(nodeid: str) -> str:
    path, _, test = nodeid.removeprefix("tests/").partition("::")
    return f"{path}: `{test}`"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for some in terminalreporter.stats.values() for one in some if "cpu" in vars(one)]
    if reports:
        lines = [*table("Test", reports, _shown), *table("Group", reports, group_of)]
        terminalreporter.write_line("\n".join(lines))
