"""containerd takes what `pack` writes, under the same digest, and shows its files as image volumes do."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_server.commands import pack

from devcluster.builders import programs
from tests.serving_image.support.models.model_builders import PIR_MODEL, folder_of, tree

pytestmark = pytest.mark.node
NAME = "registry.example.com/models/net:1"
CONFIG = """version = 3
root = "{0}/root"
state = "{0}/state"
disabled_plugins = [
  "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri",
]
[grpc]
address = "{0}/socket"
"""


class Containerd:
    """One that runs in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ctr(self, *words: str) -> str:
        command = [programs.program("containerd", "ctr"), "--address", str(self.folder / "socket"), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def containerd() -> Iterator[Containerd]:
    programs.build(("containerd",))
    with tempfile.TemporaryDirectory() as name, (Path(name) / "log").open("wb") as log:
        folder = Path(name)  # short: a socket's path may have 107 letters
        (folder / "config.toml").write_text(CONFIG.format(folder))
        command = [programs.program("containerd", "containerd"), "--config", str(folder / "config.toml")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 120
            while not (folder / "socket").exists():
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield Containerd(folder)
        finally:
            process.terminate()
            process.wait()
            mounts = Path("/proc/mounts").read_text().splitlines()
            left = [mount.split()[1] for mount in mounts if name in mount]
            for place in reversed(left):
                subprocess.run(["umount", place], check=True)


def test_containerd_imports_and_shows_what_was_packed(containerd: Containerd, tmp_path: Path) -> None:
    held = PIR_MODEL | {"sub/标签.txt": b"cat\n", "big.bin": bytes(17 << 20)}
    written = pack.pack(folder_of(tmp_path / "model", held), tmp_path / "model.tar", NAME)
    containerd.ctr("images", "import", "--no-unpack", str(tmp_path / "model.tar"))
    assert written.manifest.digest in containerd.ctr("images", "list")
    place = containerd.folder / "shown"
    place.mkdir()
    containerd.ctr("images", "mount", "--snapshotter", "native", NAME, str(place))
    try:
        assert tree(place) == held
        assert {oct(path.stat().st_mode & 0o777) for path in place.rglob("*.*")} == {"0o644"}
    finally:
        containerd.ctr("images", "unmount", "--rm", "--snapshotter", "native", str(place))
