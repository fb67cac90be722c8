"""Constant load from inside the cluster, and an honest count: runs as a pod, with Python's own library only.

Clients that keep their connection, at several paces, and clients that connect for every request. Nobody tries
again: a request counts as lost unless its answer is a 200 with the expected words, whatever else happens. A
connection that the server has closed before anything was sent on it is replaced, as every HTTP client does,
and counted as closed while idle. There should be none, since every client here asks more often than a drain
takes and is asked to connect anew; but a machine that stands still for two seconds makes some, and that is
nobody's loss.
Prints one JSON line with all counts so far every second. The number in PACE, or later in /tmp/pace, makes all
clients that much faster or slower, as soon as it is written; but none ever asks less often than every three
seconds.
Usage: python steady_load.py HOST PORT PATH TYPE BODY_FILE EXPECTED
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

#: Seconds between two requests of each client that keeps its connection, and of each that does not.
KEPT = (0.1, 0.1, 0.2, 0.2, 0.5, 0.5, 1.0, 2.0, 3.0)
FRESH = (0.1, 0.2, 0.5)
TIMEOUT_SECONDS = 60.0  # beyond the server's own deadline
LIFE_SECONDS = 5.0  # of a kept connection, as pools limit it: else all would stay with the first pod
SHOWN = 20  # faults that are shown in full
SLOWEST_SECONDS = max(KEPT)  # between two requests of any client, at any pace
GLANCE_SECONDS = 0.2  # after which a changed pace is noticed
PACE_FILE = Path("/tmp/pace")


@dataclass(frozen=True)
class Connection:
    """One that is open."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    until: float


def _pace() -> float:
    return float(PACE_FILE.read_text() if PACE_FILE.exists() else os.environ.get("PACE", "1"))


@dataclass
class Load:
    """What to send, and what came of it."""

    host: str
    port: int
    head: str
    body: bytes
    expected: bytes
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    pace: float = field(default_factory=_pace)

    async def client(self, pause: float, *, keep: bool) -> None:
        """Send for ever, at a steady pace: a late answer does not lower it."""
        connection: Connection | None = None
        due = time.monotonic()
        while True:
            due = started = await self._due(due, pause)
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    connection = await self._ask(connection or await self._open(), keep=keep)
                self.counts["answered"] += 1
            except Exception as error:  # noqa: BLE001 - also one that nobody thought of is a lost request
                connection = None
                self.counts["lost"] += 1
                line = f"{time.time():.3f} {'kept' if keep else 'fresh'} {type(error).__name__}: {error}"
                self.faults = [*self.faults, line][:SHOWN]
            self.slowest = max(self.slowest, time.monotonic() - started)

    async def _due(self, last: float, pause: float) -> float:
        """Wait until the next request is due; at once where the last answer was late."""
        while True:
            due = last + min(SLOWEST_SECONDS, pause / self.pace)
            left = due - time.monotonic()
            if left <= 0:
                return time.monotonic()
            await asyncio.sleep(min(left, GLANCE_SECONDS))

    async def _open(self) -> Connection:
        self.counts["connections"] += 1
        reader, writer = await asyncio.open_connection(self.host, self.port)
        return Connection(reader, writer, time.monotonic() + LIFE_SECONDS)

    async def _ask(self, connection: Connection, *, keep: bool) -> Connection | None:
        """One request, one answer; returns the connection if it may be used again."""
        if connection.reader.at_eof() or connection.reader.exception():
            self.counts["closed while idle"] += 1
            connection.writer.close()
            connection = await self._open()
        keep = keep and time.monotonic() < connection.until
        try:
            manifest = f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
            connection.writer.write(f"{self.head}{manifest}".encode() + self.body)
            status, headers, answer = await _answer(connection.reader)
        except BaseException:
            connection.writer.close()
            raise
        closes = headers.get("connection", "").lower() == "close"
        if closes and keep:
            self.counts["asked to connect anew"] += 1
        if closes or not keep:
            connection.writer.close()
        if status != 200 or self.expected not in answer:
            raise ValueError(f"{status} {answer[:200]!r}")
        return None if closes or not keep else connection

    async def tell(self) -> None:
        """Every second, all of it."""
        while True:
            await asyncio.sleep(1)
            self.pace = _pace()
            facts = {**self.counts, "slowest": round(self.slowest, 2), "faults": self.faults}
            print(json.dumps({"at": time.time(), **facts}), flush=True)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split(" ")[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def main(host: str, port: str, path: str, content_type: str, body_file: str, expected: str) -> None:
    """Start every client, each a little later than the last one."""
    body = Path(body_file).read_bytes()  # noqa: ASYNC240 - before anything runs
    lines = (f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Type: {content_type}")
    head = "\r\n".join((*lines, f"Content-Length: {len(body)}", ""))
    load = Load(host, int(port), head, body, expected.encode())
    async with asyncio.TaskGroup() as group:
        group.create_task(load.tell())
        for pauses, keep in ((KEPT, True), (FRESH, False)):
            for pause in pauses:
                group.create_task(load.client(pause, keep=keep))
                await asyncio.sleep(0.037)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
