"""`python -m benchmarks.fetch`: one object of a local S3 server, by the fetcher and by the client's own way.

Both read the same object in turns; what counts is the ratio of their wall times. The client's download keeps
the whole object in memory and checks nothing; ours is bounded, digests and writes it. The server is a process
of its own that answers ranges out of memory, so that it is not what is measured.
"""

import argparse
import functools
import http.server
import multiprocessing
import multiprocessing.connection
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.store import S3Store
from paddlemodel_server.fetch import sources
from paddlemodel_server.fetch.sources.source import File, Request
from paddlemodel_server.fetch.transfer import Courier

_URI = "s3://bench/object"


class _Handler(http.server.BaseHTTPRequestHandler):
    """As much of S3 as a download needs."""

    protocol_version = "HTTP/1.1"
    body = memoryview(b"")

    def do_HEAD(self) -> None:
        self._answer(200, len(self.body))

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        first, last = 0, len(self.body) - 1
        if wanted:
            begin, _, end = wanted.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or last), last)
        self._answer(206 if wanted else 200, last - first + 1, f"bytes {first}-{last}/{len(self.body)}")
        self.wfile.write(self.body[first : last + 1])

    def _answer(self, status: int, length: int, span: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", '"bench"')
        self.send_header("Last-Modified", "Sun, 29 Nov 2026 00:00:00 GMT")
        if status == 206:
            self.send_header("Content-Range", span)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(size: int, told: "multiprocessing.connection.Connection") -> None:
    _Handler.body = memoryview(os.urandom(1 << 20) * (size >> 20))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        told.send(server.server_address[1])
        server.serve_forever()


@contextmanager
def _server(size: int) -> Iterator[str]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(size, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _bulk(endpoint: str, goal: Path) -> None:
    """obstore's own: the whole object, then a file."""
    store = S3Store("bench", endpoint=endpoint, skip_signature=True, client_options={"allow_http": True})
    goal.write_bytes(obstore.get(store, "object").bytes())


def _ours(endpoint: str, goal: Path) -> None:
    request = Request(uri=_URI, endpoint=endpoint)
    courier = Courier(source=sources.of(_URI), request=request)
    (file,) = courier.listing().files
    assert isinstance(file, File)
    courier.bring(file, goal, 1 << 40)


def _timed(job: Callable[[Path], None], folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of this process."""
    goal = folder / "object"
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    job(goal)
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_SELF)
    goal.unlink()
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fetch", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    size = args.megabytes << 20
    ratios, cpu = [], {"bulk": 0.0, "ours": 0.0}
    with _server(size) as endpoint, tempfile.TemporaryDirectory() as folder:
        for number in range(args.rounds + 1):
            bulk = _timed(functools.partial(_bulk, endpoint), Path(folder))
            ours = _timed(functools.partial(_ours, endpoint), Path(folder))
            if number:  # the first round warms up
                ratios.append(bulk[0] / ours[0])
                cpu["bulk"] += bulk[1]
                cpu["ours"] += ours[1]
                sys.stdout.write(
                    f"round {number}: client's own {size / bulk[0] / 1e6:5.0f} MB/s, "
                    f"ours {size / ours[0] / 1e6:5.0f} MB/s, ratio {ratios[-1]:.2f}\n"
                )
    sys.stdout.write(
        f"{args.megabytes} MiB: {statistics.median(ratios):.2f} times the client's own throughput (median of "
        f"{args.rounds}); CPU seconds for each: client's own {cpu['bulk'] / args.rounds:.2f}, "
        f"ours {cpu['ours'] / args.rounds:.2f}\n"
    )


if __name__ == "__main__":
    main()
