"""fake-gcs-server (Go) on loopback: what Google's object store answers.

It is compiled once, as the programs of the cluster are: minutes, so the tests that need it are slow ones.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from devcluster import ports
from devcluster.builders import programs
from tests.serving_image.support.stores import azurite

MODULE = "fake-gcs-server"


@contextmanager
def server() -> Iterator[str]:
    """Google's object store, empty; yields its endpoint."""
    programs.build((MODULE,))
    (port,) = ports.free(1)
    endpoint = f"http://127.0.0.1:{port}"
    command = [programs.program(MODULE, MODULE), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    command += ["-backend", "memory", "-public-host", f"127.0.0.1:{port}"]
    with azurite.running(command, endpoint):
        yield endpoint


def fill(endpoint: str, bucket: str, content: Mapping[str, bytes]) -> None:
    """A new bucket with these objects, by Google's JSON interface."""
    httpx.post(f"{endpoint}/storage/v1/b", json={"name": bucket}).raise_for_status()
    for key, body in content.items():
        put(endpoint, bucket, key, body)


def put(endpoint: str, bucket: str, key: str, body: bytes) -> None:
    """Write an object anew."""
    address = f"{endpoint}/upload/storage/v1/b/{bucket}/o"
    httpx.post(address, params={"uploadType": "media", "name": key}, content=body).raise_for_status()
