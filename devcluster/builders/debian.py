"""What a node needs from the machine: root, Linux namespaces, and a few Debian packages."""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from devcluster import paths
from devcluster.errors import DevclusterError
from devcluster.locks import alone
from devcluster.progress import step

#: Program -> the Debian package that brings it.
PACKAGES = {
    "runc": "runc",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "unshare": "util-linux",
    "sysctl": "procps",
}
_WAY_OUT = "or run against a cluster of your own, such as kind: make demo KUBECONFIG=/path/to/kubeconfig"


def require_root() -> None:
    """Refuse early, with the way out.

    Raises:
        DevclusterError: Not Linux, or not root.
    """
    if platform.system() != "Linux":
        raise DevclusterError(
            f"a node needs Linux, this is {platform.system()}: use a Linux machine, {_WAY_OUT}"
        )
    if os.geteuid() != 0:
        raise DevclusterError(f"a node needs root (namespaces, mounts, cgroups): run with sudo, {_WAY_OUT}")


def missing(wanted: Mapping[str, str] = PACKAGES) -> list[str]:
    """The Debian packages whose programs are not here.

    Args:
        wanted: Program -> package.
    """
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return sorted({package for program, package in wanted.items() if not shutil.which(program, path=path)})


def install_missing(wanted: Mapping[str, str] = PACKAGES) -> None:
    """Install them with apt-get.

    Raises:
        DevclusterError: There is no apt-get, or it failed.
    """
    packages = missing(wanted)
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise DevclusterError(f"missing here: {', '.join(packages)} (Debian names): install them, {_WAY_OUT}")
    with step(f"install from Debian: {' '.join(packages)}"):
        for words in (["update", "-q"], ["install", "-qy", "--no-install-recommends", *packages]):
            _apt_get(*words)


def program(name: str, package: str) -> str:
    """The path of a program that is installed, or else unpacked from its Debian package into the cache.

    Unpacked, no service starts and nothing of the machine changes; its libraries must be here already.

    Raises:
        DevclusterError: There is no apt-get, or it failed.
    """
    folder = paths.cache() / "debian" / package
    found = shutil.which(name) or shutil.which(name, path=str(folder / "usr" / "bin"))
    if found:
        return found
    if shutil.which("apt-get") is None:
        raise DevclusterError(f"missing here: {name}, of Debian's package {package}: install it")
    with alone("unpacking"), step(f"fetch from Debian: {package}"):
        if not folder.exists():
            _unpack(package, folder)
    return str(folder / "usr" / "bin" / name)


def _unpack(package: str, folder: Path) -> None:
    """Make the folder whole, or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        if os.geteuid() == 0:  # only root may; others download what the last update told of
            _apt_get("update", "-q")
        _apt_get("download", "-q", package, at=Path(temporary))
        (archive,) = Path(temporary).glob("*.deb")
        unpacked = Path(temporary, "unpacked")
        subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True)
        unpacked.rename(folder)


def _apt_get(*words: str, at: Path | None = None) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", *words], env=environment, cwd=at, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise DevclusterError(f"apt-get {words[0]} failed:\n{(done.stdout + done.stderr)[-2000:]}")
