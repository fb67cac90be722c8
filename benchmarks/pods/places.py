"""Where the model lies that is started: each place filled on the node, and its `spec.model`."""

import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.manifests import NAMESPACE
from tests.cluster.sources import claims
from tests.cluster.sources.places import filled_bucket, locked_registry, web_server
from tests.serving_image.support.hubs import registry


@dataclass(frozen=True, kw_only=True)
class Place:
    """One place with the model in it.

    Attributes:
        title: for the table.
        model: spec.model.
        secret: what credentials name, if anything.
        cached: whether it can be cached.
    """

    title: str
    model: dict[str, Any]
    secret: dict[str, Any] | None = None
    cached: bool = True


Filled = Callable[[Target, State, Path, Path], AbstractContextManager[Place]]


def _secret(name: str, values: dict[str, str]) -> dict[str, Any]:
    """Of a name of its own: an apply leaves keys in it that another place has written."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": values,
    }


@contextmanager
def web(_: Target, state: State, folder: Path, model: Path) -> Iterator[Place]:
    """An archive behind Python's web server."""
    (folder / "served").mkdir()
    with tarfile.open(folder / "served" / "net.tar", "w") as tar:
        tar.add(model, arcname="net")
    with web_server(state, folder, folder / "served") as address:
        yield Place(title="http, an archive", model={"uri": f"{address}/net.tar"})


@contextmanager
def bucket(_: Target, state: State, folder: Path, model: Path) -> Iterator[Place]:
    """A folder in moto."""
    with filled_bucket(state, folder, "models/net", model) as found:
        yield Place(
            title="s3, a folder",
            model={
                "uri": f"s3://{found.place}",
                "credentials": {"secretName": "bucket"},
                "store": {"endpoint": found.endpoint},
            },
            secret=_secret("bucket", found.keys),
        )


@contextmanager
def image(_: Target, state: State, folder: Path, model: Path) -> Iterator[Place]:
    """An artifact in Debian's registry."""
    with registry.running(folder) as filled:
        filled.artifact("models/net", "v1", {file.name: file.read_bytes() for file in model.iterdir()})
    with locked_registry(state, folder) as host:
        keys = {"username": registry.USER, "password": registry.PASSWORD}
        yield Place(
            title="oci, an artifact",
            model={
                "uri": f"oci://{host}/models/net:v1",
                "credentials": {"secretName": "registry"},
                "store": {"endpoint": f"http://{host}"},
            },
            secret=_secret("registry", keys),
        )


@contextmanager
def claim(target: Target, _: State, folder: Path, model: Path) -> Iterator[Place]:
    """A folder on a claim, which is a folder of the node."""
    held = folder / "claim"
    shutil.copytree(model, held / "net")
    with claims.shared(target, "place", held, NAMESPACE):
        yield Place(title="pvc, a folder", model={"uri": "pvc://place/net"}, cached=False)


PLACES: dict[str, Filled] = {"http": web, "s3": bucket, "oci": image, "pvc": claim}
