"""A process that outlives the command that started it: found again by pid and start time."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from devcluster.errors import DevclusterError


@dataclass(frozen=True)
class Process:
    """A pid alone may be somebody else's by now; with its start time it is not."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Describe a process that runs."""
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def read(cls, path: Path) -> "Process | None":
        """What `write` saved, or None."""
        try:
            pid, started = path.read_text().split()
        except FileNotFoundError:
            return None
        return cls(int(pid), float(started))

    def write(self, path: Path) -> None:
        """Save pid and start time as JSON, for `read` in another process."""
        path.write_text(f"{self.pid} {self.started}")

    def alive(self) -> bool:
        """Whether it still runs."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def namespace_pid(self) -> int:
        """The host's pid of the init inside: the child of `unshare`."""
        children = psutil.Process(self.pid).children()
        if not children:
            raise DevclusterError("the cluster's init process is gone: `devcluster down` cleans up")
        return int(children[0].pid)

    def kill(self, seconds: float = 30) -> None:
        """SIGKILL it and all below it, and wait until they are gone."""
        if not self.alive():
            return
        family = psutil.Process(self.pid).children(recursive=True)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        _, left = psutil.wait_procs(family, timeout=seconds)
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        if left or self.alive():
            raise DevclusterError(
                f"processes {[item.pid for item in left]} of the cluster survived SIGKILL for {seconds} s"
            )


def spawn(
    argv: list[str],
    log: Path,
    *,
    environment: dict[str, str] | None = None,
    session: bool = False,
    close: tuple[int, ...] = (),
) -> int:
    """Start a program that writes into `log`, and return its pid.

    Unlike subprocess.Popen it leaves waiting to the caller: Popen's own book-keeping would collect children
    behind the back of an init process.

    Args:
        argv: Program and arguments.
        log: Where standard output and error are appended.
        environment: Added to this process's own.
        session: Whether it outlives this process's terminal.
        close: Inheritable descriptors it must not get.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in close),
    ]
    merged = os.environ | (environment or {})
    return os.posix_spawnp(argv[0], argv, merged, file_actions=actions, setsid=session)
