"""Adds what a browser must read to every answer, at whichever door; only servers with `cors` have it."""

from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import Any, Final

from paddlemodel_server import protocol
from paddlemodel_server.access.cors import Cors
from paddlemodel_server.http.asgi_app import Receive, Scope, Send
from paddlemodel_server.http.responses import Heads, Writer, Written
from paddlemodel_server.pipeline.write_batch import WriteBatch

EMPTY: Final = "text/plain"
"""The type of an answer without a body."""


class CorsWriter(Writer):
    """Writes what needs no ASGI: answers of the model, refusals."""

    __slots__ = ("_cors", "_origin")

    def __init__(
        self,
        connection: Written,
        heads: Heads,
        batch: WriteBatch,
        cors: Cors,
        origin: Callable[[], str | None],
    ) -> None:
        """Take over a connection.

        Args:
            connection: the client's.
            heads: what answers' heads are made with.
            batch: what writes.
            cors: who may ask.
            origin: that of the request whose answer is next.
        """
        super().__init__(connection, heads, batch)
        self._cors, self._origin = cors, origin

    def write(self, response: protocol.Response, *, keep_alive: bool) -> None:
        """Write an answer with the lines of its request's origin."""
        lines = self._cors.lines(self._origin())
        super().write(replace(response, extra=(*response.extra, *lines)), keep_alive=keep_alive)


class CorsApp:
    """The ASGI application, whose answers have the lines of their request's origin."""

    def __init__(self, app: Any, cors: Cors) -> None:
        self._app, self._cors = app, cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        lines = [(name.lower().encode(), value.encode()) for name, value in self._cors.lines(origin(scope))]

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *lines]
            await send(message)

        await self._app(scope, receive, answer)


def origin(scope: Scope) -> str | None:
    """That of an ASGI request; two of them are none of a browser's."""
    found = [value.decode("latin1") for name, value in scope["headers"] if name == b"origin"]
    return found[0] if len(found) == 1 else None
