"""Requests at a pace, to several servers at once: what each was answered, and how long that took."""

import http.client
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.serving.load import Target


@dataclass(frozen=True, kw_only=True)
class Paced:
    seconds: float
    statuses: list[int]
    latencies_ms: list[float]

    @property
    def taken(self) -> int:
        return self.statuses.count(200)


def asked(targets: Sequence[Target], rate: float, connections: int, seconds: float) -> Paced:
    """Send requests to each target.

    Args:
        targets: where, and what.
        rate: requests per second to each of them.
        connections: to each of them, at least one for each HTTP worker.
        seconds: how long.
    """
    began = time.perf_counter()
    lines = [(target, number) for target in targets for number in range(connections)]
    with ThreadPoolExecutor(len(lines)) as pool:
        parts = list(
            pool.map(lambda line: _line(line[0], began + line[1] / rate, connections / rate, seconds), lines)
        )
    answers = [one for part in parts for one in part]
    return Paced(
        seconds=time.perf_counter() - began,
        statuses=[status for status, _ in answers],
        latencies_ms=[1e3 * took for _, took in answers],
    )


def _line(target: Target, first: float, period: float, seconds: float) -> list[tuple[int, float]]:
    """Status and seconds of the requests of one connection."""
    headers = {"Content-Type": target.content_type, **target.headers}
    found, due, end = [], first, first + seconds
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    while max(due, time.perf_counter()) < end:  # who is late sends no more than was asked for
        time.sleep(max(0.0, due - time.perf_counter()))
        before = time.perf_counter()
        connection.request("POST", target.path, target.body, headers)
        answer = connection.getresponse()
        answer.read()
        found.append((answer.status, time.perf_counter() - before))
        due += period
    connection.close()
    return found
