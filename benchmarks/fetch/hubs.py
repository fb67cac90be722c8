"""`python -m benchmarks.fetch.hubs`: a large file of hubs, a registry and a web server, by us and by others.

Each side downloads the same file in turns; what counts is the ratio of the wall times. Of the hubs the others
are their own clients, of the registry (Debian's, a real one) and the web server curl, with sha256sum behind:
every client of a registry compares the digest, and none is leaner. Interpreters that have to start first are
not counted.
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
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from paddlemodel_server.fetch import sources
from paddlemodel_server.fetch.sources.source import Request
from paddlemodel_server.fetch.transfer import Courier

from devcluster import ports
from tests.environment import Environment
from tests.serving_image.support.hubs import modelscope, registry
from tests.serving_image.support.stores import azurite

_COMMIT = "a" * 40
_NAME = "bench/net"
_FILE = "inference.pdiparams"
_TIMED = """
import os, sys, time
from pathlib import Path
os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
os.environ |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "MODELSCOPE_DOWNLOAD_INTRA_CLOUD": "false"}
endpoint, name, file, folder = sys.argv[1:]
"""
_HF_PEER = f"""{_TIMED}
import huggingface_hub
began = time.perf_counter()
huggingface_hub.hf_hub_download(
    name, file, local_dir=folder, endpoint=endpoint, token=False, force_download=True
)
print(time.perf_counter() - began)
"""
_MODELSCOPE_PEER = f"""{_TIMED}
import modelscope_hub
api = modelscope_hub.HubApi(token=None, endpoint=endpoint)
began = time.perf_counter()
api.download_repo(name, "model", revision="master", local_dir=Path(folder))
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
    endpoint = f"http://127.0.0.1:{ours.recv()}"
    try:
        yield _peer(_HF_PEER, endpoint), _brought(f"hf://{_NAME}", endpoint)
    finally:
        process.terminate()
        process.join()


def _peer(program: str, endpoint: str) -> Side:
    """A hub's own client, in the peers' environment."""
    python = str(Environment("peers", 100).python())

    def others(folder: Path) -> float:
        command = [python, "-c", program, endpoint, _NAME, _FILE, str(folder / "theirs")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1])

    return others


def _serve_modelscope(size: int, told: Connection) -> None:
    content = {_FILE: os.urandom(1 << 20) * (size >> 20), "inference.json": b"{}"}
    made = modelscope.Repository(trees={_COMMIT: content}, revisions={"master": _COMMIT})
    with modelscope.serving(modelscope.Hub(repositories={_NAME: made})) as hub:
        told.send(hub.url)
        threading.Event().wait()


@contextmanager
def _modelscope(size: int) -> Iterator[tuple[Side, Side]]:
    """The imitation that the tests have, in a process of its own; ModelScope's client and we."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve_modelscope, args=(size, theirs), daemon=True)
    process.start()
    endpoint = ours.recv()
    try:
        yield _peer(_MODELSCOPE_PEER, endpoint), _brought(f"modelscope://{_NAME}", endpoint)
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
        yield _curl(blob, digest), _brought(f"oci://{running.host}/{_NAME}:v1", None)


@contextmanager
def _web(size: int) -> Iterator[tuple[Side, Side]]:
    """A web server in a process of its own; curl with sha256sum, and we."""
    content = os.urandom(1 << 20) * (size >> 20)
    (port,) = ports.free(1)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "net.tar").write_bytes(content)
        command = [
            sys.executable,
            "-m",
            "http.server",
            str(port),
            "--bind",
            "127.0.0.1",
            "--directory",
            folder,
        ]
        address = f"http://127.0.0.1:{port}/net.tar"
        with azurite.running(command, address):
            yield _curl(address, hashlib.sha256(content).hexdigest()), _brought(address, None)


def _curl(address: str, digest: str) -> Side:
    """curl, tee and sha256sum."""

    def others(goal: Path) -> float:
        began = time.perf_counter()
        piped = f"set -o pipefail; curl -sSf --noproxy '*' {address} | tee {goal / 'theirs'} | sha256sum"
        done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(digest)
        return time.perf_counter() - began

    return others


def _brought(uri: str, endpoint: str | None) -> Side:
    """Our own way: list, and bring every file, checked."""

    def ours(folder: Path) -> float:
        (folder / "ours").mkdir()
        began = time.perf_counter()
        courier = Courier(source=sources.of(uri), request=Request(uri=uri, endpoint=endpoint))
        for file in courier.listing().files:
            courier.bring(file, folder / "ours" / (file.path or "file"), 1 << 40)
        return time.perf_counter() - began

    return ours


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fetch.hubs", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    places = {"hf": _hub, "modelscope": _modelscope, "oci": _registry, "web": _web}
    for name, place in places.items():
        ratios = []
        with place(args.megabytes << 20) as sides:
            for number in range(args.rounds + 1):
                theirs, mine = (_seconds(side) for side in sides)
                if number:  # the first round warms up
                    ratios.append(theirs / mine)
        what = f"{statistics.median(ratios):.2f} times the others' throughput (median of {args.rounds}, "
        what += f"from {min(ratios):.2f} to {max(ratios):.2f})"
        sys.stdout.write(f"{name}, {args.megabytes} MiB: {what}\n")


def _seconds(side: Side) -> float:
    """Of a download into an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        return side(Path(folder))


if __name__ == "__main__":
    main()
