"""How a connection's answers are written: together with others, and so that the client gets them.

`connection` builds on it and decides what is answered when.
"""

from typing import Any, ClassVar

from paddlemodel_server import protocol
from paddlemodel_server.http import timeouts
from paddlemodel_server.http.asgi_app import AsgiApp
from paddlemodel_server.http.inference_cycle import Heads, InferenceCycle
from paddlemodel_server.http.uvicorn_protocol import AsgiProtocol

_JOIN_BYTES = 64 * 1024  # up to here an answer's head and body are copied into one write


class WritingProtocol(AsgiProtocol):
    """One connection, as far as answers go."""

    lane: ClassVar[AsgiApp]
    limits: ClassVar[timeouts.Limits]
    heads: ClassVar[Heads]
    owed: timeouts.Deadline

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._awaits = "head"  # what the parser is in: "head", "body" or "" for neither
        self._deaf = False  # refused: what still comes is not looked at
        self._closing = False  # the last answer is given

    def write(self, response: protocol.Response, *, keep_alive: bool) -> None:
        """Write an answer, and close the connection where it is the last one."""
        top = self.heads.head(response, self.server_state.default_headers, keep_alive)
        if len(response.body) <= _JOIN_BYTES:
            self.send(top + response.body, last=not keep_alive)
        else:
            self.send(top, response.body, last=not keep_alive)

    def send(self, *parts: bytes, last: bool = False) -> None:
        """Write bytes, in order with all others of this connection."""
        then = None
        if last:
            self._deaf = self._closing = True
            self._drop_pipeline()
            midway = self._awaits == "body" or (self._awaits == "head" and self.headers is not None)
            then = self._linger if midway else self.transport.close
        self.lane.service.dispatcher.write_batch.write(self.transport, parts, then)

    def _drop_pipeline(self) -> None:
        for cycle, _ in self.pipeline:
            if isinstance(cycle, InferenceCycle):
                cycle.release()
        self.pipeline.clear()

    def _linger(self) -> None:
        """Let a client send the rest: closing the socket on it could cost it the answer."""
        self.transport.write_eof()
        self.flow.resume_reading()
        self.owed.wait("rest", timeouts.LINGER_SECONDS)

    def _flush(self) -> None:
        """A closed connection is gone once the client has read what is left; for how long is limited."""
        self.owed.wait("reading", self.limits.body_seconds)

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered: for how long is limited."""
        super().pause_writing()
        self._flush()
