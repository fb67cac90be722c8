"""A real Prometheus for tests: Debian's package, unpacked into the cache; no service starts."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from devcluster import ports
from devcluster.builders import debian
from devcluster.errors import DevclusterError

_PACKAGE = "prometheus"


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`; the first call downloads 20 MB.

    Raises:
        DevclusterError: It is neither installed nor to be had from Debian.
    """
    return debian.program(name, _PACKAGE)


def command(config: Path, data: Path, address: str) -> list[str]:
    """The command line of a Prometheus.

    Args:
        config: its configuration file.
        data: the folder of its database; made if it does not exist.
        address: host and port where it listens.
    """
    return [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address={address}",
        "--web.enable-lifecycle",
        "--log.level=warn",
    ]


class Prometheus:
    """One that runs; `url` is where."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query that gives a vector, each with `metric` and `value`.

        Raises:
            DevclusterError: It was refused, with Prometheus' own words.
        """
        series: list[dict[str, Any]] = self.get("/api/v1/query", query=expression)["result"]
        return series

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """The `data` of an answer of its HTTP API."""
        url = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - ours, on loopback
                found: dict[str, Any] = json.load(answer)["data"]
                return found
        except urllib.error.HTTPError as error:
            message = json.load(error)["error"]
            raise DevclusterError(f"Prometheus refuses {parameters}: {message}") from error

    def is_ready(self) -> bool:
        """Whether it answers queries."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def running(folder: Path, config: Mapping[str, Any]) -> Iterator[Prometheus]:
    """One on a free port of 127.0.0.1, ended afterwards.

    Args:
        folder: empty; gets its configuration, database and log.
        config: as in prometheus.yml; paths in it may be relative to the folder.

    Raises:
        DevclusterError: It did not become ready; with its log.
    """
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(dict(config)))
    (port,) = ports.free(1)
    with (folder / "prometheus.log").open("wb") as log:
        argv = command(file, folder / "data", f"127.0.0.1:{port}")
        process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
    found = Prometheus(f"http://127.0.0.1:{port}")
    try:
        _until_ready(found, process, folder / "prometheus.log")
        yield found
    finally:
        process.terminate()
        process.wait(60)


def _until_ready(found: Prometheus, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while not found.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise DevclusterError(f"Prometheus did not become ready:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
