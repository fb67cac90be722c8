"""An HTTP proxy in front of a real store, that breaks what passes: cuts, refusals, drips, lies."""

import http.client
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one answer with an object's bytes."""

    status: int | None = None  # answered instead
    headers: dict[str, str] = field(default_factory=dict)  # in place of the store's
    cut: float | None = None  # only this share of the body, then the line breaks
    shift: int = 0  # a body and a Content-Range that begin so many bytes later than asked for
    stall: bool = False  # after the cut nothing more is said, until the client gives up
    drip: int | None = None  # so many bytes at a time, each in a packet of its own
    before: Callable[[], object] | None = None  # done before the store is asked


@dataclass
class FaultProxy:
    """Passes requests on; a `plan` step for each GET of an object, then nothing is broken."""

    upstream: str
    renaming: bool = False  # whether the store hears its own name as the host: some look at it
    plan: deque[Fault] = field(default_factory=deque)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    stalled: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        sent = {name.lower(): value for name, value in handler.headers.items()}
        with self.lock:
            self.seen.append((handler.command, handler.path, sent))
            bytes_wanted = handler.command == "GET" and "list-type" not in handler.path
            fault = self.plan.popleft() if bytes_wanted and self.plan else Fault()
        if fault.before:
            fault.before()
        if fault.status is not None:
            self._send(handler, fault.status, fault.headers, b"<Error><Code>SlowDown</Code></Error>", Fault())
            return
        if fault.shift and "range" in sent:
            first, last = map(int, sent["range"].removeprefix("bytes=").split("-"))
            sent["range"] = f"bytes={first + fault.shift}-{last}"
        if self.renaming:
            sent["host"] = urlsplit(self.upstream).netloc
        connection = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=180)
        connection.request(handler.command, handler.path, headers=sent)
        answer = connection.getresponse()
        kept = {"content-range", "etag", "last-modified", "content-type", "x-amz-bucket-region"}
        headers = {name: value for name, value in answer.getheaders() if name.lower() in kept}
        headers = {n: v for n, v in headers.items() if n.lower() not in map(str.lower, fault.headers)}
        if handler.command == "HEAD":
            headers["Content-Length"] = answer.headers.get("Content-Length", "0")
        self._send(handler, answer.status, headers | fault.headers, answer.read(), fault)
        connection.close()

    def _send(
        self, handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes, fault: Fault
    ) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        shown = body if fault.cut is None else body[: int(len(body) * fault.cut)]
        step = fault.drip or len(shown) or 1
        for begin in range(0, len(shown), step):
            handler.wfile.write(shown[begin : begin + step])
            handler.wfile.flush()
        if fault.stall:
            self.stalled.set()
            self.closing.wait(60)
        handler.close_connection = True


@contextmanager
def fault_proxy(upstream: str, *plan: Fault, renaming: bool = False) -> Iterator[FaultProxy]:
    """Put a proxy in front of a store."""
    proxy = FaultProxy(upstream=upstream, renaming=renaming, plan=deque(plan))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            proxy.answer(self)

        def do_HEAD(self) -> None:
            proxy.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_: object) -> None:
            pass  # clients that hang up are part of the tests

    with Listener(("127.0.0.1", 0), Handler) as listener:
        proxy.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.closing.set()
            listener.shutdown()
            thread.join()
