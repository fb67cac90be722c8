"""The load that `bench` makes: what counts, what is posted, and what a person sees of it meanwhile."""

import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from paddlemodel_server.commands import load
from paddlemodel_server.commands.load import Plan, Shot

from tests.serving_image.support.command_line import command
from tests.serving_image.support.servers import Server, tensor
from tests.serving_image.support.stub_server import Handler, answering


def slow(before: Callable[[], object]) -> type[Handler]:
    """A server that does something before each answer, which is 200 and empty."""

    class Slow(Handler):
        def do_POST(self) -> None:  # noqa: N802 - http.server looks for it
            self.rfile.read(int(self.headers["Content-Length"]))
            before()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Slow


@pytest.mark.parametrize("rate", [100.0, None], ids=["open", "closed"])
def test_what_was_asked_in_the_warm_up_does_not_count(rate: float | None) -> None:
    """The server answers nothing until the measurement has begun, and then the whole backlog."""
    plan = Plan(concurrency=40, seconds=0.3, warmup=0.5, rate=rate)
    measuring, asked = threading.Event(), []

    def hold() -> None:
        asked.append(measuring.is_set())
        measuring.wait(30)

    with answering(slow(hold)) as url:
        result = load.run(
            Shot.at(url, b"x", {}), plan, lambda passed: measuring.set() if passed > plan.warmup else None
        )
    assert len(result.times) <= asked.count(True)
    if rate:
        assert len(result.times) <= rate * plan.seconds + 1


def test_an_answer_that_takes_longer_than_the_measurement_is_measured() -> None:
    """The only request of the time that was asked for began in the warm-up: there is one more."""
    with answering(slow(lambda: time.sleep(0.5))) as url:
        result = load.run(
            Shot.at(url, b"x", {}), Plan(concurrency=1, seconds=0.1, warmup=0.1), lambda _: None
        )
    assert len(result.times) == 1
    assert result.times[0] >= 0.5
    assert result.throughput <= 2


def test_a_body_of_ones_own_is_posted_as_it_is(server: Server, tmp_path: Path) -> None:
    request = {"inputs": [tensor("x", "FP32", np.ones((1, 3), np.float32))]}
    (tmp_path / "request.json").write_text(json.dumps(request))
    arguments = ("--duration", 0.2, "--rounds", 1, "--concurrency", 2, "--json")
    (one,) = json.loads(command("bench", server.url, "--body", tmp_path / "request.json", *arguments))
    assert one["errors"] == {}
    assert one["throughput"][0] > 0


def test_a_terminal_sees_how_far_it_is(server: Server) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "paddlemodel_server.cli", "bench", server.url),
            *("--duration", "0.5", "--rounds", "1", "--concurrency", "2"),
        ],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm"},
    ) as process:
        os.close(theirs)
        seen = read_all(ours)
        table = process.stdout.read() if process.stdout else b""
    assert process.returncode == 0
    assert b"round 1/1, 2 connections, 127.0.0.1" in seen
    assert b"requests/s" in table
    assert b"\x1b" not in table  # it is no terminal


def read_all(terminal: int) -> bytes:
    """Everything until the other side closes, which a terminal says with an error."""
    content = b""
    try:
        while part := os.read(terminal, 65536):
            content += part
    except OSError:
        pass
    finally:
        os.close(terminal)
    return content
