"""What one HTTP worker has for its requests: the model, the way to the workers, threads, counters.

It is made once per HTTP worker, on its event loop; `inference` and `http` use it.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from paddlemodel_server import protocol
from paddlemodel_server.describe.documents import Documents
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import Learned, ProcessContext
from paddlemodel_server.metrics import catalog, exposition
from paddlemodel_server.pipeline.dispatcher import Dispatcher
from paddlemodel_server.pipeline.inference import Inference
from paddlemodel_server.pipeline.request_log import RequestLog
from paddlemodel_server.pipeline.stages import Staged
from paddlemodel_server.protocol.served import ScoreKind
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks import fitting, registry


def serve(settings: Settings, runtime: ProcessContext) -> protocol.Served:
    """The model with its task, as an HTTP worker serves it; a StartError says what does not fit."""
    found = {"": _learned(runtime.folder)}
    found |= {model.name: _learned(runtime.of(at).folder) for at, model in enumerate(runtime.further, 1)}
    chosen = registry.Chosen.load(runtime.folder)
    return fitting.served(settings, chosen, runtime.sizes.body_bytes, found)


def _learned(folder: Path) -> fitting.Warmed:
    """What the first worker finds out about a model; it is asked for with every request."""
    learned = list[Learned]()

    def known() -> Learned | None:
        if not learned and (found := Learned.load(folder)):
            learned.append(found)
        return learned[0] if learned else None

    def scores() -> ScoreKind | None:
        return found.scores if (found := known()) else None

    def alone() -> bool:
        return not found.sizes if (found := known()) else True

    return fitting.Warmed(scores, alone)


class Service:
    """What the doors stand in front of."""

    def __init__(
        self, settings: Settings, runtime: ProcessContext, scoreboard: scoreboards.Scoreboard, row: int
    ) -> None:
        self.settings = settings
        self.served = serve(settings, runtime)
        routes = tuple(dict.fromkeys(route.label for route in protocol.TABLE))
        self.metrics = catalog.HttpWorker(runtime.counters_fd, row, routes)
        self.page = exposition.Page(settings, runtime, scoreboard, self.served.model, routes)
        paths: dict[str, str] = {}
        for route in protocol.TABLE:
            paths.setdefault(route.label, route.rule.replace("<", "{").replace(">", "}"))
        self.request_log = RequestLog(settings, self.metrics, paths, os.environ)
        self.dispatcher = Dispatcher(
            settings, runtime, scoreboard, row, run_times_after=self.request_log.run_times_after
        )
        self.documents = Documents(
            settings,
            self.served,
            runtime.folder,
            ready=lambda: self.ready,
            draining=lambda: scoreboard.draining,
        )
        self.inference = Staged if self.served.further else Inference
        self.loop = asyncio.get_running_loop()
        self.threads = ThreadPoolExecutor(max(2, runtime.sizes.workers), thread_name_prefix="codec")

    @property
    def ready(self) -> bool:
        """Whether this pod should get traffic."""
        return self.dispatcher.ready

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count an answer given by a thread; the counters belong to the loop's."""
        self.loop.call_soon_threadsafe(self.metrics.answered, route, status, seconds)

    async def close(self) -> None:
        """Let go of the workers."""
        await self.dispatcher.close()
        self.threads.shutdown(wait=False, cancel_futures=True)
        await self.request_log.close()
