"""Keeps an HTTP worker connected to every worker that is ready; `dispatcher` sends requests by its links."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import ProcessContext
from paddlemodel_server.pipeline.worker_link import WorkerLink

RECONNECT_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Who hears of the links."""

    changed: Callable[[], None]  # there is one more or less
    found: Callable[[], None]  # there is one more
    lost: Callable[[int, int], None]  # of a worker; and how many had died at its place when it was linked


class Keeper:
    """The links to the workers, by their numbers."""

    def __init__(
        self,
        runtime: ProcessContext,
        blocks: Sequence[scoreboards.WorkerBlock],
        slots_fd: int,
        made: Callable[[int], WorkerLink],
        hooks: Hooks,
    ) -> None:
        """Begin to look for workers, on the running event loop.

        Args:
            runtime: where the processes meet.
            blocks: what the workers tell.
            slots_fd: the memory file that is handed over to each.
            made: a link to a worker that is not connected yet.
            hooks: who hears of it.
        """
        self.links: dict[int, WorkerLink] = {}
        self._runtime, self._blocks, self._slots_fd = runtime, blocks, slots_fd
        self._made, self._hooks = made, hooks
        self._changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep_linked(worker)) for worker in range(len(blocks))]

    async def linked(self, seconds: float) -> None:
        """Wait for a link to every worker that is ready now, so long at most."""
        wanted = {worker for worker, block in enumerate(self._blocks) if block.state == scoreboards.READY}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not wanted <= self.links.keys():
                    self._changed.clear()
                    await self._changed.wait()

    async def close(self) -> None:
        """End the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self.links.values():
            link.close()
        await asyncio.gather(*(link.lost for link in self.links.values()))

    async def _keep_linked(self, worker: int) -> None:
        while True:
            if self._blocks[worker].state != scoreboards.READY:
                await asyncio.sleep(RECONNECT_SECONDS)  # it is loading, or being replaced
                continue
            try:
                link = self._made(worker)
                await link.connect(self._runtime, self._slots_fd)
            except OSError:
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            deaths = self._blocks[worker].deaths
            self.links[worker] = link
            self._tell()
            self._hooks.found()
            await asyncio.shield(link.lost)
            del self.links[worker]
            self._tell()
            self._hooks.lost(worker, deaths)

    def _tell(self) -> None:
        self._changed.set()
        self._hooks.changed()
