"""An HTTP worker's connections: a short way for requests that run the model, and limits for slow clients.

uvicorn makes one for each client. A request that runs the model goes from here to an `InferenceCycle`,
without an ASGI task; all others take uvicorn's way to the ASGI application. A client that sends half a head,
drips a body or does not read its answer is cut off; neither a worker nor a thread ever waited for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from paddlemodel_server import errors, protocol
from paddlemodel_server.http import asgi_app, head_checks, timeouts
from paddlemodel_server.http.head_cache import CachedHead, HeadCache
from paddlemodel_server.http.inference_cycle import CONTINUE, BodyBudget, InferenceCycle
from paddlemodel_server.http.request_reader import RequestReader
from paddlemodel_server.http.responses import Heads, Writer
from paddlemodel_server.http.timeouts import BODY, HEAD, LEAVING, READING, REQUEST, REST, Awaited
from paddlemodel_server.ipc.scoreboard import Scoreboard
from paddlemodel_server.metrics import catalog

MAX_PIPELINED = 64  # requests of one connection that may wait for the answer to an earlier one


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What an HTTP worker's connections to one port have in common."""

    asgi_app: asgi_app.AsgiApp
    app: Any  # the port's ASGI application
    inference: Mapping[bytes, str]  # labels of the routes that run the model, by path
    scoreboard: Scoreboard
    limits: timeouts.Limits
    connection_limit: timeouts.ConnectionLimit
    bodies: BodyBudget
    cycle: Callable[..., InferenceCycle] = InferenceCycle
    heads: Heads = field(default_factory=Heads)
    head_cache: HeadCache = field(default_factory=HeadCache)


class ClientConnection(HttpToolsProtocol):
    """One connection. Its requests are answered one after the other, in order."""

    cycle: Any  # uvicorn's, or an InferenceCycle
    pipeline: Any  # of both
    writer: Writer

    def __init__(self, shared: Shared, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shared, self.app = shared, shared.app
        self.service = shared.asgi_app.service
        self.bodies = shared.bodies
        self.deadline = timeouts.Deadline(self.loop, self._late)
        self._reader = RequestReader(self)
        self.parser = self._reader.parser
        self._serving: Any = None  # the cycle whose answer is next
        self._leaving = False  # the server ends, or the client sends no more

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self.writer = Writer(self, self._shared.heads, self.service.dispatcher.write_batch)
        self.deadline.wait(HEAD, self._shared.limits.head_seconds)
        if not self._shared.connection_limit.enter(self):
            self.refuse(errors.TooManyConnectionsError())

    def connection_lost(self, exc: Exception | None) -> None:
        """Withdraw what the client no longer waits for."""
        self._shared.connection_limit.leave(self)
        self.deadline.end()
        self.stop_listening()
        serving = self._serving
        super().connection_lost(exc)
        self._reader.end()
        if serving is not None and not serving.response_complete:
            if isinstance(serving, InferenceCycle):
                serving.abandon()
            else:
                asgi_app.abandon(serving)

    def stop_listening(self) -> bool:
        """Ignore what still comes and what waits its turn; whether the client is amid a request."""
        self._reader.deaf = True
        for cycle, _ in self.pipeline:
            if isinstance(cycle, InferenceCycle):
                cycle.release()
        self.pipeline.clear()
        return self._reader.where is not REQUEST

    def shutdown(self) -> None:
        """The server ends: so do idle connections, after one look at what may already be on its way."""
        self._leaving = True
        if self._is_answered() and not self.pipeline and not self.flow.write_paused:
            self.deadline.wait(LEAVING, timeouts.LEAVE_SECONDS)

    @property
    def ends(self) -> bool:
        """Whether the next answer shall be the last: either side ends, and no other request was taken in."""
        return (self._leaving or self._shared.scoreboard.draining) and not self.pipeline

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's never keeps it open
        """Answer what a client has asked that sends no more, while it is there; asyncio's TLS cannot."""
        waits = self._reader.where is REQUEST and not self._is_answered() and self.transport.can_write_eof()
        if waits:
            self._leaving = True
            timeouts.Doubt(self.loop, self.transport, self._ask)
        return waits

    def _ask(self) -> bool:
        """Send an interim answer, which HTTP/1.0 has not, where the answer has not begun."""
        begun = self._is_answered() or getattr(self._serving, "response_started", False)
        if begun or self._reader.parser.get_http_version() == "1.0":
            return False
        self.writer.send(CONTINUE)
        return True

    def data_received(self, data: bytes) -> None:
        """Take in a request whose head is known, or parse; then look at what the client is to do next."""
        reader, cache = self._reader, self._shared.head_cache
        if reader.deaf:
            return
        alone = reader.where is REQUEST and not self.pipeline and self._is_answered()
        alone = alone and not self.flow.write_paused
        if alone and (known := cache.find(data)):
            self._take(known)
            return
        reader.feed(data)
        if alone and isinstance(self.cycle, InferenceCycle) and (head := self.cycle.repeatable):
            cache.learn(data, head)
        self._look()

    def _take(self, known: CachedHead) -> None:
        """Begin with a whole request, past the parser."""
        self._reader.begun = True
        self.deadline.clear()
        cycle = self._shared.cycle(self, known.head.route, known.head.headers, keep_alive=True)
        self.cycle = self._serving = cycle
        cycle.take(*known)

    def on_head(self, method: bytes, version: str) -> None:
        """Find out who answers."""
        reader = self._reader
        if len(self.pipeline) >= MAX_PIPELINED:
            reader.where = HEAD
            self.refuse(errors.PipelineFullError(MAX_PIPELINED))
            return
        try:
            routes = self._shared.inference if method == b"POST" else {}
            label = routes.get(reader.target) or routes.get(head_checks.path(reader.target))
            if label is None:
                self._begin_asgi()
                return
        except head_checks.NO_PATH:
            reader.where = HEAD
            self.refuse(errors.BadRequestError("The request's target is not a valid path."))
            return
        keep_alive = reader.parser.should_keep_alive() and version != "1.0"
        cycle = self._shared.cycle(self, label, protocol.joined(reader.lines), keep_alive=keep_alive)
        cycle.read_head()
        self._enqueue(cycle)

    def _begin_asgi(self) -> None:
        """Let uvicorn see the head."""
        reader = self._reader
        self.parser = reader.parser
        super().on_message_begin()
        self.url = reader.target
        for name, value in reader.lines:
            super().on_header(name, value)
        super().on_headers_complete()
        if self.cycle.waiting_for_100_continue:
            self.cycle.keep_alive = False  # nobody can know whether its body still comes

    def on_body(self, body: bytes) -> None:
        """Hand on a part of the body."""
        if isinstance(self.cycle, InferenceCycle):
            self.cycle.on_body(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if isinstance(self.cycle, InferenceCycle):
            self.cycle.on_message_complete()
        else:
            super().on_message_complete()

    def _enqueue(self, cycle: InferenceCycle) -> None:
        before, self.cycle = self.cycle, cycle
        if before is None or before.response_complete:
            self._serving = cycle
            cycle.begin()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, None))

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Begin with a cycle whose turn it is; uvicorn calls this too."""
        self._serving = cycle
        if isinstance(cycle, InferenceCycle):
            cycle.begin()
        else:
            super()._start_asgi_task(cycle, asgi_app.ending(app, cycle, lambda: self.ends))

    def _is_answered(self) -> bool:
        return self._serving is None or self._serving.response_complete

    def on_response_complete(self) -> None:
        """Begin with the next request, or wait for it; uvicorn calls this too."""
        self.server_state.total_requests += 1
        if self.writer.closing or self.transport.is_closing():
            if self.deadline.what is not REST:
                self.deadline.wait(READING, self._shared.limits.body_seconds)
            return
        if self.flow.write_paused:
            self.flow.pause_reading()  # no further request before the client has read this answer
            return
        self.deadline.clear()
        self._go_on()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered: for how long is limited."""
        super().pause_writing()
        self.deadline.wait(READING, self._shared.limits.body_seconds)

    def resume_writing(self) -> None:
        """The client has read what was held back: wait for it no longer, and begin its next request."""
        super().resume_writing()
        if not self.writer.closing and not self.transport.is_closing():
            self.deadline.clear()
            if self._is_answered():
                self._go_on()

    def _go_on(self) -> None:
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if not self.pipeline and not self.flow.write_paused and not self.transport.is_closing():
            self.flow.resume_reading()  # the last one's body may not be whole yet
            self._look()

    # --- slow clients, and what is no acceptable request

    def _look(self) -> None:
        """Set what the client is waited for now; nothing as long as it waits for us."""
        if self.flow.write_paused or self.writer.closing or self.transport.is_closing():
            return
        limits, reader, cycle = self._shared.limits, self._reader, self.cycle
        if reader.where is BODY and cycle is self._serving and cycle is not None:
            if cycle.response_complete:
                self.deadline.wait(REST, timeouts.LINGER_SECONDS)
            else:
                self.deadline.wait(BODY, limits.body_seconds)
        elif not self._is_answered():
            self.deadline.clear()
        elif reader.where is HEAD or not reader.begun:
            self.deadline.wait(HEAD, limits.head_seconds)
        else:  # idle: nothing of the last request need be kept
            self.cycle, self._serving, self.scope, self.headers = None, None, None, []  # type: ignore[assignment]
            reader.forget()
            idle_seconds = timeouts.LEAVE_SECONDS if self._leaving else self.timeout_keep_alive
            self.deadline.wait(REQUEST, idle_seconds)

    def _late(self, what: Awaited) -> None:
        """The client has not done in time what it was waited for."""
        if what is READING or self.transport.is_closing():
            self.transport.abort()
            return
        untold = what is HEAD and self._reader.begun
        untold = untold or (what is BODY and not getattr(self.cycle, "response_started", False))
        if untold:
            self.refuse(errors.RequestTimeoutError(what.value))
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self.deadline.wait(READING, self._shared.limits.body_seconds)

    def refuse(self, error: errors.ServingError) -> None:
        """Answer what is no acceptable request when its turn comes, and listen no longer."""
        if self.writer.closing:
            return  # what comes behind the last answer is nobody's
        self._reader.deaf = True
        refusal, cycle = protocol.fault(error), self.cycle
        if self._reader.where is not BODY:  # the request has no cycle yet
            cycle = self._shared.cycle(self, catalog.OTHER, {}, keep_alive=False)
            cycle.refuse(refusal)
            self._enqueue(cycle)
        elif isinstance(cycle, InferenceCycle):
            cycle.refuse(refusal, last=True)
        elif not cycle.response_complete:
            cycle.keep_alive = False
            if cycle is self._serving and cycle.response_started:
                self._close()
            elif cycle is self._serving:  # answer instead of uvicorn's cycle
                self.writer.write(refusal, keep_alive=False)
                asgi_app.abandon(cycle)
