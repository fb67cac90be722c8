"""The event loop's door: inference and health without a thread or a framework, everything else through Flask.

`AsgiApp` is the ASGI application of the clients' port (`admin` has the other port's); the routes that run the
model do not even go through ASGI, but straight from the connection to an `InferenceCycle`. Same pure
functions, same answers.
"""

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2wsgi import WSGIMiddleware

from paddlemodel_server import protocol
from paddlemodel_server.http.flask_app import create_app
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import ProcessContext
from paddlemodel_server.pipeline.context import Service
from paddlemodel_server.protocol.request_id import identify
from paddlemodel_server.settings import Settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

FLASK_THREADS = 4
LINK_SECONDS = 5.0  # a ready worker listens, so its link takes milliseconds


class AsgiApp:
    """The application; its service exists from ASGI's start-up event on."""

    def __init__(self, settings: Settings, runtime: ProcessContext) -> None:
        self._settings = settings
        self._runtime = runtime
        self.service: Service
        self._flask: Any
        self.hot = protocol.hot(settings.name, settings.path_prefix)
        self.inference = {
            path.encode(): route.label
            for path, route in self.hot.items()
            if route.kind is protocol.Kind.INFERENCE
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._live(receive, send)
            return
        route = self.hot.get(scope["path"])
        if route is None or route.method != scope["method"] or route.kind is protocol.Kind.INFERENCE:
            await self._through_flask(scope, receive, send)
        else:
            began = time.perf_counter()
            response = self.answer(route.kind, scope)
            self.service.metrics.answered(route.label, response.status, time.perf_counter() - began)
            await reply(send, response, scope)

    def answer(self, kind: protocol.Kind, scope: Scope) -> protocol.Response:
        """The answer to health or metrics, at once."""
        if kind is protocol.Kind.LIVE:
            return protocol.alive()
        if kind is protocol.Kind.READY:
            return protocol.readiness(ready=self.service.ready)
        # Not in a thread: it would wait for Python's lock, and make this loop wait in turn.
        body, content_type = self.service.page.render(_header(scope, b"accept"))
        return protocol.Response(body=body, content_type=content_type)

    async def start(self, folder: Path | None = None) -> Service:
        """Join the pod: take a row of the scoreboard and connect to the workers.

        uvicorn listens after it, so that an HTTP worker that joins a ready pod refuses nothing.
        """
        scoreboard = scoreboards.Scoreboard(self._runtime.scoreboard_fd)
        row, self._row_lock = scoreboards.claim_row(scoreboard, folder or self._runtime.folder)
        self.service = Service(self._settings, self._runtime, scoreboard, row)
        self._flask = WSGIMiddleware(_ending_input(create_app(self.service).wsgi_app), workers=FLASK_THREADS)
        await self.service.dispatcher.linked(LINK_SECONDS)
        return self.service

    async def stop(self) -> None:
        """Give the scoreboard's row back and end the threads and the connections to the workers."""
        await self.service.close()
        self._flask.executor.shutdown(wait=False)
        os.close(self._row_lock)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _through_flask(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a thread answer; it is free again before the client reads, however slowly that goes."""
        messages: list[MutableMapping[str, Any]] = []

        async def keep(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        await self._flask(scope, receive, keep)
        for message in messages:
            await send(message)


def _header(scope: Scope, wanted: bytes) -> str:
    return ", ".join(value.decode("latin1") for name, value in scope["headers"] if name == wanted)


async def reply(send: Send, response: protocol.Response, scope: Scope) -> None:
    """Send an answer, which carries the request's id if that has one."""
    named = identify({name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]})
    if named:
        response = replace(response, extra=(*response.extra, ("X-Request-Id", named.request_id)))
    headers = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def ending(app: Any, cycle: Any, ends: Callable[[], bool]) -> Any:
    """The application, whose answer in uvicorn's `cycle` closes the connection where it shall be the last."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and ends():
                cycle.keep_alive = False
            await send(message)

        await app(scope, receive, answer)

    return wrapped


def abandon(cycle: Any) -> None:
    """Let uvicorn's cycle end: nobody reads what it would answer."""
    cycle.disconnected = True
    cycle.message_event.set()


def _ending_input(app: Callable[..., Any]) -> Callable[..., Any]:
    """Tell Werkzeug that the stream ends by itself, so that it reads chunked bodies too."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input_terminated"] = True
        return app(environ, start_response)

    return wrapped
