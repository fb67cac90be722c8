"""Asks an adapter as all models' autoscalers do in one period, with the API server's own certificate."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import aiohttp
import psutil
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from benchmarks.adapter.world import Fleet

PERIOD_SECONDS = 15.0
"""Of the autoscaler, by default."""

WORKERS = 5
"""Autoscalers that Kubernetes looks at at the same time, by default."""

SYNCHRONISER = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"


@dataclass(frozen=True, kw_only=True)
class Round:
    """All models asked about once."""

    latencies_ms: Sequence[float]
    """Of every request, from the moment at which it was due."""
    wrong: int
    """Answers that are no 200 with a value for every pod of the model."""
    seconds: float
    """From the first request to the last answer."""
    cpu_seconds: float
    memory_mb: float
    """Resident, at the end."""
    stall_ms: float = 0.0
    """For how long a process that only sleeps was kept waiting meanwhile."""

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Asker:
    """One client, as the API server is one; keeps its connections."""

    def __init__(self, port: int, pki: Path, fleet: Fleet) -> None:
        self._base = f"https://127.0.0.1:{port}/apis/custom.metrics.k8s.io/v1beta2"
        self._fleet = fleet
        self._tls = ssl.create_default_context()
        # Who answers is known: we have started it. The API server's part is to show who asks.
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE
        self._tls.load_cert_chain(pki / "front-proxy-client.crt", pki / "front-proxy-client.key")
        self._wrong = 0

    def spread(self, process: psutil.Process) -> Round:
        """Evenly over one period, as they come when the models were made at different times."""
        return asyncio.run(self._measure(process, self._spread))

    def burst(self, process: psutil.Process) -> Round:
        """As fast as the autoscaler's workers can, as after its restart."""
        return asyncio.run(self._measure(process, self._burst))

    async def _measure(
        self,
        process: psutil.Process,
        ask: Callable[[aiohttp.ClientSession], Awaitable[list[float]]],
    ) -> Round:
        self._wrong = 0
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0, keepalive_timeout=2 * PERIOD_SECONDS)
        headers = {"X-Remote-User": SYNCHRONISER, "Accept": "application/vnd.kubernetes.protobuf, */*"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            before, start = process.cpu_times(), time.monotonic()
            latencies = await ask(session)
            seconds, after = time.monotonic() - start, process.cpu_times()
        return Round(
            latencies_ms=latencies,
            wrong=self._wrong,
            seconds=seconds,
            cpu_seconds=(after.user + after.system) - (before.user + before.system),
            memory_mb=process.memory_info().rss / 1e6,
        )

    async def _spread(self, session: aiohttp.ClientSession) -> list[float]:
        loop = asyncio.get_running_loop()
        start, pause = loop.time(), PERIOD_SECONDS / self._fleet.models
        workers = asyncio.Semaphore(WORKERS)

        async def one(number: int) -> float:
            due = start + number * pause
            await asyncio.sleep(max(0.0, due - loop.time()))
            async with workers:
                return await self._ask(session, number, due)

        return list(await asyncio.gather(*(one(number) for number in range(self._fleet.models))))

    async def _burst(self, session: aiohttp.ClientSession) -> list[float]:
        loop = asyncio.get_running_loop()
        numbers = iter(range(self._fleet.models))

        async def worker() -> list[float]:
            return [await self._ask(session, number, loop.time()) for number in numbers]

        return list(chain(*await asyncio.gather(*(worker() for _ in range(WORKERS)))))

    async def _ask(self, session: aiohttp.ClientSession, number: int, due: float) -> float:
        """Milliseconds from when it was due to the whole answer."""
        namespace, name = self._fleet.model(number)
        labels = ",".join(f"{key}={value}" for key, value in names.pod_selector(name).items())
        url = f"{self._base}/namespaces/{namespace}/pods/*/{contract.GPU_METRIC}"
        async with session.get(url, params={"labelSelector": labels}) as answer:
            body = await answer.json() if answer.status == 200 else {}
        seconds = asyncio.get_running_loop().time() - due
        if len(body.get("items", ())) != self._fleet.pods_per_model:
            self._wrong += 1
        return seconds * 1000
