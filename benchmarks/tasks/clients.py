"""Clients that send one body each at a time: arguments are WORKLOAD PORT CLIENTS SECONDS.

They connect one after the other, as clients do: what connects in one instant may all be one HTTP worker's.
Prints units a second, counted from the end of the first second on, when all have begun; and all units.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator

from benchmarks.tasks.workload import Body
from benchmarks.tasks.workloads import ALL

LEAD_SECONDS = 1.0
BETWEEN_SECONDS = 0.01


class Count:
    """Answers within the window."""

    def __init__(self, began: float, ends: float) -> None:
        self.began, self.ends, self.counted, self.all = began, ends, 0.0, 0.0

    def add(self, weight: float) -> None:
        self.all += weight
        if self.began <= time.perf_counter() < self.ends:
            self.counted += weight


async def client(port: int, bodies: Iterator[Body], count: Count, wait: float) -> None:
    await asyncio.sleep(wait)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while time.perf_counter() < count.ends:
            body = next(bodies)
            await ask(reader, writer, body)
            count.add(body.weight)
    finally:
        writer.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: Body) -> None:
    head = (
        f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {body.media}\r\n"
        f"Content-Length: {len(body.content)}\r\n\r\n"
    )
    writer.write(head.encode() + body.content)
    answer = await reader.readuntil(b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(answer.decode())
    lines = [line.lower() for line in answer.split(b"\r\n")]
    size = next(int(line[16:]) for line in lines if line.startswith(b"content-length: "))
    await reader.readexactly(size)


async def run(name: str, port: int, clients: int, seconds: float) -> str:
    bodies = itertools.cycle(ALL[name].bodies())
    began = time.perf_counter() + LEAD_SECONDS
    count = Count(began, began + seconds)
    await asyncio.gather(*(client(port, bodies, count, at * BETWEEN_SECONDS) for at in range(clients)))
    return f"{count.counted / seconds} {count.all}"


if __name__ == "__main__":
    name, port, clients, seconds = sys.argv[1:]
    print(asyncio.run(run(name, int(port), int(clients), float(seconds))))
