"""A page that is made anew for everybody who asks."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Page:
    """Served on a free port of 127.0.0.1 until `end`."""

    def __init__(self, content_type: str, text: Callable[[], str]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(content_type, text))
        self.address = f"127.0.0.1:{self._server.server_port}"
        # A test that fails before `end` does not keep the session from ending.
        self._thread = threading.Thread(target=self._server.serve_forever, name="page", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(content_type: str, text: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = text().encode()
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
