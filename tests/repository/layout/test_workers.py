"""`make test` runs in several processes: a folder with a cluster must not be spread over them."""

import os
import re
import subprocess
import sys

from tests import scheduling
from tests.repository.sources import ROOT

FILES = (
    "tests/operator/cluster/test_cache.py",
    "tests/operator/cluster/test_queue.py",
    "tests/repository/layout/test_hygiene.py",
)


def test_a_folder_stays_in_one_process_and_folders_are_shared_out() -> None:
    """With make's own words: xdist's marks for groups were once read by nobody, and stories torn apart."""
    commands = subprocess.run(
        ["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    (flags,) = re.findall(r"pytest +(-n \d --dist \w+)", commands)
    flags = re.sub(r"-n \d", "-n 2", flags)  # two tell as much, and each costs seconds to start
    command = [sys.executable, "-m", "pytest", *flags.split(), "-v", "-p", "no:cacheprovider", *FILES]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    where: dict[str, set[str]] = {}
    for worker, folder in re.findall(r"^\[(gw\d)\].* PASSED tests/(\w+)/", done.stdout, re.MULTILINE):
        where.setdefault(folder, set()).add(worker)
    assert {folder: len(workers) for folder, workers in where.items()} == {"operator": 1, "repository": 1}
    assert where["operator"] != where["repository"]


def test_what_listens_on_port_443_is_one_group() -> None:
    """Two at once would take each other's port; by luck of their order they never met."""
    listening = {
        str(path.parent.relative_to(ROOT)).removesuffix("/support")  # used by the tests of the folder above
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"(?:\bbind|create_server|__init__)\b.*[:, ]443\b", path.read_text())
    }
    assert listening == set(scheduling.TOGETHER["port 443"])
    assert {scheduling.group_of(f"{folder}/test_x.py::test_y") for folder in listening} == {"port 443"}


def test_the_long_groups_are_there_and_begin_first() -> None:
    nodes = [f"{path.relative_to(ROOT)}::test" for path in (ROOT / "tests").rglob("test_*.py")]
    assert set(scheduling.LONG) <= {scheduling.group_of(node) for node in nodes}
    folders = {folder for group in scheduling.TOGETHER.values() for folder in group}
    assert all((ROOT / folder).is_dir() for folder in folders)
    first = sorted(nodes, key=scheduling.begins)
    assert scheduling.group_of(first[0]) == scheduling.LONG[0]
    assert scheduling.begins("tests/crds/test_crd.py::test") > scheduling.begins(first[0])
