"""An HTTP worker's connections: a short way for the hot requests, and patience with slow clients that ends.

`worker` makes uvicorn use them. A request that runs the model goes from here to an `InferenceCycle`, without
an ASGI task; all others take uvicorn's way to `lane`. A client that sends half a head, drips a body or does
not read its answer is cut off; neither a worker nor a thread ever waited for it.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import httptools

from paddlemodel_server import protocol
from paddlemodel_server.http import head_checks, timeouts
from paddlemodel_server.http.head_cache import CachedHead, HeadCache
from paddlemodel_server.http.inference_cycle import InferenceCycle
from paddlemodel_server.http.responses import WritingProtocol
from paddlemodel_server.http.uvicorn_protocol import desert
from paddlemodel_server.metrics import catalog

MAX_PIPELINED = 64  # requests of one connection that may wait for the answer to an earlier one


class GuardedProtocol(WritingProtocol):
    """One connection. Its requests are answered one after the other, in order."""

    inference: ClassVar[Mapping[bytes, str]]  # labels of the routes that run the model, by path
    crowd: ClassVar[timeouts.ConnectionLimit]
    repeats: ClassVar[HeadCache]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_bytes = 0  # of the current read
        self._fruitless = 0  # bytes of reads that have neither begun a request nor brought a part of a body
        self._serving: Any = None  # the cycle whose answer is next
        self._plain_head = b""  # of a request that offered an upgrade, without the offer
        self.owed = timeouts.Deadline(self.loop, self._late)

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self.owed.wait("head", self.limits.head_seconds)
        if not self.crowd.enter(self):
            self._refuse(503, "This server has as many connections as it can have.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Withdraw what the client no longer waits for."""
        self.crowd.leave(self)
        self.owed.end()
        self._drop_pipeline()
        serving = self._serving
        super().connection_lost(exc)
        if serving is not None and not serving.response_complete:
            if isinstance(serving, InferenceCycle):
                serving.abandon()
            else:
                desert(serving)

    def data_received(self, data: bytes) -> None:
        """Parse, then look at what the client still owes."""
        if self._deaf:
            return
        alone = self._awaits_request()
        if alone and (repeat := self.repeats.find(data)):
            self._again(repeat)
            return
        self._read_bytes = len(data)
        self._fruitless += len(data)
        self._feed(data)
        if alone and type(self.cycle) is InferenceCycle and (known := self.cycle.repeatable):
            self.repeats.learn(data, known)
        if self._fruitless > head_checks.MOST_BYTES and self._awaits and not self._deaf:
            part = "head" if self._awaits == "head" else "trailer"
            self._refuse(431, f"The request's {part} is too large.")
        self._look()

    def _awaits_request(self) -> bool:
        """Whether the parser stands between two requests, and no answer is owed."""
        between = not self._awaits or (self._awaits == "head" and self.headers is None)
        return between and not self.pipeline and self._is_answered() and not self.flow.write_paused

    def _again(self, repeat: CachedHead) -> None:
        """Take in a whole request past the parser."""
        self._awaits = ""
        self.owed.nothing()
        self.cycle = self._serving = ask = InferenceCycle(
            self, repeat.head.route, repeat.head.headers, keep_alive=True
        )
        ask.take(*repeat)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._plain_head:  # the parser has left the body aside
                plain, self._plain_head = self._plain_head, b""
                self._renew_parser()
                self._feed(plain + data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, "The request is not valid HTTP.")

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        if not self._closing and not self.transport.is_closing():
            self.owed.nothing()
            if self._is_answered():
                self._go_on()

    def shutdown(self) -> None:
        """The server ends: so do idle connections, after one look at what may already be on its way."""
        self.leaving = True
        if self._is_answered() and not self.pipeline and not self.flow.write_paused:
            self.owed.wait("leaving", timeouts.LEAVE_SECONDS)

    def _is_answered(self) -> bool:
        return self._serving is None or self._serving.response_complete

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._awaits = "head"
        self._fruitless = 0
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header as it came; a trailer is nobody's."""
        if self._awaits == "head":
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Find out who answers."""
        if self._deaf:
            return
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if fault := self._fault(version):
            self._refuse(*fault)
            return
        if self.parser.should_upgrade() and method != b"CONNECT":
            self._plain_head = head_checks.declining(method, self.url, version, self.headers)
            return
        if version == "1.0":
            self.headers = head_checks.unexpecting(self.headers)
        try:
            routes = self.inference if method == b"POST" else {}
            label = routes.get(self.url) or routes.get(head_checks.path(self.url))
            self._awaits = "body"
            if label is None:
                self._take_uvicorns_way()
                return
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError, AttributeError, TypeError):
            self._awaits = "head"
            self._refuse(400, "The request's target is not a valid path.")
            return
        headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in self.headers}
        if len(headers) < len(self.headers):
            headers = protocol.joined(self.headers)
        keep_alive = self.parser.should_keep_alive() and version != "1.0"
        ask = InferenceCycle(self, label, headers, keep_alive=keep_alive)
        ask.read_head(self.lane.service)
        self._enqueue(ask)

    def _fault(self, version: str) -> tuple[int, str] | None:
        """Status and message for a head that is refused whatever it asks for."""
        large = self._fruitless or self._read_bytes > head_checks.MOST_BYTES  # else it cannot be too large
        if large and head_checks.size(self.url, self.headers) > head_checks.MOST_BYTES:
            return 431, "The request's head is too large."
        if len(self.pipeline) >= MAX_PIPELINED:
            return 429, f"More than {MAX_PIPELINED} requests wait on one connection."
        message = head_checks.fault(version, self.headers)
        return (400, message) if message else None

    def on_body(self, body: bytes) -> None:
        """Hand on a part of the body."""
        self._fruitless = 0
        cycle = self.cycle
        if type(cycle) is InferenceCycle:
            cycle.on_body(self.lane.service, body)
        elif not self._deaf:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._plain_head:
            return
        self._awaits = ""
        cycle = self.cycle
        if type(cycle) is InferenceCycle:
            cycle.on_message_complete()
        elif not self._deaf:
            super().on_message_complete()

    def _enqueue(self, ask: InferenceCycle) -> None:
        before, self.cycle = self.cycle, ask
        if before is None or before.response_complete:
            self._serving = ask
            ask.begin()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((ask, None))

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Begin with a cycle whose turn it is; uvicorn calls this too."""
        self._serving = cycle
        if isinstance(cycle, InferenceCycle):
            cycle.begin()
        else:
            super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Begin with the next request, or wait for it; uvicorn calls this too."""
        self.server_state.total_requests += 1
        if self._closing or self.transport.is_closing():
            if self.owed.what != "rest":
                self._flush()
            return
        if self.flow.write_paused:
            self.flow.pause_reading()  # no further request before the client has read this answer
            return
        self.owed.nothing()
        self._go_on()

    def _go_on(self) -> None:
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if not self.pipeline and not self.flow.write_paused and not self.transport.is_closing():
            self.flow.resume_reading()  # the last one's body may not be whole yet
            self._look()

    def _look(self) -> None:
        """Set what the client owes us now; nothing as long as we owe it an answer."""
        if self.flow.write_paused or self._closing or self.transport.is_closing():
            return
        if self._awaits == "body" and self.cycle is self._serving and self.cycle is not None:
            if self.cycle.response_complete:
                self.owed.wait("rest", timeouts.LINGER_SECONDS)
            else:
                self.owed.wait("body", self.limits.body_seconds)
        elif not self._is_answered():
            self.owed.nothing()
        elif self._awaits == "head":
            self.owed.wait("head", self.limits.head_seconds)
        else:  # idle: nothing of the last request need be kept
            self.cycle, self._serving, self.scope, self.headers = None, None, None, []  # type: ignore[assignment]
            self.owed.wait("request", timeouts.LEAVE_SECONDS if self.leaving else self.timeout_keep_alive)

    def _late(self, what: str) -> None:
        if what == "reading" or self.transport.is_closing():
            self.transport.abort()
            return
        silent = what == "head" and self.headers is None  # no request has ever begun
        begun = what == "body" and getattr(self.cycle, "response_started", False)
        if what in {"request", "rest", "leaving"} or silent or begun:
            self.transport.close()
            self._flush()
        else:
            self._refuse(408, f"The request's {what} did not arrive in time.")

    def _refuse(self, status: int, message: str) -> None:
        """Answer what is no acceptable request when its turn comes, and listen no longer."""
        if self._closing:
            return  # the last answer is given, and what came behind it in the same read is nobody's
        cycle, self._deaf = self.cycle, True
        later = (("Retry-After", "1"),) if status in {429, 503} else ()
        refusal = protocol.as_json({"error": message}, status, later)
        if self._awaits != "body":
            cycle = InferenceCycle(self, catalog.OTHER, {}, keep_alive=False)
            cycle.refuse(refusal)
            self._enqueue(cycle)
        elif cycle.response_complete:
            pass  # it has its answer, and `_look` gives it time to read that
        elif cycle is self._serving and not isinstance(cycle, InferenceCycle):
            if cycle.response_started:
                self.transport.close()
                self._flush()
            else:
                self.write(refusal, keep_alive=False)  # instead of the answer that uvicorn's cycle would give
                desert(cycle)
        else:
            cycle.keep_alive = False
            if isinstance(cycle, InferenceCycle):
                cycle.refuse(refusal)
