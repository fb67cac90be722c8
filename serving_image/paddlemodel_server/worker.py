"""gunicorn's uvicorn worker with what uvicorn lacks: deadlines for a request's head and body, and a drain.

`front` names this class. A client that sends half a head or drips a body is cut off; neither an owner nor a
thread ever waited for it. Only files here and in `front` know the event loop's server.
"""

import asyncio
import logging
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]  # it has no types

from paddlemodel_server import protocol
from paddlemodel_server.board import Board
from paddlemodel_server.lane import ABANDON
from paddlemodel_server.runtime import die_with_parent

MAX_HEAD_BYTES = 64 * 1024
LINGER_SECONDS = 5.0  # how long a client may go on sending a body that was refused


class GuardedProtocol(HttpToolsProtocol):
    """One connection, with a timer whenever the client owes us something.

    A request that arrives in one piece, as nearly all do, never starts a timer.
    """

    board: ClassVar[Board]
    head_seconds: ClassVar[float] = 10.0
    body_seconds: ClassVar[float] = 120.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._awaits = "head"  # "head", "body" or "" for nothing
        self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_for = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._set_timer("head", self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Withdraw what the client no longer waits for."""
        self._set_timer("", 0)
        cycle = self.cycle
        super().connection_lost(exc)
        if cycle and not cycle.response_complete:
            withdraw = cycle.scope.get(ABANDON)
            if withdraw:
                withdraw()  # type: ignore[operator]  # ours, in uvicorn's typed dict

    def data_received(self, data: bytes) -> None:
        """Parse, then look at what the client still owes."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        awaits = self._awaits
        if awaits == "head":
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431, "The request's head is too large.")
            elif self._timer_for != "head":
                self._set_timer("head", self.head_seconds)
        elif awaits == "body":
            if self.cycle.response_complete:
                self._set_timer("linger", LINGER_SECONDS)
            elif self._timer_for != "body":
                self._set_timer("body", self.body_seconds)
        elif self._timer_for:
            self._set_timer("", 0)
        if not awaits and self.timeout_keep_alive_task is None and self.cycle.response_complete:
            # Line ends between requests have reset uvicorn's own timer and are no request.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        """Follow the parser."""
        self._awaits = "head"
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Follow the parser; while draining every answer ends its connection."""
        self._awaits = "body"
        try:
            super().on_headers_complete()
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError, AttributeError, TypeError):
            self._refuse(400, "The request's target is not a valid path.")
            return
        if self.board.draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Follow the parser."""
        self._awaits = ""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Give a client that still sends a refused body a short while to notice."""
        super().on_response_complete()
        if self._awaits == "body" and not self.transport.is_closing():
            self._set_timer("linger", LINGER_SECONDS)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Answer what is no HTTP, in the shape of every other error."""
        self._refuse(400, "The request is not valid HTTP.")

    def _set_timer(self, what: str, seconds: float) -> None:
        if self._timer_for == what and what:
            return
        if self._timer:
            self._timer.cancel()
        self._timer_for = what
        self._timer = self.loop.call_later(seconds, self._late) if what else None

    def _late(self) -> None:
        if self.transport.is_closing():
            return
        what, self._timer_for = self._timer_for, ""
        cycle = self.cycle
        if what == "head" and cycle is not None and not cycle.response_complete:
            self._set_timer("head", self.head_seconds)  # pipelined behind a request that still waits
            return
        silent = what == "head" and not self._head_bytes
        begun = what == "body" and cycle.response_started
        if what == "linger" or silent or begun:
            self.transport.close()
        else:
            self._refuse(408, f"The request's {what} did not arrive in time.")

    def _refuse(self, status: int, message: str) -> None:
        body = protocol.as_json({"error": message}).body
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head % len(body) + body)
        self.transport.close()


class FrontWorker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """A front: ends with its parent, speaks through GuardedProtocol."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": GuardedProtocol,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        errors = logging.getLogger("uvicorn.error")  # it warns of every malformed request: the metrics tell
        errors.propagate = True
        errors.setLevel(logging.DEBUG if logging.getLogger().level == logging.DEBUG else logging.ERROR)

    def init_process(self) -> None:
        """After the fork; uvicorn's worker does the rest and does not return."""
        die_with_parent(self.ppid)
        super().init_process()


def guard(board: Board, head_seconds: float, body_seconds: float) -> None:
    """Set what every connection of this process goes by."""
    GuardedProtocol.board = board
    GuardedProtocol.head_seconds = head_seconds
    GuardedProtocol.body_seconds = body_seconds
