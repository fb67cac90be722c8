"""One front's flow from a body to an answer: admit, decode, queue, encode. Both doors call `answer`.

It is made once per front, on its event loop; the Flask door, which runs in threads, goes through
`answer_from_thread`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from paddlemodel_server import board as boards
from paddlemodel_server import decode, encode, files, metrics, model, protocol, scrape
from paddlemodel_server.dispatch import Dispatcher, Pending
from paddlemodel_server.documents import Documents
from paddlemodel_server.errors import ServingError, StartError
from paddlemodel_server.runtime import Learned, Runtime
from paddlemodel_server.settings import Settings
from paddlemodel_server.task import ImageClassification

T = TypeVar("T")
LARGE_ANSWER_BYTES = 64 * 1024
CLIENT_GONE = 499  # nginx's number for it; only metrics see it
OnSubmit = Callable[[Callable[[], None]], None]

logger = logging.getLogger(__name__)


class ClientGoneError(Exception):
    """The client left before its answer; nobody is there to be told."""


def describe(settings: Settings, runtime: Runtime | None = None) -> protocol.Served:
    """Read the model's files and fit the task to them; a StartError says what does not fit."""
    try:
        located = files.locate(settings.model_dir)
    except files.ModelFilesError as error:
        raise StartError(error.reason, error.message) from error
    described = model.read(located)
    task = settings.task
    image, labels = None, tuple[str, ...]()
    if isinstance(task, ImageClassification):
        image = decode.plan(task, described)
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
        self.metrics = metrics.Front(runtime.counters_fd, row, routes)
        self.page = scrape.Page(settings, runtime, board, self.served.model, routes)
        self._dispatcher = Dispatcher(settings, runtime, board, row)
        self.documents = Documents(
            settings, self.served, runtime.folder, ready=lambda: self.ready, draining=lambda: board.draining
        )
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(max(2, runtime.sizes.owners), thread_name_prefix="codec")

    @property
    def ready(self) -> bool:
        """Whether this pod should get traffic."""
        return self._dispatcher.ready

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count an answer given by a thread; the counters belong to the loop's."""
        self._loop.call_soon_threadsafe(self.metrics.answered, route, status, seconds)

    async def close(self) -> None:
        """Let go of the owners."""
        await self._dispatcher.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def answer(
        self,
        route: str,
        headers: protocol.Headers,
        body: bytes,
        began: float,
        on_submit: OnSubmit | None = None,
    ) -> protocol.Response:
        """Answer one inference request whose head and size have been checked.

        Args:
            route: the label of a route that runs the model.
            headers: of the request.
            body: the whole body.
            began: monotonic seconds; the deadline counts from here.
            on_submit: gets a function that withdraws the request while it waits.
        """
        served, dispatcher = self.served, self._dispatcher
        dispatcher.admit()
        try:
            heavy = protocol.is_heavy(served, route, headers, len(body))
            request = (
                await self._threaded(protocol.parse, served, route, headers, body)
                if heavy
                else protocol.parse(served, route, headers, body)
            )
            patience = self.settings.timeout_seconds
            if request.timeout_seconds is not None and request.timeout_seconds < patience:
                patience = request.timeout_seconds
            pending = dispatcher.submit(request.arrays, began + patience)
            if on_submit:
                on_submit(lambda: dispatcher.abandon(pending))
            outputs = await self._outcome(pending)
        finally:
            dispatcher.leave()
        if sum(output.nbytes for output in outputs) > LARGE_ANSWER_BYTES:
            return await self._threaded(protocol.render, served, route, request, outputs)
        return protocol.render(served, route, request, outputs)

    async def _outcome(self, pending: Pending) -> list[protocol.Array]:
        try:
            return await pending.future
        except asyncio.CancelledError:
            if pending.future.cancelled():
                raise ClientGoneError from None
            raise

    async def _threaded(self, function: Callable[..., T], *arguments: Any) -> T:
        return await self._loop.run_in_executor(self._threads, function, *arguments)

    def answer_from_thread(self, route: str, headers: protocol.Headers, body: bytes) -> protocol.Response:
        """The same for a door that runs in a thread."""
        coroutine = self.answer(route, headers, body, time.monotonic())
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


def failure(error: Exception) -> protocol.Response:
    """The answer to an error, and a log line for those that are ours."""
    if not isinstance(error, ServingError):
        logger.error("a request failed", exc_info=error)
    return protocol.fault(error)
