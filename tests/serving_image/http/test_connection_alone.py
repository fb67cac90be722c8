"""A connection in this process: what depends on which of two things comes first, in an order of our own."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

from paddlemodel_server import protocol
from paddlemodel_server.http import timeouts
from paddlemodel_server.http.asgi_app import AsgiApp
from paddlemodel_server.http.connection import ClientConnection, Shared
from paddlemodel_server.http.inference_cycle import BodyBudget
from paddlemodel_server.http.timeouts import Awaited
from paddlemodel_server.ipc import counters
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import ProcessContext, Sizes
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks import fitting
from uvicorn import Config
from uvicorn.server import ServerState

from tests.serving_image.support.cycles import Transport
from tests.serving_image.support.load import BODY, INFER, post

LARGE = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(1000))


class Worker:
    """An HTTP worker in this process, which no model worker has joined."""

    def __init__(self, model: Path, folder: Path) -> None:
        sizes = Sizes(http_workers=1, workers=1, threads=1)
        self._fds = scoreboards.create(), counters.create()
        runtime = ProcessContext(
            folder=folder, scoreboard_fd=self._fds[0], counters_fd=self._fds[1], sizes=sizes
        )
        settings = Settings(name="mixed", model_dir=model)
        fitting.chosen(settings).save(runtime.folder)
        self.app = AsgiApp(settings, runtime)
        self.shared = Shared(
            asgi_app=self.app,
            app=self.app,
            inference=self.app.inference,
            scoreboard=scoreboards.Scoreboard(runtime.scoreboard_fd),
            limits=timeouts.Limits(head_seconds=10, body_seconds=10),
            connection_limit=timeouts.ConnectionLimit(10),
            bodies=BodyBudget(1 << 20),
        )
        self._config, self._state = Config(self.app, log_config=None), ServerState()

    def connect(self) -> tuple[ClientConnection, Transport]:
        connection, transport = ClientConnection(self.shared, self._config, self._state, {}), Transport()
        connection.connection_made(transport)
        return connection, transport

    async def stop(self) -> None:
        await self.app.stop()
        for fd in self._fds:
            os.close(fd)


def test_a_connection_whose_first_head_is_known_is_like_any_other(
    exported: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """It is refused by the same admission, and then as idle as one whose head was parsed."""

    async def test() -> None:
        worker = Worker(exported("pir", "mixed"), tmp_path)
        await worker.app.start()
        (parsed, written), (known, written_too) = worker.connect(), worker.connect()
        try:
            assert [parsed.deadline.what, known.deadline.what] == [Awaited.HEAD] * 2
            parsed.data_received(post(INFER, BODY))
            length = {"content-length": str(len(BODY))}
            head = protocol.read_head(worker.app.service.served, protocol.INFER, length)
            worker.shared.head_cache.learn(post(INFER, BODY), head)
            known.data_received(post(INFER, BODY))
            assert written.written == written_too.written
            assert written.written[0].startswith(b"HTTP/1.1 503 ")
            assert [parsed.deadline.what, known.deadline.what] == [Awaited.REQUEST] * 2
        finally:
            parsed.connection_lost(None)
            known.connection_lost(None)
            await worker.stop()

    asyncio.run(test())


def test_a_trailer_without_end_is_refused_before_another_route_has_answered(
    exported: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Routes that need no body answer at once; what is refused before that gets no other answer."""

    async def test() -> None:
        worker = Worker(exported("pir", "mixed"), tmp_path)
        await worker.app.start()
        connection, transport = worker.connect()
        try:
            connection.data_received(
                b"GET /v2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n"
            )
            connection.data_received(LARGE)
            await asyncio.wait(connection.tasks)
            head, _, body = b"".join(transport.written).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 431 ")
            assert json.loads(body) == {"error": "The request's trailer is too large."}
        finally:
            connection.connection_lost(None)
            await worker.stop()

    asyncio.run(test())
