"""The ASGI application of a front: hot routes on the event loop, everything else handed to Flask in a thread.

`worker` runs it under gunicorn. It answers inference and health without a thread or a framework; same pure
functions, same answers.
"""

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from a2wsgi import WSGIMiddleware

from paddlemodel_server import board as boards
from paddlemodel_server import protocol
from paddlemodel_server.app import create_app
from paddlemodel_server.runtime import Runtime
from paddlemodel_server.service import CLIENT_GONE, ClientGoneError, Service, failure
from paddlemodel_server.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ABANDON = "paddlemodel.abandon"  # in the scope: what the connection calls when the client leaves
FLASK_THREADS = 4


class Lane:
    """The application; its service exists from ASGI's start-up event on."""

    def __init__(self, settings: Settings, runtime: Runtime) -> None:
        self._settings = settings
        self._runtime = runtime
        self._service: Service
        self._flask: Any
        self._hot = protocol.hot(settings.name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._live(receive, send)
            return
        route = self._hot.get(scope["path"])
        if route is None or route.method != scope["method"]:
            await self._flask(scope, receive, send)
        elif route.kind is protocol.Kind.INFERENCE:
            await self._infer(route.label, scope, receive, send)
        else:
            began = time.perf_counter()
            alive = route.kind is protocol.Kind.LIVE
            response = protocol.alive() if alive else protocol.readiness(ready=self._service.ready)
            self._service.metrics.answered(route.label, response.status, time.perf_counter() - began)
            await _send(send, response)

    async def start(self, folder: Path | None = None) -> Service:
        """Join the pod: take a row of the board and connect to the owners."""
        board = boards.Board(self._runtime.board_fd)
        row, self._row_lock = boards.claim_row(board, folder or self._runtime.folder)
        self._service = Service(self._settings, self._runtime, board, row)
        self._flask = WSGIMiddleware(_ending_input(create_app(self._service).wsgi_app), workers=FLASK_THREADS)
        return self._service

    async def stop(self) -> None:
        """Leave the pod."""
        await self._service.close()
        self._flask.executor.shutdown(wait=False)
        os.close(self._row_lock)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _infer(self, route: str, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        service = self._service
        try:
            headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
            protocol.check_head(service.served, route, headers)
            body = await self._body(receive)
            response = await service.answer(
                route,
                headers,
                body,
                time.monotonic(),
                lambda withdraw: scope.__setitem__(ABANDON, withdraw),
            )
        except ClientGoneError:
            service.metrics.answered(route, CLIENT_GONE, time.monotonic() - began)
            return
        except Exception as error:  # noqa: BLE001 - the outermost layer: everything becomes an answer
            response = failure(error)
        service.metrics.answered(route, response.status, time.monotonic() - began)
        await _send(send, response)

    async def _body(self, receive: Receive) -> bytes:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        if not message.get("more_body"):
            protocol.check_size(self._service.served, len(message["body"]))
            return bytes(message["body"])
        chunks, size = [message["body"]], len(message["body"])
        while message.get("more_body"):
            protocol.check_size(self._service.served, size)
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            chunks.append(message["body"])
            size += len(message["body"])
        protocol.check_size(self._service.served, size)
        return b"".join(chunks)


async def _send(send: Send, response: protocol.Response) -> None:
    headers = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _ending_input(app: Callable[..., Any]) -> Callable[..., Any]:
    """Tell Werkzeug that the stream ends by itself, so that it reads chunked bodies too."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input_terminated"] = True
        return app(environ, start_response)

    return wrapped
