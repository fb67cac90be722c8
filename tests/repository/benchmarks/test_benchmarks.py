"""The benchmark's own client counts rightly; a benchmark that errs quietly is worse than none."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.serving import beside, client, load, report, targets, workloads
from benchmarks.serving.contenders import Server
from benchmarks.serving.load import Measured, Target
from benchmarks.serving.results import Cell, Idle, Results
from benchmarks.serving.rounds import means, rotated
from tests import peers

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def driven(answer: Answer) -> Measured:
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        target = Target(port=server.sockets[0].getsockname()[1], path="/", content_type="x/y", body=b"b")
        return await client.drive(target.port, target.request(), concurrency=4, seconds=0.3)


@pytest.mark.parametrize("head", [b"200 OK", b"500 Oops"])
@pytest.mark.parametrize("connection", [b"keep-alive", b"close"])
async def test_the_clients_count_is_the_servers(head: bytes, connection: bytes) -> None:
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

    measured = await driven(answer)
    assert measured.answered == answered  # warm-up and tail included
    if head == b"200 OK":
        assert measured.errors == 0
        assert 0 < measured.requests < answered
        assert 0 < measured.p50_ms <= measured.p99_ms
    else:
        assert (measured.errors, measured.requests, measured.rate) == (answered, 0, 0)
    assert measured.client_cpu > 0


async def test_a_connection_that_ends_instead_of_answering_is_an_error() -> None:
    asked = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\nb")
        asked += 1
        writer.close()  # in good order: no exception tells the client

    measured = await driven(hang_up)
    assert (measured.answered, measured.requests) == (0, 0)
    assert measured.errors == asked > 0


def test_the_rate_counts_what_was_answered_in_the_window_and_latencies_what_was_sent_in_it() -> None:
    run = client.Run(b"", start=0.0, end=1.0, good=[(-0.5, 0.1), (0.1, 0.6), (0.6, 1.2)], answered=3)
    found = run.summary(client_cpu=0.5)
    assert (found.rate, found.requests, found.answered) == (2.0, 2, 3)
    assert [found.p50_ms, found.p99_ms] == pytest.approx([600, 600])
    run.good.append((0.9, 1.1))
    assert run.summary(0.5).p50_ms == pytest.approx(500)


def test_only_answers_with_200_are_wrks_throughput() -> None:
    found = load.wrk_summary("Running …\nRESULT 900 3000000 300 6 1500 9000\n", 0.25)
    assert (found.rate, found.requests, found.answered, found.errors) == (200.0, 600, 900, 306)
    assert (found.p50_ms, found.p99_ms, found.client_cpu) == (1.5, 9.0, 0.25)


def test_what_was_answered_before_a_second_try_counts_where_the_cpu_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = [
        Measured(rate=0, p50_ms=0, p99_ms=0, requests=0, answered=3, errors=1, client_cpu=0),
        replace(measured(4.0), answered=7),
    ]
    monkeypatch.setattr(load, "_own", lambda *_: tries.pop(0))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = load.measure(Target(port=1, path="/", content_type="x/y", body=b""), 1, 1.0)
    assert (found.rate, found.answered, found.errors) == (4.0, 10, 1)


def measured(rate: float, p99: float = 10.0) -> Measured:
    return Measured(rate=rate, p50_ms=1.0, p99_ms=p99, requests=100, answered=100, errors=0, client_cpu=0.1)


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
    found.cells[0].http_worker_cpu_ms.extend([0.5, 0.5])
    found.cells[0].stages.extend([{"decode": 0.25, "rows": 1.5}, {"decode": 0.25, "rows": 1.5}])
    found.start_up = [(4.0, 1.5), (5.0, 1.5)]
    found.probed = {"convnet": measured(90.0)}
    found.probes_ms = {"convnet": {"/healthz": [1.0, 2.0], "/metrics": [3.0]}}
    quiet, busy = measured(100.0), measured(100.0, p99=12.0)
    found.idle = [
        Idle(opened=10_000, still_open=9_999, memory_mb=60, without={"1": quiet}, with_them={"1": busy})
    ]
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
    still_open = rows["idle connections open after the load"]
    assert (still_open.measured, still_open.met) == ("9999", False)
    slower = rows["p99 with them against without, 1 at once"]
    assert (slower.measured, slower.met) == ("1.20 x", True)
    assert not [row for row in rows.values() if "MLP" in row.name]  # what was not measured is not judged


@pytest.mark.parametrize("whose", [0, 1])
def test_a_target_reached_with_errors_on_either_side_is_missed(results: Results, whose: int) -> None:
    broken = results.cells[whose].measured
    broken[0] = replace(broken[0], errors=3)
    rows = {row.name: row for row in targets.rows(results)}
    mosec = rows["mobilenet raw, 32 at once, against mosec"]
    assert (mosec.measured, mosec.met) == ("1.04 (0.98-1.10)x, 3 errors", False)


def test_errors_of_the_load_beside_the_probes_are_told(results: Results) -> None:
    results.probed["convnet"] = replace(measured(90.0), errors=2)
    rows = {row.name: row for row in targets.rows(results)}
    live = rows["liveness under full load (convnet), p99"]
    assert (live.measured, live.met) == ("2.00 ms, 2 errors", False)


def test_a_probe_that_fails_fails_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = threading.Event()

    def refuse(port: int, path: str) -> float:
        refused.set()
        raise RuntimeError(f"{path} of {port} answered 503")

    def loaded(*_: object) -> Measured:
        assert refused.wait(60)
        return measured(1.0)

    monkeypatch.setattr(beside, "_probe", refuse)
    monkeypatch.setattr(load, "measure", loaded)
    server = Server(name="ours", process=psutil.Process(), port=2, admin_port=1)
    ask = workloads.RequestSpec(path="/", body=b"", content_type="x/y")
    with pytest.raises(ExceptionGroup, match="probes failed under load") as failed:
        beside.probes_under_load(server, ask, 1, 1.0)
    assert all("of 1 answered 503" in str(error) for error in failed.value.exceptions)


def test_what_was_kept_is_shown_again_and_written_between_the_marks(results: Results, tmp_path: Path) -> None:
    kept, page = tmp_path / "kept.json", tmp_path / "benchmarks.md"
    results.save(kept)
    again = Results.load(kept)
    assert again == results
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(again, page)
    text = page.read_text()
    assert (text[:7], text[-7:]) == ("before\n", "\nafter\n")
    assert "\nold\n" not in text
    assert report.text(results) in text
    assert re.search(r"^convnet +raw +32 +0\.250 .* 1\.5 +0\.500$", text, re.MULTILINE)  # where the time goes
    assert "MISSED" in text
    assert "<svg" in (tmp_path / "benchmarks.svg").read_text()
    before = page.read_text()
    report.write(again, page)
    assert page.read_text() == before


def test_a_run_without_contenders_can_be_written_too(results: Results, tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"{report.BEGIN}{report.END}")
    report.write(replace(results, cells=[], bare={}, bare_cpu_ms={}), page)
    assert "requests lost on SIGTERM" in page.read_text()
    assert not (tmp_path / "benchmarks.svg").exists()


def test_a_busy_client_and_the_reason_of_a_miss_are_shown(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(targets.REASONS, "requests lost on SIGTERM under load", "because of the test")
    assert "because of the test" in report.text(results)
    assert "the load itself" not in report.text(results)
    results.cells[0].measured[:] = [replace(one, client_cpu=0.95) for one in results.cells[0].measured]
    assert "the load itself takes 0.95 cores" in report.text(results)


def test_every_round_begins_with_another_contender(results: Results) -> None:
    firsts = [rotated(results.cells, number)[0].contender for number in range(3)]
    assert firsts == ["ours", "mosec", "ours"]


def test_stages_are_means_between_two_looks() -> None:
    before, after = (
        {"decode": (1.0, 10.0)},
        {"decode": (3.0, 20.0), "rows": (30.0, 20.0), "queue": (0.0, 0.0)},
    )
    assert means(before, after) == {"decode": 200.0, "rows": 1.5}


@pytest.mark.skipif(not report.KEPT.exists(), reason="no run has been kept yet")
def test_the_page_is_what_the_kept_run_renders_to() -> None:
    kept, content = Results.load(report.KEPT), report.PAGE.read_text()
    assert report.page(kept, content) == content
    missed = {row.name for row in targets.rows(kept) if not row.met}
    assert missed == targets.REASONS.keys(), "each missed row has a reason, and no other has one"


def test_contenders_that_disagree_are_not_compared() -> None:
    one = np.array([0.5, 0.25], np.float32)
    workloads.check_same_answer({"a": workloads.Answer(one), "b": workloads.Answer(one + 1e-4)})
    with pytest.raises(RuntimeError, match="a and b disagree"):
        workloads.check_same_answer({"a": workloads.Answer(one), "b": workloads.Answer(one[::-1])})
    classes = {name: workloads.Answer(one[:1], number) for name, number in (("a", 900), ("b", 901))}
    with pytest.raises(RuntimeError, match="a and b disagree"):
        workloads.check_same_answer(classes)


@pytest.mark.slow
def test_a_whole_run_of_the_benchmark_works(tmp_path: Path) -> None:
    """One short round by the built-in client, beside mosec where somebody has made the peers' environment."""
    rivals = ["naive", *(["mosec"] if peers.made() else [])]
    kept = tmp_path / "kept.json"
    options = ["--rounds=1", "--seconds=0.2", "--only=mlp", "--at=32", f"--json={kept}", "--against", *rivals]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving", *options],
        env=os.environ | {"PATH": ""},  # without wrk
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    results = Results.load(kept)
    assert report.text(results) in done.stdout
    assert {cell.contender for cell in results.cells} == {"ours", *rivals}
    assert all(entry.errors == 0 for cell in results.cells for entry in cell.measured)
    for cell in results.cells:
        assert cell.rates[0] > 0
        if cell.contender == "ours":
            assert 0 < cell.http_worker_cpu_ms[0] < cell.cpu_ms[0]
            assert cell.stages[0].keys() == {"decode", "queue", "batch", "predict", "encode", "rows"}
    assert results.bare["mlp"][0] > 0
    assert targets.rows(results)
