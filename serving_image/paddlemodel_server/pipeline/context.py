"""What one front has for its requests: the model's description, the way to the owners, threads, counters.

It is made once per front, on its event loop. Both doors start a `Call` for a request that runs the model; the
Flask door, which runs in threads, goes through `answer_from_thread`.
"""

import asyncio
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor

from paddlemodel_server import protocol
from paddlemodel_server.describe import Documents
from paddlemodel_server.errors import StartError
from paddlemodel_server.ipc import scoreboard as boards
from paddlemodel_server.ipc.process_context import Learned, Runtime
from paddlemodel_server.metrics import catalog, exposition
from paddlemodel_server.model import files, signature
from paddlemodel_server.pipeline.dispatcher import Dispatcher
from paddlemodel_server.pipeline.inference import Call
from paddlemodel_server.pipeline.request_log import Journal, Passage
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks import decode, encode
from paddlemodel_server.tasks.spec import ImageClassification


def describe(settings: Settings, runtime: Runtime | None = None) -> protocol.Served:
    """Read the model's files and fit the task to them; a StartError says what does not fit."""
    try:
        located = files.locate(settings.model_dir)
    except files.ModelFilesError as error:
        raise StartError(error.reason, error.message) from error
    described = signature.read(located)
    task = settings.task
    image, labels = None, tuple[str, ...]()
    if isinstance(task, ImageClassification):
        image = decode.plan(task, described, runtime.sizes.body_bytes if runtime else None)
        labels = encode.labels(task, settings.model_dir)
    learned: list[Learned] = []

    def probabilities() -> bool:
        if not learned and runtime is not None and (found := Learned.load(runtime.folder)):
            learned.append(found)
        return bool(learned and learned[0].probabilities)

    return protocol.Served(
        name=settings.name,
        model=described,
        task=task,
        max_request_bytes=settings.max_request_bytes,
        image=image,
        labels=labels,
        probabilities=probabilities,
    )


class Service:
    """What the doors stand in front of."""

    def __init__(self, settings: Settings, runtime: Runtime, board: boards.Board, row: int) -> None:
        self.settings = settings
        self.served = describe(settings, runtime)
        routes = tuple(dict.fromkeys(route.label for route in protocol.TABLE))
        self.metrics = catalog.Front(runtime.counters_fd, row, routes)
        self.page = exposition.Page(settings, runtime, board, self.served.model, routes)
        self.dispatcher = Dispatcher(settings, runtime, board, row)
        paths: dict[str, str] = {}
        for route in protocol.TABLE:
            paths.setdefault(route.label, route.rule.replace("<", "{").replace(">", "}"))
        self.journal = Journal(settings, self.metrics, paths, os.environ)
        self.dispatcher.curious_after = self.journal.curious_after
        self.documents = Documents(
            settings, self.served, runtime.folder, ready=lambda: self.ready, draining=lambda: board.draining
        )
        self.loop = asyncio.get_running_loop()
        self.most_body_bytes = runtime.sizes.body_bytes
        self.threads = ThreadPoolExecutor(max(2, runtime.sizes.owners), thread_name_prefix="codec")

    @property
    def ready(self) -> bool:
        """Whether this pod should get traffic."""
        return self.dispatcher.ready

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count an answer given by a thread; the counters belong to the loop's."""
        self.loop.call_soon_threadsafe(self.metrics.answered, route, status, seconds)

    async def close(self) -> None:
        """Let go of the owners."""
        await self.dispatcher.close()
        self.threads.shutdown(wait=False, cancel_futures=True)
        await self.journal.close()

    def answer_from_thread(self, passage: Passage, head: protocol.Head, body: bytes) -> protocol.Response:
        """Answer one inference request, whose head and size have been checked, for a door in a thread."""
        answer: Future[protocol.Response] = Future()
        call = Call(self, passage, answer.set_result)
        self.loop.call_soon_threadsafe(call.start, head, body, time.monotonic())
        return answer.result()
