"""The benchmark's own client counts rightly; a benchmark that errs quietly is worse than none."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from benchmarks.serving import report, targets, workloads
from benchmarks.serving.load import Measured, Target, _client
from benchmarks.serving.results import Cell, Results


@pytest.mark.parametrize(
    ("head", "errors"),
    [(b"200 OK", False), (b"500 Oops", True)],
)
@pytest.mark.parametrize("connection", [b"keep-alive", b"close"])
async def test_the_clients_count_is_the_servers(head: bytes, errors: bool, connection: bytes) -> None:
    answered = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        while await reader.read(4096):
            answered += 1
            writer.write(
                b"HTTP/1.1 " + head + b"\r\nConnection: " + connection + b"\r\nContent-Length: 2\r\n\r\nok"
            )
            if connection == b"close":
                break
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        target = Target(port=server.sockets[0].getsockname()[1], path="/", content_type="x/y", body=b"b")
        measured = await _client(target.port, target.request(), concurrency=4, seconds=0.3)
    assert 0 < measured.requests <= answered
    assert measured.errors == (measured.requests if errors else 0)
    assert 0 < measured.p50_ms <= measured.p99_ms


def measured(rate: float, p99: float = 10.0) -> Measured:
    return Measured(rate=rate, p50_ms=1.0, p99_ms=p99, requests=100, errors=0)


@pytest.fixture
def results() -> Results:
    """Two rounds in which ours is once slower and once faster than mosec."""
    found = Results(
        machine="a machine", bare={"convnet": [100.0, 110.0]}, bare_cpu_ms={"convnet": [9.0, 9.0]}
    )
    for name, rates in (("ours", (98.0, 121.0)), ("mosec", (100.0, 110.0))):
        found.cells.append(
            Cell(
                workload="convnet",
                form="raw",
                contender=name,
                concurrency=32,
                measured=[measured(rate) for rate in rates],
                cpu_ms=[9.5, 9.5],
            )
        )
    found.start_up = [(4.0, 1.5), (5.0, 1.5)]
    found.ending = {"answered": 7, "lost": 1}
    return found


def test_targets_are_judged_by_the_median_of_ratios_within_rounds(results: Results) -> None:
    rows = {row.name: row for row in targets.rows(results)}
    mosec = rows["mobilenet raw, 32 at once, against mosec"]
    assert (mosec.measured, mosec.met) == ("1.04 (0.98-1.10)x", True)
    late = rows["first answer later than the bare predictor's by"]
    assert (late.measured, late.met) == ("3.00 (2.50-3.50) s", False)
    lost = rows["requests lost on SIGTERM under load"]
    assert (lost.measured, lost.met) == ("1 of 8", False)
    assert not [row for row in rows.values() if "MLP" in row.name]  # what was not measured is not judged


def test_what_was_kept_is_shown_again_and_written_between_the_marks(results: Results, tmp_path: Path) -> None:
    kept, page = tmp_path / "kept.json", tmp_path / "benchmarks.md"
    results.save(kept)
    again = Results.load(kept)
    assert again == results
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(again, {"convnet": "a network"}, page)
    text = page.read_text()
    assert (text[:7], text[-7:]) == ("before\n", "\nafter\n")
    assert "\nold\n" not in text
    assert report.text(results, {"convnet": "a network"}) in text
    assert "MISSED" in text
    assert "<svg" in (tmp_path / "benchmarks.svg").read_text()
    before = page.read_text()
    report.write(again, {"convnet": "a network"}, page)
    assert page.read_text() == before


def test_contenders_that_disagree_are_not_compared() -> None:
    one = np.array([0.5, 0.25], np.float32)
    workloads.check_same_answer({"a": one, "b": one + 1e-4})
    with pytest.raises(RuntimeError, match="a and b disagree"):
        workloads.check_same_answer({"a": one, "b": one[::-1]})
