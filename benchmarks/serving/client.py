"""The built-in client, where wrk is not installed: uvloop and httptools, one process.

load.py starts `python -m benchmarks.serving.client PORT CONCURRENCY SECONDS`, the request on standard input.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import cast

import httptools
import uvloop

from benchmarks.serving.load import Measured

WARM_UP_SECONDS = 0.5
_GRACE_SECONDS = 10.0  # for the last answers


@dataclass
class Run:
    """What all connections share: the request, the window that counts, and what came of it."""

    request: bytes
    start: float
    end: float
    good: list[tuple[float, float]] = field(default_factory=list)  # sent at, answered with 200 at
    answered: int = 0
    errors: int = 0

    def summary(self, client_cpu: float) -> Measured:
        """The rate is what was answered in the window, whenever it was sent.

        The latencies are those of all that was sent in it, whenever it was answered: a slow answer is neither
        free nor lost.
        """
        requests = sum(self.start <= done <= self.end for _, done in self.good)
        latencies = sorted(done - sent for sent, done in self.good if self.start <= sent <= self.end)
        return Measured(
            rate=requests / (self.end - self.start),
            p50_ms=1000 * latencies[len(latencies) // 2] if latencies else 0,
            p99_ms=1000 * latencies[len(latencies) * 99 // 100] if latencies else 0,
            requests=requests if latencies else 0,
            answered=self.answered,
            errors=self.errors,
            client_cpu=client_cpu,
        )


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last one is complete."""

    def __init__(self, run: Run, closed: asyncio.Future[None]) -> None:
        self._run = run
        self._closed = closed
        self._pending = False
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._send()

    def _send(self) -> None:
        self._pending = True
        self._sent = time.perf_counter()
        self._transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now, run = time.perf_counter(), self._run
        self._pending = False
        run.answered += 1
        if self._parser.get_status_code() == 200:
            run.good.append((self._sent, now))
        else:
            run.errors += 1
        if now > run.end or not self._parser.should_keep_alive():
            self._transport.close()
        else:
            self._parser = httptools.HttpResponseParser(self)
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._run.errors += self._pending
        self._closed.set_result(None)


async def _keep_busy(run: Run, port: int) -> None:
    loop = asyncio.get_running_loop()
    while time.perf_counter() < run.end:
        closed = loop.create_future()
        # Mypy cannot infer a lambda with a default.
        await loop.create_connection(lambda closed=closed: _Connection(run, closed), "127.0.0.1", port)  # type: ignore[misc]
        await closed


async def _cpu_in(run: Run) -> float:
    """This process's CPU in the window, by its length."""
    await asyncio.sleep(run.start - time.perf_counter())
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.sleep(run.end - began)
    return (time.process_time() - cpu) / (time.perf_counter() - began)


async def drive(port: int, request: bytes, concurrency: int, seconds: float) -> Measured:
    """Load the server at `port` for the warm-up and `seconds`, then wait for the last answers."""
    start = time.perf_counter() + WARM_UP_SECONDS
    run = Run(request, start, start + seconds)
    cpu = asyncio.create_task(_cpu_in(run))
    connections = [asyncio.create_task(_keep_busy(run, port)) for _ in range(concurrency)]
    finished, left = await asyncio.wait(connections, timeout=WARM_UP_SECONDS + seconds + _GRACE_SECONDS)
    for connection in left:
        connection.cancel()
    run.errors += len(left) + sum(connection.exception() is not None for connection in finished)
    return run.summary(await cpu)


def _main(port: str, concurrency: str, seconds: str) -> None:
    request = sys.stdin.buffer.read()
    print(json.dumps(asdict(uvloop.run(drive(int(port), request, int(concurrency), float(seconds))))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
