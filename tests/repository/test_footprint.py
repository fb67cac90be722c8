"""The memory that tests of leaks compare is a server's own, whatever else runs on this machine."""

import mmap
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.serving_image.support.load import mapped, own_bytes

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
def library() -> Iterator[Path]:
    """On the disk of the repository: /tmp may lie in memory, and then a mapped page is no file's."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".footprint-") as folder:
        file = Path(folder, "library.so")
        file.write_bytes(bytes(SIZE))
        yield file


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


def test_a_file_that_stays_mapped_is_seen_though_its_bytes_are_nobody_s_own(library: Path) -> None:
    this = psutil.Process()
    before, held = mapped(this), own_bytes(this)
    with library.open("rb") as file:
        kept = [mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) for _ in range(80)]
    assert mapped(this) - before >= 80
    assert own_bytes(this) - held < SIZE
    for one in kept:
        one.close()
    assert mapped(this) - before < 80
