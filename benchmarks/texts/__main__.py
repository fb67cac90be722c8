"""`python -m benchmarks.texts`: vectors per second over HTTP, beside two predictors without any HTTP.

The server has one HTTP worker and two workers, and 32 clients that send one text each at a time, of mixed
lengths. The two bare predictors run the same texts, tokenized before, one by one without padding.
They take turns, so that other load slows both. It changes the CPU time of a text least, which is that of all
processes but the clients.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from devcluster import ports
from tests import cleartext
from tests.trained_text import minilm

PROCESSES = 2
CLIENTS = 32
READY_SECONDS = 300


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.texts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement")
    args = parser.parse_args()
    model = minilm()
    with (
        tempfile.TemporaryDirectory() as folder,
        _server(model, Path(folder)) as (server, port),
        _bare(model) as loops,
    ):
        ratios = []
        for turn in range(args.rounds):
            before = _cpu_seconds(server)
            ours, answers = _clients(port, args.seconds)
            spent = _cpu_seconds(server) - before, _cpu_seconds(*loops)
            theirs = _loops(loops, args.seconds)
            bare = (_cpu_seconds(*loops) - spent[1]) / max(1, theirs * args.seconds)
            ratios.append(ours / theirs)
            print(
                f"round {turn + 1}: {ours:.1f} a second over HTTP, {theirs:.1f} bare, {ours / theirs:.2f}; "
                f"CPU of a text {spent[0] / max(1, answers) * 1e3:.1f} ms, bare {bare * 1e3:.1f} ms",
                flush=True,
            )
    print(f"median of {args.rounds}: {statistics.median(ratios):.2f} of {PROCESSES} bare predictors")


@contextmanager
def _server(model: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port, admin_port = ports.free(2)
    settings = {
        "MODEL_DIR": model,
        "PORT": port,
        "ADMIN_PORT": admin_port,
        "BIND": "127.0.0.1",
        "HTTP_WORKERS": 1,
        "WORKERS": PROCESSES,
        "TASK": '{"textEmbedding":{}}',
        "WARMUP_SECONDS": 30,
    }
    environment = os.environ | {f"PADDLEMODEL_{name}": str(value) for name, value in settings.items()}
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "paddlemodel_server.cli", "serve"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait_ready(process, admin_port, folder / "server.log")
        yield process, port
    finally:
        process.terminate()
        process.terminate()
        process.wait(60)


def _wait_ready(process: subprocess.Popen[bytes], admin_port: int, log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            page = cleartext.get(f"http://127.0.0.1:{admin_port}/metrics", timeout=5).text
        except httpx.HTTPError:
            page = ""
        if f"paddle_workers_ready {PROCESSES}" in page:
            return
        time.sleep(0.2)
    raise SystemExit(f"the server is not ready: {log.read_text()[-2000:]}")


@contextmanager
def _bare(model: Path) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "benchmarks.texts.bare", str(model)]
    loops = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for _ in range(PROCESSES)
    ]
    try:
        for loop in loops:
            _line(loop)
        yield loops
    finally:
        for loop in loops:
            loop.terminate()
            loop.wait()


def _line(loop: subprocess.Popen[str]) -> str:
    return loop.stdout.readline() if loop.stdout else ""


def _loops(loops: list[subprocess.Popen[str]], seconds: float) -> float:
    """Texts a second of all loops together."""
    for loop in loops:
        if loop.stdin:
            loop.stdin.write(f"{seconds}\n")
            loop.stdin.flush()
    return sum(float(_line(loop)) for loop in loops)


def _cpu_seconds(*processes: subprocess.Popen[Any]) -> float:
    """Of processes and their children."""
    found = [psutil.Process(process.pid) for process in processes]
    found += [child for process in found for child in process.children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in found)


def _clients(port: int, seconds: float) -> tuple[float, int]:
    """Texts a second of all clients together, and all texts; a process of its own: clients are elsewhere."""
    command = [sys.executable, "-m", "benchmarks.texts.clients", str(port), str(CLIENTS), str(seconds)]
    rate, answers = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(rate), int(answers)


if __name__ == "__main__":
    main()
