"""The load: a process of its own that keeps CONCURRENCY requests under way and measures each.

wrk is used where it is installed, because it takes less of the cores that the server needs; otherwise a small
client on uvloop and httptools. Both keep connections open as long as the server does.
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from array import array
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import httptools
import uvloop

WARM_UP_SECONDS = 0.5
_GRACE_SECONDS = 10.0  # for the last answers


@dataclass(frozen=True, kw_only=True)
class Target:
    port: int
    path: str
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def request(self) -> bytes:
        """As HTTP."""
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {self.content_type}\r\n{more}"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass(frozen=True, kw_only=True)
class Measured:
    rate: float
    p50_ms: float
    p99_ms: float
    requests: int
    errors: int


def tool() -> str:
    return "wrk" if shutil.which("wrk") else "the built-in client (uvloop, httptools)"


def measure(target: Target, concurrency: int, seconds: float) -> Measured:
    """Keep `concurrency` requests under way; four times as long where nothing was answered in `seconds`."""
    tool = _wrk if shutil.which("wrk") else _own
    for duration in (seconds, 4 * seconds):
        measured = tool(target, concurrency, duration)
        if measured.requests:
            return measured
    raise RuntimeError(f"port {target.port} answered nothing in {4 * seconds:g} s")


def _own(target: Target, concurrency: int, seconds: float) -> Measured:
    arguments = [str(target.port), str(concurrency), str(seconds)]
    command = [sys.executable, "-m", "benchmarks.serving.load", *arguments]
    done = subprocess.run(
        command, input=target.request(), stdout=subprocess.PIPE, check=True, timeout=seconds + 60
    )
    return Measured(**json.loads(done.stdout))


def _wrk(target: Target, concurrency: int, seconds: float) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder, "body"), Path(folder, "post.lua")
        body.write_bytes(target.body)
        script.write_text(
            f'local file = io.open("{body}", "rb")\nwrk.method = "POST"\nwrk.body = file:read("*a")\n'
            f'wrk.headers["Content-Type"] = "{target.content_type}"\n'
            + "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in target.headers.items())
            + "function done(summary, latency)\n"
            "  local e = summary.errors\n"
            '  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,'
            " e.status + e.connect + e.read + e.write + e.timeout,"
            " latency:percentile(50), latency:percentile(99)))\nend\n"
        )
        command = ["wrk", "-t1", f"-c{concurrency}", f"-d{seconds:g}s", "-s", str(script)]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{target.port}{target.path}"],
            capture_output=True,
            text=True,
            check=True,
        )
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if not found:
        raise RuntimeError(done.stdout + done.stderr)
    requests, microseconds, errors, p50, p99 = map(int, found.groups())
    rate = requests / microseconds * 1e6
    return Measured(rate=rate, p50_ms=p50 / 1000, p99_ms=p99 / 1000, requests=requests, errors=errors)


class _Run:
    """What all connections share."""

    def __init__(self, request: bytes, start: float, end: float) -> None:
        self.request = request
        self.start = start
        self.end = end
        self.latencies = array("d")
        self.errors = 0


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last one is complete."""

    def __init__(self, run: _Run, closed: asyncio.Future[None]) -> None:
        self._run = run
        self._closed = closed
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        if self._run.start <= self._sent and now <= self._run.end:
            self._run.latencies.append(now - self._sent)
            self._run.errors += self._parser.get_status_code() != 200
        if now > self._run.end or not self._parser.should_keep_alive():
            self._transport.close()
        else:
            self._parser = httptools.HttpResponseParser(self)
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.errors += exc is not None
        self._closed.set_result(None)


async def _keep_busy(run: _Run, port: int) -> None:
    loop = asyncio.get_running_loop()
    while time.perf_counter() < run.end:
        closed = loop.create_future()
        await loop.create_connection(lambda closed=closed: _Connection(run, closed), "127.0.0.1", port)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        await closed


async def _client(port: int, request: bytes, concurrency: int, seconds: float) -> Measured:
    start = time.perf_counter() + WARM_UP_SECONDS
    run = _Run(request, start, start + seconds)
    connections = [asyncio.create_task(_keep_busy(run, port)) for _ in range(concurrency)]
    finished, left = await asyncio.wait(connections, timeout=WARM_UP_SECONDS + seconds + _GRACE_SECONDS)
    for connection in left:
        connection.cancel()
    run.errors += len(left) + sum(connection.exception() is not None for connection in finished)
    done = sorted(run.latencies)
    if not done:
        return Measured(rate=0, p50_ms=0, p99_ms=0, requests=0, errors=run.errors)
    return Measured(
        rate=len(done) / seconds,
        p50_ms=1000 * done[len(done) // 2],
        p99_ms=1000 * done[len(done) * 99 // 100],
        requests=len(done),
        errors=run.errors,
    )


def _main(port: str, concurrency: str, seconds: str) -> None:
    request = sys.stdin.buffer.read()
    measured = uvloop.run(_client(int(port), request, int(concurrency), float(seconds)))
    print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
