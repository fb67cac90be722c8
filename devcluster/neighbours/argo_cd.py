"""Argo CD: its controller, its repository server and its API server, each a process of the one binary.

What its `install.yaml` has besides, but for the rights and the settings, stays out: Dex, notifications and
application sets have no part in what becomes of an Application. Redis is Debian's.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from devcluster import cluster, ports
from devcluster.builders import debian
from devcluster.builders.programs import build, program
from devcluster.errors import DevclusterError
from devcluster.neighbours.host import Host, Object, manifests, namespace, only

MODULE = "argo-cd"
NAMESPACE = "argocd"
_DEFINITIONS = "CustomResourceDefinition"
_RIGHTS = ("ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding")
_SETTINGS = ("ConfigMap", "Secret")
_CLUSTER_WIDE = (_DEFINITIONS, "ClusterRole", "ClusterRoleBinding")
_SECONDS = 120


@dataclass(frozen=True)
class ArgoCD:
    """One that runs.

    Attributes:
        host: Where.
        server: Address and port of its API server, in the network of the host.
    """

    host: Host
    server: str

    def said(self, *words: str) -> str:
        """What `argocd WORDS` prints, as a person types it.

        Raises:
            DevclusterError: It failed; with its words.
        """
        done = self._run(words)
        if done.returncode != 0:
            raise DevclusterError(f"argocd {' '.join(words)} failed:\n{done.stderr.strip()}")
        return done.stdout

    def is_ready(self) -> bool:
        """Whether it answers for Applications."""
        return self._run(("app", "list")).returncode == 0

    def _run(self, words: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
        argv = [
            "env", *(f"{key}={value}" for key, value in _variables(self.host.folder).items()),
            program(MODULE, "argocd"), *words, f"--server={self.server}", "--plaintext",
        ]  # fmt: skip
        return subprocess.run(_there(self.host, argv), capture_output=True, text=True, check=False)


@contextmanager
def running(host: Host) -> Iterator[ArgoCD]:
    """Install it, and uninstall all but the namespace; Applications that are left go with their definition.

    Args:
        host: A node: the chart's pods are to run.

    Raises:
        DevclusterError: It did not become ready; with its logs.
    """
    build((MODULE,))
    debian.install_missing({"redis-check-rdb": "redis-tools"})
    found = [
        _placed(item)
        for item in manifests(MODULE, "github.com/argoproj/argo-cd/v3", "manifests/install.yaml")
    ]
    definitions, objects = only(found, _DEFINITIONS), only(found, *_RIGHTS, *_SETTINGS)
    host.apply(namespace(NAMESPACE), *definitions, *objects)
    names = [f"crd/{item['metadata']['name']}" for item in definitions]
    host.kubectl("wait", "--for=condition=Established", *names, "--timeout=60s")
    (host.folder / "tmp").mkdir()
    redis, repository, server, *metrics = ports.free(6)
    argo = ArgoCD(host, f"127.0.0.1:{server}")
    with ExitStack() as stack:
        stack.enter_context(host.process("redis", _redis(host.folder, redis)))
        for name, flags in _flags(redis, repository, server, metrics).items():
            stack.enter_context(_component(host, name, flags))
        _until_ready(argo)
        yield argo
        host.delete(*definitions)
    host.delete(*objects)


def _placed(item: Object) -> Object:
    """As `kubectl apply --namespace=argocd` reads it."""
    if item["kind"] in _CLUSTER_WIDE:
        return item
    return {**item, "metadata": {**item["metadata"], "namespace": NAMESPACE}}


def _redis(folder: Path, port: int) -> list[str]:
    """It keeps nothing. Debian's package for the tools has the program, which asks for its own name."""
    installed = shutil.which("redis-check-rdb")
    link = folder / "redis-server"
    link.symlink_to(str(installed))
    return [str(link), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]


def _flags(redis: int, repository: int, server: int, metrics: list[int]) -> dict[str, list[str]]:
    """By component: where it listens, and where it finds the others."""
    first, second, third = metrics
    asks = [f"--redis=127.0.0.1:{redis}", f"--repo-server=127.0.0.1:{repository}", "--repo-server-plaintext"]
    return {
        "argocd-repo-server": [
            "--address=127.0.0.1", f"--port={repository}", f"--metrics-port={first}", "--disable-tls",
            f"--redis=127.0.0.1:{redis}",
        ],
        "argocd-application-controller": [*asks, f"--metrics-port={second}", f"--namespace={NAMESPACE}"],
        "argocd-server": [
            *asks, "--address=127.0.0.1", f"--port={server}", f"--metrics-port={third}",
            f"--namespace={NAMESPACE}", "--insecure", "--disable-auth",
        ],
    }  # fmt: skip


@contextmanager
def _component(host: Host, name: str, flags: list[str]) -> Iterator[None]:
    """One process, as its own ServiceAccount; the controller also applies with its rights what is in git."""
    variables = {
        **_variables(host.folder),
        "ARGOCD_BINARY_NAME": name,
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "KUBECONFIG": str(host.kubeconfig(NAMESPACE, name)),
    }
    with host.process(name, [program(MODULE, "argocd"), *flags], variables):
        yield


def _variables(folder: Path) -> dict[str, str]:
    """What all of it keeps lies in the folder; it finds helm, kubectl and git."""
    path = [
        str(Path(program(module, name)).parent)
        for module, name in (("helm", "helm"), ("kubernetes", "kubectl"))
    ]
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "PATH": os.pathsep.join([*path, os.environ["PATH"]]),
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_TLS_DATA_PATH": str(folder / "tls"),
        "ARGOCD_SSH_DATA_PATH": str(folder / "ssh"),
        "ARGOCD_PLUGINSOCKFILEPATH": str(folder / "plugins"),
    }


def _there(host: Host, argv: list[str]) -> list[str]:
    return cluster.inside(host.state, *argv) if cluster.nodes(host.state) else argv


def _until_ready(argo: ArgoCD) -> None:
    deadline = time.monotonic() + _SECONDS
    while not argo.is_ready():
        if time.monotonic() > deadline:
            logs = [
                f"--- {log.name}\n{log.read_text()[-2000:]}" for log in sorted(argo.host.folder.glob("*.log"))
            ]
            raise DevclusterError("\n".join(["Argo CD did not become ready", *logs]))
        time.sleep(0.5)
