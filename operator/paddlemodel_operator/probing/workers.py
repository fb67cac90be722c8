"""Workers that read the pods of whatever model is due: a fault with one model stops no other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from paddlemodel_operator.cluster.queue import Key, WorkQueue
from paddlemodel_operator.cluster.scrape import Scraper

log = logging.getLogger(__name__)

Read = Callable[[Key, Scraper], Awaitable[None]]
"""Reads the pods of one model once, and plans the next time."""


async def work(queue: WorkQueue, read: Read, workers: int, pace: float) -> None:
    """Read until cancelled.

    Args:
        queue: of the models that are due.
        read: what is done with one.
        workers: how many models are read at the same time; the Scraper limits their pods.
        pace: seconds until a model is tried again for which `read` failed.
    """
    async with Scraper() as scraper, asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(_work(queue, read, scraper, pace))


async def _work(queue: WorkQueue, read: Read, scraper: Scraper, pace: float) -> None:
    while True:
        key = await queue.next()
        try:
            await read(key, scraper)
        except Exception:  # A fault of ours.
            log.exception("%s/%s: its pods could not be read", *key)
            queue.add(key, pace)
        finally:
            queue.done(key)
