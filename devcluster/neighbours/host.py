"""Where a neighbour runs: beside the API server of a control plane or of a node, as its own ServiceAccount.

An aggregated API is reached through a Service of type ExternalName, which the API server dials itself.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devcluster import cluster, waiting
from devcluster.builders.programs import build, program
from devcluster.errors import DevclusterError
from devcluster.kubectl import kubectl
from devcluster.nodes.node import ADDRESS, Node
from devcluster.paths import GO_MODULES, State

Object = dict[str, Any]


@dataclass(frozen=True)
class Host:
    """One cluster, as a place for processes.

    Attributes:
        state: The cluster's.
        folder: For configuration, credentials and logs.
    """

    state: State
    folder: Path

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl as the administrator."""
        return kubectl(self.state, *words, stdin=stdin)

    def apply(self, *objects: Object) -> None:
        """As a person does; server-side, for definitions are large."""
        self.kubectl(
            "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(objects)
        )

    def delete(self, *objects: Object) -> None:
        """Delete what is there and wait until it is gone."""
        self.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def kubeconfig(self, namespace: str, account: str) -> Path:
        """Write a kubeconfig of a ServiceAccount that is valid for a day."""
        config = yaml.safe_load(self.state.kubeconfig.read_text())
        if cluster.nodes(self.state):
            config["clusters"][0]["cluster"]["server"] = f"https://{ADDRESS}:6443"
        token = self.kubectl("create", "token", account, f"--namespace={namespace}", "--duration=24h")
        config["users"][0]["user"] = {"token": token.strip()}
        target = self.folder / f"{account}.kubeconfig"
        target.touch(mode=0o600)
        target.write_text(yaml.safe_dump(config))
        return target

    @contextmanager
    def process(
        self,
        name: str,
        argv: list[str],
        environment: Mapping[str, str] | None = None,
        at: Node | None = None,
    ) -> Iterator[None]:
        """Run a program there, or at another node, until the context ends; it logs to NAME.log."""
        variables = [f"{key}={value}" for key, value in (environment or {}).items()]
        # Killed with this process, and on a node with the `nsenter` that is its parent.
        words = ["setpriv", "--pdeathsig", "KILL", "env", *variables, *argv]
        if cluster.nodes(self.state):
            words = cluster.inside(self.state, *words, at=at)
        with (self.folder / f"{name}.log").open("ab") as log:
            running = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield
        finally:
            running.kill()
            running.wait(60)

    def until_available(self, service: str) -> None:
        """Wait until the API server passes requests on to an APIService.

        Raises:
            DevclusterError: It does not; with the neighbour's last words.
        """
        path = "jsonpath={.status.conditions[?(@.type=='Available')].status}"
        self.until(service, ("get", "apiservice", service, "-o", path), lambda answer: answer == "True")

    def until(self, what: str, words: tuple[str, ...], good: Callable[[str], bool]) -> None:
        """Poll `kubectl words` until `good` likes the answer.

        Raises:
            DevclusterError: It took too long; with the neighbours' last words.
        """
        try:
            waiting.until(self.state, what, words, good, seconds=120)
        except DevclusterError as error:
            logs = [f"--- {log.name}\n{log.read_text()[-2000:]}" for log in sorted(self.folder.glob("*.log"))]
            raise DevclusterError("\n".join([str(error).partition("\n")[0], *logs])) from error


def manifests(module: str, path: str, *patterns: str) -> list[Object]:
    """Objects from the files that a pinned Go module brings.

    Args:
        module: Ours, which pins it: a folder of devcluster/go.
        path: The Go module's own.
        patterns: Files inside it.

    Raises:
        DevclusterError: The module cannot be had.
    """
    done = subprocess.run(
        ["go", "mod", "download", "-json", path],
        cwd=GO_MODULES / module, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise DevclusterError(f"go mod download {path} failed: {done.stderr.strip() or done.stdout.strip()}")
    folder = Path(json.loads(done.stdout)["Dir"])
    files = [file for pattern in patterns for file in sorted(folder.glob(pattern))]
    return [item for file in files for item in yaml.safe_load_all(file.read_text()) if item]


def outside(service: Object) -> Object:
    """The same Service, leading to this machine."""
    spec = {"type": "ExternalName", "externalName": "localhost"}
    return {**service, "spec": spec}


def at_port(api_service: Object, port: int, **more: Any) -> Object:
    """The same APIService, reached at a port of its Service."""
    spec = api_service["spec"]
    return {**api_service, "spec": {**spec, **more, "service": {**spec["service"], "port": port}}}


def command(module: str, name: str, deployment: Object, **flags: str) -> list[str]:
    """A neighbour's own command line as its Deployment has it, but for these flags."""
    build((module,))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ours = {f"--{flag.replace('_', '-')}": value for flag, value in flags.items()}
    kept = [word for word in container["args"] if word.partition("=")[0] not in ours]
    return [program(module, name), *kept, *(f"{flag}={value}" for flag, value in ours.items())]


def delegating(kubeconfig: str) -> dict[str, str]:
    """Flags of an aggregated API outside a pod: whom it asks who a caller is, and what that one may do."""
    return {f"{matter}_kubeconfig": kubeconfig for matter in ("authentication", "authorization")}


def namespace(name: str) -> Object:
    """A namespace to apply."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def only(objects: list[Object], *kinds: str) -> list[Object]:
    """Those of some kinds."""
    return [item for item in objects if item["kind"] in kinds]
