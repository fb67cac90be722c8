"""Compiles the programs of a cluster from the pinned Go modules, once, into the cache.

`go build` keeps finished packages in Go's own cache, so an interrupted build goes on where it stopped.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from devcluster import paths
from devcluster.errors import DevclusterError
from devcluster.locks import alone
from devcluster.progress import Counter, say, step

CONTROL_PLANE = ("kubernetes",)
NODE = ("kubernetes", "containerd", "coredns", "helm")
#: What other people's clusters have already; only `make test-neighbours` needs it.
NEIGHBOURS = ("prometheus-adapter", "keda", "metrics-server", "argo-cd", "contour", "kube-router")
#: API servers of older Kubernetes, alone; for `make test-neighbours`, too.
OLDER = ("kubernetes-1.30", "kubernetes-1.33")
#: Cold on two cores, measured (the older API servers: guessed from the newest); told before the build begins.
MINUTES = {
    "kubernetes": 9,
    "kubernetes-1.30": 6,
    "kubernetes-1.33": 6,
    "containerd": 1,
    "helm": 2,
    "coredns": 3,
    "prometheus-adapter": 2,
    "keda": 7,
    "metrics-server": 2,
    "argo-cd": 9,
    "contour": 3,
    "kube-router": 3,
    "fake-gcs-server": 2,
}
#: Main packages whose folder is not called as the program is.
_NAMES = {"server": "etcd", "cmd": "argocd"}


def binaries(module: str) -> Path:
    """The folder that holds the compiled programs of a Go module file, built or not."""
    folder = paths.GO_MODULES / module
    content = b"".join((folder / name).read_bytes() for name in ("go.mod", "go.sum"))
    return paths.cache() / "bin" / f"{module}-{hashlib.sha256(content).hexdigest()[:12]}"


def program(module: str, name: str) -> str:
    """The path of one compiled program."""
    return str(binaries(module) / name)


def build(modules: tuple[str, ...]) -> None:
    """Compile whatever of these modules is not in the cache yet.

    Raises:
        DevclusterError: Go is missing or a build failed.
    """
    missing = [module for module in modules if not binaries(module).exists()]
    if not missing:
        return
    if shutil.which("go") is None:
        raise DevclusterError(
            "Go is not installed: install Go 1.21 or newer (it fetches the exact version itself)"
        )
    minutes = sum(MINUTES[module] for module in missing)
    say(f"Compiling {', '.join(missing)} once, into {paths.cache()}: about {minutes} minutes on two cores.")
    say("It can be interrupted; the next run goes on where this one stopped.")
    with alone("build"):
        for module in missing:
            if not binaries(module).exists():
                with step(f"compile {module}"):
                    _compile(module)


def _compile(module: str) -> None:
    folder = paths.GO_MODULES / module
    target = binaries(module)
    unfinished = target.with_name(target.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    environment = os.environ | {"CGO_ENABLED": "0"}
    listing = subprocess.run(
        ["go", "list", "-deps", "tool"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        raise DevclusterError(f"go list failed for {module}:\n{listing.stderr[-2000:]}")
    command = [
        "go",
        "build",
        "-v",
        "-trimpath",
        f"-ldflags={_linker_flags(folder)}",
        "-o",
        f"{unfinished}/",
        "tool",
    ]
    counter = Counter(listing.stdout.count("\n"))
    tail: list[str] = []
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            tail = [*tail[-20:], line]
            counter.advance(line.strip())
    counter.end()
    if process.returncode != 0:
        raise DevclusterError(f"go build failed for {module}:\n{''.join(tail)}")
    for package, name in _NAMES.items():
        if (unfinished / package).exists():
            (unfinished / package).rename(unfinished / name)
    unfinished.rename(target)


def _linker_flags(folder: Path) -> str:
    """Strip symbols, and name the Kubernetes version: without it the API server reports v0.0.0."""
    flags = "-s -w"
    found = re.search(r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)", (folder / "go.mod").read_text())
    if found:
        version = "k8s.io/component-base/version"
        values = zip(("gitVersion", "gitMajor", "gitMinor"), found.groups(), strict=True)
        flags += "".join(f" -X {version}.{key}={value}" for key, value in values)
    return flags
