"""`python -m benchmarks.operator.bare FIRST COUNT`: writes what the operator would, and looks at nothing.

The measure for the operator: the same objects, one status and one Event for each model, by as many writers,
with the same client; but no watch, no cache, no judgement. Prints its CPU seconds and how long it took.
"""

import asyncio
import datetime as dt
import sys
import time

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.cluster.api import Api, connect
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.render import render
from paddlemodel_operator.settings import Settings
from paddlemodel_operator.status.events import transition
from paddlemodel_operator.status.judge import judge

from benchmarks.operator.fleet import place

SETTINGS = Settings()


async def write(api: Api, number: int) -> None:
    """All children of a model, its status, an Event."""
    namespace, name = place(number)
    body = await api.get(names.MODEL, namespace, name)
    assert body is not None
    model = from_body(body)
    for key, desired in render(model, SETTINGS).items():
        await api.apply(key.kind, desired)
    now = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    status = judge(model, Observed(), before={}, now=f"{now[:19]}Z")
    await api.patch_status(namespace, name, status, body["metadata"]["resourceVersion"])
    event = transition(body, {}, status, "bare", now)
    assert event is not None
    await api.create_event(event)


async def main(first: int, count: int) -> None:
    numbers = iter(range(first, first + count))

    async def work(api: Api) -> None:
        for number in numbers:
            await write(api, number)

    async with await connect(60) as api:
        cpu, wall = time.process_time(), time.monotonic()
        await asyncio.gather(*(work(api) for _ in range(SETTINGS.concurrency)))
        print(time.process_time() - cpu, time.monotonic() - wall)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
