"""A memory cgroup around a server, so that a limit and the kernel's killer are real."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paddlemodel_server.host import cgroup

from tests.serving_image.support.servers import cannot, eventually


class Group:
    """A cgroup of version 1 or 2."""

    def __init__(self, folder: Path, version: int) -> None:
        self.folder = folder
        self._sums = "total_" if version == 1 else ""
        self._limit = "memory.limit_in_bytes" if version == 1 else "memory.max"
        self._usage = "memory.usage_in_bytes" if version == 1 else "memory.current"

    def limit(self, size: int) -> None:
        (self.folder / self._limit).write_text(str(size))

    def usage(self) -> int:
        return int((self.folder / self._usage).read_text())

    def held(self) -> int:
        """What a lower limit would not make the kernel drop: all but the pages of files."""
        lines = (self.folder / "memory.stat").read_text().splitlines()
        found = {name: int(size) for name, size in map(str.split, lines)}
        return self.usage() - sum(found[f"{self._sums}{kind}_file"] for kind in ("active", "inactive"))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """What this process starts meanwhile belongs to the group."""
        home = self.folder.parent / "cgroup.procs"
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield
        finally:
            home.write_text(str(os.getpid()))


@contextmanager
def memory_group() -> Iterator[Group]:
    """A group of our own below the current one; the test is skipped where none can be made."""
    version, home = _home()
    folder = home / f"paddlemodel-test-{os.getpid()}"
    try:
        folder.mkdir()
        group = Group(folder, version)
        group.limit(1 << 40)
    except OSError as error:
        if folder.exists():
            folder.rmdir()
        raise cannot(f"a memory cgroup cannot be made here: {error}") from error
    try:
        yield group
    finally:
        eventually(lambda: not (folder / "cgroup.procs").read_text(), "everything in the group has ended")
        folder.rmdir()


def _home() -> tuple[int, Path]:
    for line in cgroup.membership().splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return 1, cgroup.ROOT / "memory" / path.lstrip("/")
        if hierarchy == "0" and (cgroup.ROOT / path.lstrip("/") / "memory.max").exists():
            return 2, cgroup.ROOT / path.lstrip("/")
    raise cannot("no memory cgroup is mounted here")
