"""`python -m benchmarks.fetch`: one object of a local store, by the fetcher and by the client's own way.

The server speaks what a download needs of S3, of Google's store and of Azure's. Both sides read the same
object in turns; what counts is the ratio of their wall times. The client's download keeps the whole object in
memory and checks nothing; ours is bounded, digests and writes it. The server is a process of its own that
answers ranges out of memory, so that it is not what is measured.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import obstore
from obstore.store import AzureStore, GCSStore, S3Store
from paddlemodel_server.fetch import sources
from paddlemodel_server.fetch.sources import providers
from paddlemodel_server.fetch.sources.place import place_of
from paddlemodel_server.fetch.sources.source import File, Request
from paddlemodel_server.fetch.transfer import Courier

URIS = {"s3": "s3://bench/object", "gs": "gs://bench/object", "az": "az://account/bench/object"}


class _Handler(http.server.BaseHTTPRequestHandler):
    """As much of a store as a download needs."""

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


def _bulk(uri: str, endpoint: str, goal: Path) -> None:
    """obstore's own: the whole object, then a file."""
    place = place_of(uri)
    config = dict(providers.access(Request(uri=uri, endpoint=endpoint), place, {}).config)
    kind: Any = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[place.scheme]
    store = kind(config=config, client_options={"allow_http": True})
    goal.write_bytes(obstore.get(store, place.key).bytes())


def _ours(uri: str, endpoint: str, goal: Path) -> None:
    request = Request(uri=uri, endpoint=endpoint)
    courier = Courier(source=sources.of(uri), request=request)
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
    """Print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fetch", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with _server(args.megabytes << 20) as endpoint, tempfile.TemporaryDirectory() as folder:
        for scheme, uri in URIS.items():
            sides = [functools.partial(side, uri, endpoint) for side in (_bulk, _ours)]
            sys.stdout.write(f"{scheme}, {args.megabytes} MiB: {_ratio(sides, args.rounds, Path(folder))}\n")


def _ratio(sides: Sequence[Callable[[Path], None]], rounds: int, folder: Path) -> str:
    """What rounds of both sides in turn tell; the first round warms up."""
    ratios, cpu = [], [0.0, 0.0]
    for number in range(rounds + 1):
        bulk, ours = (_timed(side, folder) for side in sides)
        if number:
            ratios.append(bulk[0] / ours[0])
            cpu = [spent + found[1] / rounds for spent, found in zip(cpu, (bulk, ours), strict=True)]
    return (
        f"{statistics.median(ratios):.2f} times the client's own throughput (median of {rounds}, from "
        f"{min(ratios):.2f} to {max(ratios):.2f}); CPU seconds: client's own {cpu[0]:.2f}, ours {cpu[1]:.2f}"
    )


if __name__ == "__main__":
    main()
