"""Where our adapter's time goes: its steps one by one, on the same cluster, the same page, the same core.

Each is the processor time of the adapter's own functions, measured in this process; what is left of a round's
total is HTTP and TLS towards the API server.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.api import connect
from paddlemodel_operator.cluster.scrape import Scan, Scraper
from paddlemodel_operator.metrics_adapter import answer
from paddlemodel_operator.metrics_adapter.answer import Sample
from paddlemodel_operator.metrics_adapter.pods import askable, trim
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.adapter.pods import address
from benchmarks.adapter.world import Fleet
from tests.operator.support.cluster import environment

TIMES = 200
CHUNK_BYTES = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step, and how often a round takes it."""

    name: str
    each_ms: float
    times: int

    @property
    def seconds(self) -> float:
        return self.each_ms * self.times / 1000


@dataclass(frozen=True, kw_only=True)
class Steps:
    """Of one round, and the parser that we do not use, for comparison."""

    ours: list[Step]
    full_parser: Step


def measure(fleet: Fleet, folder: Path, core: int) -> Steps:
    """In a process of its own, on the adapter's core and with its rights."""
    arguments = [str(fleet.models), str(fleet.pods_per_model), str(folder / "page"), str(core)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.adapter.steps", *arguments],
        env=environment(KUBECONFIG=str(folder / "adapter.kubeconfig")),
        stdout=subprocess.PIPE,
        check=True,
    )
    *ours, full_parser = (Step(**fields) for fields in json.loads(done.stdout))
    return Steps(ours=ours, full_parser=full_parser)


async def _measure(fleet: Fleet, page: bytes) -> Steps:
    scan = _each(lambda: _scan(page))
    async with await connect(30) as api, Scraper() as scraper:

        async def listed(number: int) -> None:
            namespace, name = fleet.model(number % fleet.models)
            labels = ",".join(f"{key}={value}" for key, value in names.pod_selector(name).items())
            selector = f"{names.CHILD_SELECTOR},{labels}"
            fields = "status.phase=Running"
            found = await api.list_all(names.POD, selector, namespace, fields=fields, cached=True, trim=trim)
            pods = [askable(item) for item in found.items]
            if len(pods) != fleet.pods_per_model or None in pods:
                raise SystemExit(f"{name} has {len(pods)} pods instead of {fleet.pods_per_model}")

        async def scraped(number: int) -> None:
            if not (await scraper.read(address(number % fleet.pods))).values:
                raise SystemExit("a page tells nothing")

        listing, scrape = await _each_awaited(listed), await _each_awaited(scraped)
    return Steps(
        ours=[
            Step(name="list the pods of a model", each_ms=listing, times=fleet.models),
            Step(name="fetch a page", each_ms=scrape - scan, times=fleet.pods),
            Step(name="find the numbers in it", each_ms=scan, times=fleet.pods),
            Step(name="write the answer", each_ms=_each(lambda: _written(fleet)), times=fleet.models),
        ],
        full_parser=Step(
            name="read it with prometheus_client's parser instead",
            each_ms=_each(lambda: list(text_string_to_metric_families(page.decode()))),
            times=fleet.pods,
        ),
    )


def _scan(page: bytes) -> None:
    scan = Scan()
    for start in range(0, len(page), CHUNK_BYTES):
        scan.feed(page[start : start + CHUNK_BYTES])
    scan.page()


def _written(fleet: Fleet) -> None:
    samples = [
        Sample(namespace="team-0", pod=f"model-0-{number}", moment=0.0, value=71.0)
        for number in range(fleet.pods_per_model)
    ]
    answer.body(answer.values("v1beta2", contract.GPU_METRIC, samples))


def _each(work: Callable[[], object]) -> float:
    """Milliseconds of processor time, the mean of many."""
    start = time.process_time()
    for _ in range(TIMES):
        work()
    return (time.process_time() - start) / TIMES * 1000


async def _each_awaited(work: Callable[[int], Awaitable[None]]) -> float:
    start = time.process_time()
    for number in range(TIMES):
        await work(number)
    return (time.process_time() - start) / TIMES * 1000


def _main(models: str, pods_per_model: str, page: str, core: str) -> None:
    os.sched_setaffinity(0, {int(core)})
    found = asyncio.run(_measure(Fleet(int(models), int(pods_per_model)), Path(page).read_bytes()))
    print(json.dumps([asdict(step) for step in (*found.ours, found.full_parser)]))


if __name__ == "__main__":
    _main(*sys.argv[1:])
