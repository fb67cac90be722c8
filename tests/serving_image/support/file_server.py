"""A real HTTP server on loopback that misbehaves on demand, for the tests of the fetcher."""

import os
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import it where the machine's own proxy must not come between."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@dataclass(frozen=True, kw_only=True)
class Step:
    """How one request is answered."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None  # send only so many bytes of the body, then hang up
    stall: bool = False  # ... or say nothing more, until the client gives up
    drip: int | None = None  # so many bytes at a time, each in a packet of its own
    ranges: bool = True
    length: bool = True
    etag: str | None = '"v1"'


@dataclass
class FileServer:
    """Serves `files` by path, one `plan` step per request, then normally."""

    files: dict[str, bytes]
    plan: deque[Step] = field(default_factory=deque)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    stalled: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    scheme: str = "http"

    def uri(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.seen.append((handler.path, {name.lower(): value for name, value in handler.headers.items()}))
        step = self.plan.popleft() if self.plan else Step()
        body = self.files.get(handler.path.partition("?")[0])
        status = step.status or (200 if body is not None else 404)
        body = body if body is not None and status == 200 else b"no"
        wanted = handler.headers.get("Range", "")
        headers = dict(step.headers)
        if status == 200 and step.etag:
            headers.setdefault("ETag", step.etag)
        if step.ranges and status == 200 and wanted and handler.headers.get("If-Range") == step.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            headers.setdefault("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            status, body = 206, body[start:]
        self._send(handler, step, status, headers, body)

    def _send(
        self, handler: BaseHTTPRequestHandler, step: Step, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        handler.send_response(status)
        if step.length:
            headers.setdefault("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        shown = body[: step.cut]
        packet = step.drip or len(shown) or 1
        for begin in range(0, len(shown), packet):
            handler.wfile.write(shown[begin : begin + packet])
            handler.wfile.flush()
        if step.stall:
            self.stalled.set()
            self.closing.wait(60)
        handler.close_connection = True


@contextmanager
def serving(files: dict[str, bytes], *plan: Step, tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    server = FileServer(files=files, plan=deque(plan), scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_: object) -> None:
            pass  # clients that hang up are part of the tests

    with Listener(("127.0.0.1", 0), Handler) as listener:
        if tls:
            listener.socket = tls.wrap_socket(listener.socket, server_side=True)
        server.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            listener.shutdown()
            thread.join()
