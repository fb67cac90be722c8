"""The memory that tests of leaks compare is a server's own, whatever else runs on this machine."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.serving_image.support.load import own_bytes

SIZE = 32 << 20
READS = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    shared = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    sum(shared[at] for at in range(0, len(shared), 4096))
print("read", flush=True)
own = []
for line in sys.stdin:
    own.append(b"x" * int(line))
    print("held", flush=True)
"""


def reader(library: Path) -> subprocess.Popen[str]:
    """A program that has all pages of a file in memory."""
    command = [sys.executable, "-c", READS, str(library)]
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdout
    assert program.stdout.readline() == "read\n"
    return program


@pytest.fixture
def library(tmp_path: Path) -> Path:
    file = tmp_path / "library.so"
    file.write_bytes(bytes(SIZE))
    return file


def test_a_neighbour_that_ends_makes_nobody_larger(library: Path) -> None:
    with reader(library) as one:
        with reader(library) as neighbour:
            before = own_bytes(psutil.Process(one.pid))
            neighbour.kill()
        assert own_bytes(psutil.Process(one.pid)) - before < SIZE // 8
        one.kill()


def test_what_a_program_takes_is_its_own(library: Path) -> None:
    with reader(library) as one:
        assert one.stdin
        assert one.stdout
        before = own_bytes(psutil.Process(one.pid))
        one.stdin.write(f"{SIZE}\n")
        one.stdin.flush()
        assert one.stdout.readline() == "held\n"
        assert own_bytes(psutil.Process(one.pid)) - before > SIZE // 2
        one.kill()
