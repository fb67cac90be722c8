"""`make test` runs in two processes: a folder with a cluster must not be spread over them."""

import os
import re
import subprocess
import sys

from tests.repository.sources import ROOT

FILES = (
    "tests/operator/cluster/test_cache.py",
    "tests/operator/cluster/test_queue.py",
    "tests/repository/layout/test_hygiene.py",
)


def test_a_folder_stays_in_one_process_and_folders_are_shared_out() -> None:
    """With make's own words: xdist's marks for groups were once read by nobody, and stories torn apart."""
    (flags,) = re.findall(r"pytest (-n 2 --dist \w+) ", (ROOT / "Makefile").read_text())
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
