"""The cluster a demo or a test runs against: a devcluster node, or one that a person named by kubeconfig."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devcluster.builders import programs
from devcluster.errors import DevclusterError

CHART = "helm/paddlemodel-operator"
RELEASE = "paddlemodel-operator"
SYSTEM_NAMESPACE = "paddlemodel-system"


@dataclass(frozen=True, kw_only=True)
class Target:
    """Runs kubectl and helm against one cluster, and only that one.

    Attributes:
        kubeconfig: Names the cluster.
        values: Extra helm values, for a registry of the reader's own.
    """

    kubeconfig: Path
    values: tuple[str, ...] = ()

    def kubectl(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl and return what it printed.

        Raises:
            DevclusterError: With what kubectl said, when it failed.
        """
        return self._run([program_for("kubernetes", "kubectl"), *words], stdin, check=check)

    def helm(self, *words: str) -> str:
        """Run helm and return what it printed.

        Raises:
            DevclusterError: With what helm said, when it failed.
        """
        return self._run([program_for("helm", "helm"), *words], None, check=True)

    def install_operator(self) -> None:
        """Install the chart with its default values and wait until the operator is ready."""
        values = [word for value in self.values for word in ("--set", value)]
        self.helm(
            "upgrade", "--install", RELEASE, CHART, f"--namespace={SYSTEM_NAMESPACE}", "--create-namespace",
            "--wait", "--timeout=180s", *values,
        )  # fmt: skip

    def uninstall_operator(self) -> None:
        """Remove the chart, its namespace, and the definition of PaddleModel that it keeps by default."""
        self.helm("uninstall", RELEASE, f"--namespace={SYSTEM_NAMESPACE}", "--wait")
        self.kubectl("delete", "crd", "paddlemodels.paddlemodel.dev", "--timeout=120s")
        self.kubectl("delete", "namespace", SYSTEM_NAMESPACE, "--timeout=120s")

    def apply(self, *objects: dict[str, Any], namespace: str, server_side: bool = False) -> None:
        """Apply objects as a person does: kubectl apply -f; server-side for objects over 256 kB."""
        words = ["apply", "-f", "-", f"--namespace={namespace}", *(["--server-side"] if server_side else [])]
        self.kubectl(*words, stdin=yaml.safe_dump_all(objects))

    def read(self, *words: str) -> dict[str, Any]:
        """`kubectl get … -o json`, parsed."""
        content: dict[str, Any] = json.loads(self.kubectl("get", *words, "-o", "json"))
        return content

    def copy(self, file: Path, namespace: str, what: str, goal: str) -> None:
        """Copy a file into the first container of `deployment/NAME`; it appears there as a whole.

        Raises:
            DevclusterError: With what kubectl said, when it failed.
        """
        words = ["exec", "--stdin", f"--namespace={namespace}", what, "--"]
        script = 'cat > "$0.part" && mv "$0.part" "$0"'
        command = [program_for("kubernetes", "kubectl"), *words, "sh", "-c", script, goal]
        with file.open("rb") as content:
            done = subprocess.run(
                command, stdin=content, env=self._environment(), capture_output=True, check=False
            )
        if done.returncode != 0:
            raise DevclusterError(f"copying {file.name} to {what} failed: {done.stderr.decode().strip()}")

    @contextmanager
    def forward(self, namespace: str, what: str, port: int = 80) -> Iterator[str]:
        """Reach a port of `service/NAME` or `deployment/NAME` on a free port of 127.0.0.1; yields its URL."""
        words = ("port-forward", f"--namespace={namespace}", what, f":{port}")
        with self._open("127.0.0.1:", *words) as line:
            yield "http://127.0.0.1:" + line.split("127.0.0.1:")[1].split()[0]

    @contextmanager
    def proxy(self) -> Iterator[Path]:
        """Reach the API server as `kubectl proxy` does; yields a socket that nobody else can open."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "api"
            with self._open(str(path), "proxy", f"--unix-socket={path}"):
                yield path

    @contextmanager
    def _open(self, sign: str, *words: str) -> Iterator[str]:
        """Run kubectl meanwhile; yields its first line, which has `sign` once it listens."""
        with subprocess.Popen(
            [program_for("kubernetes", "kubectl"), *words],
            env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                line = process.stdout.readline() if process.stdout else ""
                if sign not in line:
                    process.kill()
                    said = process.stderr.read() if process.stderr else ""
                    raise DevclusterError(f"kubectl {' '.join(words)} failed: {said.strip()}")
                yield line
            finally:
                process.kill()

    def _run(self, command: list[str], stdin: str | None, *, check: bool) -> str:
        done = subprocess.run(
            command, input=stdin, env=self._environment(), capture_output=True, text=True, check=False
        )
        if check and done.returncode != 0:
            words = " ".join(command[1:])
            raise DevclusterError(f"{Path(command[0]).name} {words} failed: {done.stderr.strip()}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return os.environ | {"KUBECONFIG": str(self.kubeconfig)}


def program_for(module: str, name: str) -> str:
    """The compiled program, or on a machine without it the one that is installed."""
    compiled = programs.program(module, name)
    if Path(compiled).exists():
        return compiled
    if installed := shutil.which(name):
        return installed
    programs.build((module,))
    return compiled


def named_by_reader(kubeconfig: Path, images: str) -> Target:
    """A cluster of the reader's own, with our images in it.

    Args:
        kubeconfig: Its current context is the cluster.
        images: The registry and prefix our images were pushed under, such as `registry.example/me`;
            empty for a kind cluster, into which they are built and loaded.

    Raises:
        DevclusterError: The images cannot get there; the message says how they can.
    """
    target = Target(kubeconfig=kubeconfig)
    context = target.kubectl("config", "current-context").strip()
    if images:
        prefix = images.rstrip("/")
        values = (
            f"image.repository={prefix}/operator",
            f"serverImages.cpu.repository={prefix}/server",
            f"serverImages.gpu.repository={prefix}/server",
        )
        return Target(kubeconfig=kubeconfig, values=values)
    if not context.startswith("kind-"):
        raise DevclusterError(
            f"the context {context!r} is not a kind cluster: its nodes must pull the images. Build and push "
            "them (docs/images.md), then: make demo KUBECONFIG=… IMAGES=registry.example/me"
        )
    _load_into_kind(context.removeprefix("kind-"))
    return target


def _load_into_kind(cluster_name: str) -> None:
    for program in ("docker", "kind"):
        if shutil.which(program) is None:
            raise DevclusterError(f"{program} is not installed; a kind cluster needs it to load the images")
    for name, dockerfile in (
        ("paddlemodel/operator:0.1.0", "Dockerfile.operator"),
        ("paddlemodel/server:0.1.0-cpu", "Dockerfile.serving"),
    ):
        for command in (
            ["docker", "build", "--file", dockerfile, "--tag", name, "."],
            ["kind", "load", "docker-image", name, "--name", cluster_name],
        ):
            sys.stdout.write(f"    {' '.join(command)}\n")
            if subprocess.run(command, check=False).returncode != 0:
                raise DevclusterError(f"{' '.join(command)} failed, see above")
