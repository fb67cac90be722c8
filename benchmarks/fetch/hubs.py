"""`python -m benchmarks.fetch.hubs`: a large file of a local hub and a local registry, by us and by others.

Each side downloads the same file in turns; what counts is the ratio of the wall times. Of the hub the others
are huggingface_hub, of the registry (Debian's, a real one) curl with sha256sum at its end: every client of a
registry compares the digest, and none is leaner. Interpreters that have to start first are not counted.
"""

import argparse
import hashlib
import http.server
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from paddlemodel_server.fetch import sources
from paddlemodel_server.fetch.sources.source import Request
from paddlemodel_server.fetch.transfer import Courier

from tests.environment import Environment
from tests.serving_image.support.hubs import registry

_COMMIT = "a" * 40
_NAME = "bench/net"
_FILE = "inference.pdiparams"
_PEER = f"""
import os, sys, time
for name in ("TELEMETRY", "XET", "PROGRESS_BARS"):
    os.environ["HF_HUB_DISABLE_" + name] = "1"
import huggingface_hub
began = time.perf_counter()
huggingface_hub.hf_hub_download(
    "{_NAME}", "{_FILE}", local_dir=sys.argv[2], endpoint=sys.argv[1], token=False, force_download=True
)
print(time.perf_counter() - began)
"""
Side = Callable[[Path], float]  # seconds of a download into the folder


class _Hub(http.server.BaseHTTPRequestHandler):
    """As much of Hugging Face as a download needs."""

    protocol_version = "HTTP/1.1"
    body = memoryview(b"")
    sha256 = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{_NAME}/tree"):
            entry = {"type": "file", "oid": "0" * 40, "size": len(self.body), "path": _FILE}
            entry["lfs"] = {"oid": self.sha256, "size": len(self.body)}
            program = {"type": "file", "oid": "1" * 40, "size": 2, "path": "inference.json"}
            self._say(json.dumps([entry, program]).encode())
        elif path.startswith("/api/"):
            self._say(json.dumps({"id": _NAME, "sha": _COMMIT, "private": False}).encode())
        else:
            self._say(self.body if path.endswith(_FILE) else b"{}")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _say(self, content: "bytes | memoryview[int]") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{self.sha256[:40]}"')
        self.send_header("X-Repo-Commit", _COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(size: int, told: Connection) -> None:
    content = os.urandom(1 << 20) * (size >> 20)
    _Hub.body, _Hub.sha256 = memoryview(content), hashlib.sha256(content).hexdigest()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        told.send(server.server_address[1])
        server.serve_forever()


@contextmanager
def _hub(size: int) -> Iterator[tuple[Side, Side]]:
    """A hub in a process of its own; huggingface_hub and we."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(size, theirs), daemon=True)
    process.start()
    endpoint, python = f"http://127.0.0.1:{ours.recv()}", str(Environment("peers", 100).python())

    def others(folder: Path) -> float:
        command = [python, "-c", _PEER, endpoint, str(folder)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    try:
        yield others, _brought(f"hf://{_NAME}", endpoint)
    finally:
        process.terminate()
        process.join()


@contextmanager
def _registry(size: int) -> Iterator[tuple[Side, Side]]:
    """Debian's registry; curl with sha256sum, and we."""
    content = os.urandom(1 << 20) * (size >> 20)
    digest = hashlib.sha256(content).hexdigest()
    with tempfile.TemporaryDirectory() as folder, registry.running(Path(folder)) as running:
        running.artifact(_NAME, "v1", {_FILE: content, "inference.json": b"{}"})
        blob = f"http://{running.host}/v2/{_NAME}/blobs/sha256:{digest}"

        def others(goal: Path) -> float:
            began = time.perf_counter()
            piped = f"set -o pipefail; curl -sSf --noproxy '*' {blob} | tee {goal / _FILE} | sha256sum"
            done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, check=True)
            assert done.stdout.startswith(digest)
            return time.perf_counter() - began

        yield others, _brought(f"oci://{running.host}/{_NAME}:v1", None)


def _brought(uri: str, endpoint: str | None) -> Side:
    """Our own way: list, and bring every file, checked."""

    def ours(folder: Path) -> float:
        began = time.perf_counter()
        courier = Courier(source=sources.of(uri), request=Request(uri=uri, endpoint=endpoint))
        for file in courier.listing().files:
            courier.bring(file, folder / file.path, 1 << 40)
        return time.perf_counter() - began

    return ours


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fetch.hubs", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    for name, place in (("hub", _hub), ("registry", _registry)):
        ratios = []
        with place(args.megabytes << 20) as (others, ours), tempfile.TemporaryDirectory() as folder:
            for number in range(args.rounds + 1):
                theirs, mine = others(Path(folder)), ours(Path(folder))
                if number:  # the first round warms up
                    ratios.append(theirs / mine)
        what = f"{statistics.median(ratios):.2f} times the others' throughput (median of {args.rounds})"
        sys.stdout.write(f"{name}, {args.megabytes} MiB: {what}\n")


if __name__ == "__main__":
    main()
