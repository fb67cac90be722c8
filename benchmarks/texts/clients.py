"""Clients that send one text each at a time: `python -m benchmarks.texts.clients PORT CLIENTS SECONDS`.

Prints texts a second, counted from the end of the first second on, when all have begun; and all texts.
"""

import asyncio
import itertools
import random
import sys
import time

import orjson

from benchmarks.texts.words import TEXTS, made

LEAD_SECONDS = 1.0


class Count:
    """Answers within the window."""

    def __init__(self, began: float, ends: float) -> None:
        self.began, self.ends, self.answers, self.all = began, ends, 0, 0


async def client(port: int, bodies: "itertools.cycle[bytes]", count: Count) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < count.ends:
        body = next(bodies)
        head = (
            f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(answer.decode())
        lines = [line.lower() for line in answer.split(b"\r\n")]
        size = next(int(line[16:]) for line in lines if line.startswith(b"content-length: "))
        await reader.readexactly(size)
        count.all += 1
        if count.began <= time.perf_counter() < count.ends:
            count.answers += 1
    writer.close()


async def run(port: int, clients: int, seconds: float) -> str:
    bodies = itertools.cycle([orjson.dumps({"text": text}) for text in made(random.Random(3), TEXTS)])
    began = time.perf_counter() + LEAD_SECONDS
    count = Count(began, began + seconds)
    await asyncio.gather(*(client(port, bodies, count) for _ in range(clients)))
    return f"{count.answers / seconds} {count.all}"


if __name__ == "__main__":
    print(asyncio.run(run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
