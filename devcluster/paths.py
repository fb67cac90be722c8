"""Where things live: the checkout, the cache that outlives it, and the state of each cluster."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import DevclusterError
from devcluster.process import Process

REPOSITORY = Path(__file__).resolve().parent.parent
GO_MODULES = Path(__file__).resolve().parent / "go"
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def cache() -> Path:
    """The folder for compiled programs and built images, shared by every checkout of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "paddlemodel" / "devcluster"


def states() -> Path:
    """The folder with one sub-folder for each cluster that is up."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "paddlemodel" / "devcluster"


def for_our_modules() -> dict[str, str]:
    """The environment in which `python -m devcluster.…` works from any folder."""
    known = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), *([known] if known else [])])}


@dataclass(frozen=True)
class State:
    """The files of one cluster; `down` removes the folder whole."""

    root: Path

    @classmethod
    def of(cls, name: str) -> "State":
        """The state of the cluster with this name (lower-case letters, digits, dashes; at most 32)."""
        if not NAME.fullmatch(name):
            raise DevclusterError(f"cluster name {name!r} must match {NAME.pattern}")
        return cls(states() / name)

    @property
    def name(self) -> str:
        """The cluster's name, which is its folder's."""
        return self.root.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for use from outside, on 127.0.0.1."""
        return self.root / "kubeconfig"

    @property
    def plan(self) -> Path:
        """What the cluster's init process starts, as JSON."""
        return self.root / "plan.json"

    @property
    def pid(self) -> Path:
        """The init process: its pid and start time, as the host sees them."""
        return self.root / "init.pid"

    @property
    def pki(self) -> Path:
        """The folder of certificates and keys."""
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        """One log file for each component."""
        return self.root / "logs"

    @property
    def config(self) -> Path:
        """Configuration files of the components."""
        return self.root / "config"

    def is_up(self) -> bool:
        """Whether the cluster's init process runs."""
        process = Process.read(self.pid)
        return process is not None and process.alive()
