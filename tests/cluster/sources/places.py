"""Places where models lie, as processes on the first node: pods reach them at its address, tests do not."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from devcluster import cluster, ports
from devcluster.builders import debian
from devcluster.neighbours.host import Host
from devcluster.nodes.node import ADDRESS
from devcluster.paths import REPOSITORY, State
from tests.environment import Environment
from tests.serving_image.support.hubs import registry

KEYS = {"accessKeyId": "planted-access-key-id", "secretAccessKey": "planted-secret-access-key"}
BUCKET = REPOSITORY / "tests/cluster/sources/bucket.py"


@dataclass(frozen=True)
class Bucket:
    """One place in a store.

    Attributes:
        state: The cluster's.
        endpoint: Of the store.
        place: BUCKET/PREFIX.
        keys: As a Secret has them.
    """

    state: State
    endpoint: str
    place: str
    keys: dict[str, str]

    def put(self, folder: Path) -> None:
        """Write the files of a folder over those that are there."""
        command = [self.endpoint, self.place, str(folder), *self.keys.values()]
        python = str(Environment("stores", 30).python())
        words = cluster.inside(self.state, python, str(BUCKET), *command)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]


@contextmanager
def filled_bucket(state: State, folder: Path, place: str, content: Path) -> Iterator[Bucket]:
    """A moto server on the node, with the files of a folder.

    It takes any keys: that wrong ones are refused is tested where the fetcher is.
    """
    (port,) = ports.free(1)
    endpoint, python = f"http://{ADDRESS}:{port}", str(Environment("stores", 30).python())
    with Host(state, folder).process("moto", [python, "-m", "moto.server", "-H", ADDRESS, "-p", str(port)]):
        _until_open(state, port)
        found = Bucket(state, endpoint, place, KEYS)
        found.put(content)
        yield found


@contextmanager
def locked_registry(state: State, folder: Path) -> Iterator[str]:
    """Debian's registry on the node, over the content of `folder`, for one user; gives HOST:PORT."""
    (port,) = ports.free(1)
    passwords = folder / "htpasswd"
    passwords.write_text(registry.HTPASSWD)
    config = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "content")}},
        "http": {"addr": f"{ADDRESS}:{port}", "secret": "shared by those that serve one folder"},
        "auth": {"htpasswd": {"realm": "models", "path": str(passwords)}},
    }
    file = folder / "registry.yml"
    file.write_text(yaml.safe_dump(config))
    program = debian.program("docker-registry", "docker-registry")
    with Host(state, folder).process("registry", [str(program), "serve", str(file)]):
        _until_open(state, port)
        yield f"{ADDRESS}:{port}"


@contextmanager
def web_server(state: State, folder: Path, content: Path) -> Iterator[str]:
    """Python's own web server on the node; gives its address."""
    (port,) = ports.free(1)
    words = ["python3", "-m", "http.server", str(port), "--bind", ADDRESS, "--directory", str(content)]
    with Host(state, folder).process("web", words):
        _until_open(state, port)
        yield f"http://{ADDRESS}:{port}"


def _until_open(state: State, port: int) -> None:
    """Until somebody listens there."""
    script = f"import socket; socket.create_connection(('{ADDRESS}', {port}), 5)"
    deadline = time.monotonic() + 120
    while True:
        done = subprocess.run(
            cluster.inside(state, "python3", "-c", script), capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.2)
