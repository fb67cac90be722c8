"""The images as they were really built: who they run as, what is not in them, how large they are."""

import json
import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devcluster import images

MEGABYTE = 1_000_000
# Packed, on a whole Debian minbase; docs/images.md has what was measured.
LARGEST = {"operator": 120 * MEGABYTE, "server": 420 * MEGABYTE}

pytestmark = pytest.mark.node


@dataclass(frozen=True)
class Built:
    """One OCI archive: its configuration, and the files of all its layers."""

    name: str
    size: int
    config: dict[str, Any]
    files: tuple[tarfile.TarInfo, ...]


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest) -> dict[str, Built]:
    if request.config.getoption("--kubeconfig"):
        pytest.skip("with a cluster of your own the images are yours, too")
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("building images needs root")
    archives = images.build_all()
    return {
        name: opened(name, archive) for name, archive in zip(("operator", "server"), archives, strict=True)
    }


def opened(name: str, archive: Path) -> Built:
    with tarfile.open(archive) as tar:
        index = read(tar, "index.json")
        manifest = read(tar, blob(index["manifests"][0]))
        config = read(tar, blob(manifest["config"]))["config"]
        found = tuple(member for layer in manifest["layers"] for member in members(tar, blob(layer)))
    return Built(name, archive.stat().st_size, config, found)


def blob(reference: dict[str, str]) -> str:
    return "blobs/" + reference["digest"].replace(":", "/")


def read(tar: tarfile.TarFile, name: str) -> Any:
    content = tar.extractfile(name)
    assert content is not None
    return json.load(content)


def members(tar: tarfile.TarFile, layer: str) -> Iterator[tarfile.TarInfo]:
    content = tar.extractfile(layer)
    assert content is not None
    with tarfile.open(fileobj=content, mode="r:*") as inner:
        yield from inner


ENTRYPOINTS = {
    "operator": ["python", "-m", "paddlemodel_operator"],
    "server": ["paddlemodel-server"],
}


@pytest.mark.parametrize("name", ENTRYPOINTS)
def test_it_runs_as_nobody_and_writes_nowhere(built: dict[str, Built], name: str) -> None:
    config = built[name].config
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ENTRYPOINTS[name]
    environment = dict(entry.split("=", 1) for entry in config["Env"])
    # kopf asks getpass for a user name, and 65532 has none in /etc/passwd.
    assert (environment["HOME"], environment["USER"]) == ("/tmp", "paddlemodel")
    # A module that was left in a writable folder is never imported.
    assert environment["PYTHONSAFEPATH"] == "1"


@pytest.mark.parametrize("name", ENTRYPOINTS)
def test_no_tool_to_install_or_compile_is_left(built: dict[str, Built], name: str) -> None:
    tools = re.compile(
        r"(?:^|/)(?:pip|pip3|gcc|cc|g\+\+|ld|make|curl|wget|git)$|/site-packages/pip/|^opt/venv/.*\.[ah]$"
    )
    assert [member.name for member in built[name].files if tools.search(member.name)] == []


@pytest.mark.parametrize("name", ENTRYPOINTS)
def test_byte_code_is_there_for_every_module(built: dict[str, Built], name: str) -> None:
    """A read-only root could never keep it."""
    there = {member.name for member in built[name].files}
    modules = {
        path for path in there if re.search(r"/(?:asyncio|paddlemodel_\w+|kopf|uvicorn)/\w+\.py$", path)
    }
    assert modules
    compiled = {re.sub(r"/(\w+)\.py$", r"/__pycache__/\1.cpython-311.pyc", path) for path in modules}
    assert compiled - there == set()


@pytest.mark.parametrize("name", ENTRYPOINTS)
def test_it_stays_small(built: dict[str, Built], name: str) -> None:
    assert built[name].size < LARGEST[name]
