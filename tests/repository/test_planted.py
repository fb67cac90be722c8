"""A secret that a test lets out fails the test, wherever it was said."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import planted

ROOT = Path(__file__).parents[2]
TESTS = """
import logging, subprocess
SECRET = "S3CR" + "ET"

def test_printed(): print(SECRET)
def test_by_a_child(): subprocess.run(["sh", "-c", "echo 5ec'ret' >&2"])
def test_logged(): logging.getLogger("paddlemodel_server.fetch").warning("read %s", SECRET)
def test_in_a_field(): logging.getLogger("paddlemodel_server.fetch").error("read", extra={"uri": SECRET})
def test_in_a_traceback():
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("paddlemodel_operator").exception("failed")
def test_silent(): assert SECRET
"""


def test_what_lets_a_secret_out_fails(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.planted", "-p", "no:cacheprovider", "-q", "-rA"]
    command += ["--rootdir", str(tmp_path), "-c", "/dev/null", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "5 failed, 1 passed" in done.stdout, done.stdout
    failures = done.stdout.partition("short test summary info")[0]  # which repeats them in a CI
    assert failures.count("A planted secret was let out") == 5
    assert "PASSED" in next(line for line in done.stdout.splitlines() if line.endswith("::test_silent"))


@pytest.mark.parametrize("text", ["a S3CRET b", "sig=5ecret", "Bearer planted-token"])
def test_marks_are_found(text: str) -> None:
    assert planted.leaked("x" * 100 + text)
    assert not planted.leaked("x" * 100)
