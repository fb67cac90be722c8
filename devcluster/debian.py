"""What a node needs from the machine: root, Linux namespaces, and a few Debian packages."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping

from devcluster.errors import DevclusterError
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
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"install from Debian: {' '.join(packages)}"):
        for words in (["update", "-q"], ["install", "-qy", "--no-install-recommends", *packages]):
            done = subprocess.run(
                ["apt-get", *words], env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise DevclusterError(f"apt-get {words[0]} failed:\n{(done.stdout + done.stderr)[-2000:]}")
