"""What `make test` does not run is found by pytest all the same, as its arguments may be renamed."""

import subprocess
import sys


def test_the_tests_beside_neighbours_can_be_collected() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "--quiet",
            "-p",
            "no:cacheprovider",
            "tests/neighbours",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "tests/neighbours/on_node/test_mesh.py" in done.stdout
