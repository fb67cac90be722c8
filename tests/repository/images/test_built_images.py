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

from devcluster.builders import images

MEGABYTE = 1_000_000
# Packed, on a whole Debian minbase; docs/images.md has what was measured.
LARGEST = {"operator": 120 * MEGABYTE, "server": 420 * MEGABYTE}

pytestmark = pytest.mark.node


@dataclass(frozen=True)
class Built:
    """One image: its configuration, its packed size, and the path of every file in it."""

    size: int
    config: dict[str, Any]
    files: frozenset[str]


@pytest.fixture(scope="module")
def built(archives: dict[str, Path]) -> dict[str, Built]:
    return {name: opened(archive) for name, archive in archives.items()}


def opened(archive: Path) -> Built:
    return Built(archive.stat().st_size, configuration(archive), frozenset(unpacked(archive)))


def configuration(archive: Path) -> dict[str, Any]:
    """As a container engine reads it: index, manifest, configuration."""
    with tarfile.open(archive) as tar:

        def read(name: str) -> Any:
            content = tar.extractfile(name)
            assert content is not None
            return json.load(content)

        def blob(reference: dict[str, str]) -> Any:
            return read("blobs/" + reference["digest"].replace(":", "/"))

        config: dict[str, Any] = blob(blob(read("index.json")["manifests"][0])["config"])["config"]
        return config


def unpacked(archive: Path) -> Iterator[str]:
    with images.mounted(archive) as root:
        for folder, _, names in os.walk(root):
            yield from (str(Path(folder, name).relative_to(root)) for name in names)


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
    assert [path for path in built[name].files if tools.search(path)] == []


@pytest.mark.parametrize("name", ENTRYPOINTS)
def test_byte_code_is_there_for_every_module(built: dict[str, Built], name: str) -> None:
    """A read-only root could never keep it."""
    there = built[name].files
    modules = {
        path for path in there if re.search(r"/(?:asyncio|paddlemodel_\w+|kopf|uvicorn)/\w+\.py$", path)
    }
    assert modules
    compiled = {re.sub(r"/(\w+)\.py$", r"/__pycache__/\1.cpython-311.pyc", path) for path in modules}
    assert compiled - there == set()


@pytest.mark.parametrize("name", ENTRYPOINTS)
def test_it_stays_small(built: dict[str, Built], name: str) -> None:
    assert built[name].size < LARGEST[name]
