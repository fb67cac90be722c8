"""The lists of parts of both images, as they were really built, against other readers of the same records."""

import json
import os
import subprocess
from collections import Counter
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest

from devcluster.builders import images
from release.__main__ import main
from tests.repository.sources import ROOT

pytestmark = pytest.mark.node

LOCKS = {"operator": "operator.txt", "server": "serving-cpu.txt"}


def written(archive: Path, folder: Path) -> bytes:
    assert main(["sbom", str(archive), "--into", str(folder)]) == 0
    (file,) = folder.iterdir()
    return file.read_bytes()


def debian(root: Path) -> Counter[str]:
    """What Debian's own program reads of it."""
    words = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W"]
    form = "-f=${db:Status-Status} ${Package} ${Version} ${Architecture}\n"
    lines = subprocess.run([*words, form], capture_output=True, text=True, check=True).stdout.splitlines()
    return Counter(line.removeprefix("installed ") for line in lines if line.startswith("installed "))


def python(root: Path) -> Counter[str]:
    """What Python itself reads of every folder that could be a distribution's."""
    found: Counter[str] = Counter()
    for folder, names, _ in os.walk(root):
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                one = PathDistribution(Path(folder, name))
                found[
                    f"{one.metadata['Name'].lower().replace('_', '-').replace('.', '-')} {one.version}"
                ] += 1
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_in_it_and_nothing_else(
    archives: dict[str, Path], name: str, tmp_path: Path
) -> None:
    parts: list[dict[str, Any]] = json.loads(written(archives[name], tmp_path))["components"]
    of_debian = [one for one in parts if one.get("purl", "").startswith("pkg:deb/")]
    of_python = [one for one in parts if one.get("purl", "").startswith("pkg:pypi/")]
    with images.mounted(archives[name]) as root:
        told = Counter(
            f"{one['name']} {one['version']} {one['purl'].partition('arch=')[2].partition('&')[0]}"
            for one in of_debian
        )
        assert told == debian(root)
        assert Counter(f"{one['name']} {one['version']}" for one in of_python) == python(root)
    (system,) = [one for one in parts if one not in of_debian and one not in of_python]
    assert (system["type"], system["name"]) == ("operating-system", "debian")


@pytest.mark.parametrize("name", LOCKS)
def test_python_s_packages_have_the_hashes_of_the_lock(
    archives: dict[str, Path], name: str, tmp_path: Path
) -> None:
    lock = (ROOT / "requirements" / LOCKS[name]).read_text()
    without = set()
    for one in json.loads(written(archives[name], tmp_path))["components"]:
        if one.get("purl", "").startswith("pkg:pypi/"):
            hashes = [
                each["value"] for each in one["properties"] if each["name"] == "paddlemodel:locked-hash"
            ]
            assert all(f"--hash={value}" in lock for value in hashes)
            if not hashes and "/_vendor/" not in one["bom-ref"]:
                without.add(one["name"])
    assert without == {"paddlemodel-api", f"paddlemodel-{name}"}, "ours alone are in no lock"


def test_the_same_image_has_the_same_list(archives: dict[str, Path], tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    assert written(archives["operator"], first) == written(archives["operator"], second)
