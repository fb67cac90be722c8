"""Puts load on a server: one small HTTP/1.1 client per connection on an event loop, always the same bytes.

Two kinds of load. Closed: each connection sends its next request when it has the answer, until the time is
over and one request that counts was sent; a slow server is then asked less often, and the waiting of those
who would have come meanwhile is in no number (coordinated omission). Open: requests are due at a fixed rate
whatever the server does, and the time of each counts from when it was due; those that no connection was free
to send before the end are counted as faults.
"""

import asyncio
import math
import ssl
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
import numpy as np
import uvloop

from paddlemodel_server.commands.credentials import Credentials

NOBODY = Credentials()
_LAST_ANSWERS_SECONDS = 60.0  # for the answers that are still due at the end, and for a first one
_RECONNECT_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Shot:
    """Where to connect, and the bytes of the request."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    server_name: str | None
    content: bytes = field(repr=False)  # the key is in it

    @classmethod
    def at(
        cls, url: str, body: bytes, headers: Mapping[str, str], credentials: Credentials = NOBODY
    ) -> "Shot":
        """A POST of `body` to `url`."""
        parts = urlsplit(url)
        fields = {
            "Host": parts.netloc,
            "Content-Length": str(len(body)),
            **headers,
            **credentials.headers,
        }
        head = [f"POST {parts.path or '/'} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        tls = parts.scheme == "https"
        return cls(
            host=parts.hostname or "",
            port=parts.port or (443 if tls else 80),
            tls=credentials.tls() if tls else None,
            server_name=credentials.server_name if tls else None,
            content="\r\n".join([*head, "", ""]).encode() + body,
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much load, for how long."""

    concurrency: int  # connections
    seconds: float
    warmup: float = 0.0  # seconds before, which are not counted
    rate: float | None = None  # requests per second; None: closed


@dataclass(kw_only=True)
class Result:
    """What was measured; times in seconds."""

    times: "array[float]" = field(default_factory=lambda: array("d"))  # of the answers with status 200
    faults: Counter[str] = field(default_factory=Counter)  # by status, or what happened to the connection
    seconds: float = 0.0
    client_cpu: float = 0.0  # of one core, used by this client: near 1 it measured itself

    @property
    def throughput(self) -> float:
        """Answers with status 200 per second."""
        return len(self.times) / self.seconds if self.seconds else 0.0

    def percentile(self, percent: float) -> float:
        """A percentile of the times; NaN without any."""
        return float(np.percentile(np.asarray(self.times), percent)) if self.times else float("nan")


def run(shot: Shot, plan: Plan, progress: Callable[[float], None]) -> Result:
    """Load one server; `progress` is told the seconds that have passed, ten times a second."""
    return uvloop.run(_Load(shot, plan).run(progress))


class _Load:
    def __init__(self, shot: Shot, plan: Plan) -> None:
        self.shot = shot
        self.plan = plan
        self.result = Result()
        self.idle: list[_Connection] = []
        self.due: deque[float] = deque()  # of the open load: no connection was free
        self.start = math.inf  # only requests that are due from then on count
        self._end = math.inf  # of an open load: nothing is due after
        self.open = True
        self.connections: set[_Connection] = set()
        self._waiting: set[_Connection] = set()
        self._counting, self._drained, self._all_gone = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, progress: Callable[[float], None]) -> Result:
        """Connect, warm up, measure, wait for the last answers."""
        began = time.perf_counter()
        for _ in range(self.plan.concurrency):
            self._connect()
        sender = asyncio.create_task(self._send_at_rate()) if self.plan.rate else None
        await self._pass(began, self.plan.warmup, progress)
        self.start, cpu = time.perf_counter(), time.process_time()
        self._end = self.start + self.plan.seconds
        await self._pass(began, self._end - began, progress)
        if not sender:
            await self._within_patience(self._counting)
        self.open = False
        if sender:
            sender.cancel()
            for since in self.due:
                self.fault("due, but never sent: too few connections", since)
        await self._drain()
        self.result.seconds = time.perf_counter() - self.start
        self.result.client_cpu = (time.process_time() - cpu) / self.result.seconds
        await self._end_connections()  # which is no part of the load
        return self.result

    async def _pass(self, began: float, seconds: float, progress: Callable[[float], None]) -> None:
        while (passed := time.perf_counter() - began) < seconds:
            progress(passed)
            await asyncio.sleep(min(0.1, seconds - passed))

    async def _drain(self) -> None:
        self._drained.clear()
        if self._waiting and not await self._within_patience(self._drained):
            for connection in self._waiting:
                self.fault("no answer", connection.since)

    async def _within_patience(self, event: asyncio.Event) -> bool:
        """Wait for an event; whether it came."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS_SECONDS):
                await event.wait()
        return event.is_set()

    async def _end_connections(self) -> None:
        """Wait until all are gone: TLS has a last word, and uvloop fails where its loop ends before that."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._all_gone.clear()
        for connection in tuple(self.connections):
            connection.abort()
        if self.connections:
            await self._all_gone.wait()

    async def _send_at_rate(self) -> None:
        """Send each request when it is due; where no connection is free it waits, and its clock runs."""
        began, sent = time.perf_counter(), 0
        interval = 1 / cast("float", self.plan.rate)
        while began + sent * interval <= self._end:
            now = time.perf_counter()
            while began + sent * interval <= min(now, self._end):
                self.due.append(began + sent * interval)
                sent += 1
            while self.idle and self.due:
                self.idle.pop().send(self.due.popleft())
            await asyncio.sleep(max(0.0, began + sent * interval - time.perf_counter()))

    def _connect(self, wait: float = 0.0) -> None:
        task = asyncio.get_running_loop().create_task(self._connected(wait))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, wait: float) -> None:
        await asyncio.sleep(wait)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self),
                self.shot.host,
                self.shot.port,
                ssl=self.shot.tls,
                server_hostname=self.shot.server_name,
            )
        except OSError as error:
            self.fault(f"cannot connect ({error.strerror or type(error).__name__})", time.perf_counter())
            if self.open:
                self._connect(_RECONNECT_SECONDS)

    def ready(self, connection: "_Connection") -> None:
        """A connection can send."""
        if self.plan.rate is None and self.open:
            connection.send(time.perf_counter())
        elif self.due and self.open:
            connection.send(self.due.popleft())
        else:
            self.idle.append(connection)

    def began(self, connection: "_Connection") -> None:
        """A request was sent."""
        self._waiting.add(connection)
        if connection.since >= self.start:
            self._counting.set()

    def ended(self, connection: "_Connection") -> None:
        """It was answered, or its connection lost."""
        self._waiting.discard(connection)
        if not self._waiting and not self.open:
            self._drained.set()

    def answered(self, status: int, since: float) -> None:
        """Count an answer to a request of that time."""
        if status != 200:
            self.fault(str(status), since)
        elif since >= self.start:
            self.result.times.append(time.perf_counter() - since)

    def fault(self, what: str, since: float) -> None:
        """Count what was no answer."""
        if since >= self.start:
            self.result.faults[what] += 1
            self._counting.set()

    def lost(self, connection: "_Connection") -> None:
        """A connection ended, perhaps as the server desired."""
        self.connections.discard(connection)
        if not self.connections and not self.open:
            self._all_gone.set()
        if connection in self.idle:
            self.idle.remove(connection)
        if self.open:
            self._connect(_RECONNECT_SECONDS if connection.answers == 0 else 0.0)


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self._load = load
        self._content = load.shot.content
        self._transport: asyncio.Transport | None = None
        self._sent = False
        self.since = 0.0  # when its request was due
        self.answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)
        self._load.connections.add(self)
        self._load.ready(self)

    def send(self, since: float) -> None:
        """Send the request; its time counts from `since`."""
        self._sent, self.since = True, since
        self._load.began(self)
        cast("asyncio.Transport", self._transport).write(self._content)

    def close(self) -> None:
        cast("asyncio.Transport", self._transport).close()

    def abort(self) -> None:
        """End at once; what was not answered is counted already."""
        self._sent = False
        cast("asyncio.Transport", self._transport).abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_message_complete(self) -> None:
        """Httptools has seen the whole answer."""
        if not self._sent:
            return  # nobody asked
        self._load.answered(self._parser.get_status_code(), self.since)
        self._sent = False
        self.answers += 1
        self._load.ended(self)
        if self._parser.should_keep_alive():
            self._load.ready(self)
        else:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sent:
            what = "connection lost" if exc is None else f"connection lost ({type(exc).__name__})"
            self._load.fault(what, self.since)
            self._sent = False
            self._load.ended(self)
        self._load.lost(self)
