"""The benchmark of tasks compares like with like, judges rightly, and its page is what a run has said."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Sequence

import pytest

from benchmarks.tasks import clients, report, workloads
from benchmarks.tasks.rounds import Round
from benchmarks.tasks.workload import Body

GOOD = Round(server=200.0, loops=100.0, single=60.0, server_cpu_ms=5.0, loop_cpu_ms=10.0)
SLOW = Round(server=70.0, loops=100.0, single=60.0, server_cpu_ms=5.0, loop_cpu_ms=10.0)


@pytest.mark.parametrize(
    ("name", "rounds", "verdict"),
    [
        ("texts", [GOOD], "target: >= 0.95x of 2 loops  met (3.33x of 1 loop)"),
        ("texts", [SLOW, SLOW, GOOD], "target: >= 0.95x of 2 loops  MISSED (1.17x of 1 loop)"),
        ("wav", [GOOD], "target: >= 1.3x of 1 loop  met (2.00x of 2 loops)"),
        ("wav", [SLOW], "target: >= 1.3x of 1 loop  MISSED (0.70x of 2 loops)"),
    ],
)
def test_the_median_of_the_rounds_is_judged_and_the_other_reading_named(
    name: str, rounds: Sequence[Round], verdict: str
) -> None:
    assert report.text({name: rounds}, workloads.ALL).splitlines()[-1] == verdict


async def test_clients_count_what_is_answered_in_the_window_and_end_at_a_refusal() -> None:
    bodies = iter([Body(b"a", "x/y", 2.0), Body(b"bc", "x/y", 3.0), Body(b"d", "x/y")])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for body in (b"a", b"bc", b"d"):
            await reader.readuntil(b"\r\n\r\n" + body)
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok" if body != b"d" else b"HTTP/1.1 500\r\n\r\n"
            )
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        count = clients.Count(began=0.0, ends=float("inf"))
        with pytest.raises(SystemExit, match="500"):
            await clients.client(port, bodies, count, 0.0)
    assert (count.counted, count.all) == (5.0, 5.0)


def test_the_page_is_what_the_kept_run_renders_to() -> None:
    kept, content = report.load(report.KEPT), report.PAGE.read_text()
    assert report.page(content, report.text(kept, workloads.ALL)) == content
    assert kept.keys() == workloads.ALL.keys()


@pytest.mark.slow  # librosa is installed first
@pytest.mark.parametrize("name", workloads.ALL)
def test_a_short_round_says_how_much_faster(name: str) -> None:
    """Before it measures, it compares the server's answers with the loop's."""
    command = [sys.executable, "-m", "benchmarks.tasks", "--only", name, "--rounds", "1", "--seconds", "0.5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"^server by 2 loops +\d+\.\d\d ", done.stdout, re.MULTILINE)
