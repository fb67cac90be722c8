"""A real HTTP server on loopback that answers with a function: imitations of hubs are made of it."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request."""

    path: str  # decoded
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None  # send only so many bytes of the body, then hang up
    drip: int | None = None  # so many bytes at a time, each in a packet of its own


def as_json(content: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status=status, headers={"Content-Type": "application/json", **named}, body=orjson.dumps(content)
    )


def redirect(location: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=302, headers={"Location": location, **named})


@contextmanager
def answering(answer: Callable[[Asked], Answer]) -> Iterator[str]:
    """Serve until the end of the block; gives the address, as http://127.0.0.1:PORT."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(path=unquote(parts.path), query=dict(parse_qsl(parts.query)), headers=headers)
            self._send(ranged(answer(asked), headers))

        def do_HEAD(self) -> None:
            self.do_GET()

        def _send(self, said: Answer) -> None:
            self.send_response(said.status)
            for name, value in {**said.headers, "Content-Length": str(len(said.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                shown = said.body[: said.cut]
                step = said.drip or len(shown) or 1
                for begin in range(0, len(shown), step):
                    self.wfile.write(shown[begin : begin + step])
                    self.wfile.flush()
                self.close_connection |= said.cut is not None

        def log_message(self, *_: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = True  # clients that keep a connection are not waited for

        def handle_error(self, *_: object) -> None:
            pass  # clients that hang up are part of the tests

    with Listener(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_address[1]}"
        finally:
            listener.shutdown()
            thread.join()


def ranged(said: Answer, headers: dict[str, str]) -> Answer:
    """The part that was asked for, if the file is still the one that was meant (RFC 9110, 13.1.5)."""
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
    if said.status != 200 or not wanted or headers.get("if-range", "") not in {"", said.headers.get("ETag")}:
        return said
    begin, size = int(wanted[1]), len(said.body)
    end = min(int(wanted[2] or size), size - 1)
    if begin > end:
        return Answer(status=416, headers={"Content-Range": f"bytes */{size}"})
    part = {"Content-Range": f"bytes {begin}-{end}/{size}", "Accept-Ranges": "bytes"}
    return replace(said, status=206, headers=said.headers | part, body=said.body[begin : end + 1])
