"""The operator's process under the chart's own rights, and which of them its writes have used."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from devcluster.builders import programs
from tests.repository.definition import until_served
from tests.repository.helm.charts import NAMESPACE, RELEASE, Object, one, render, variables
from tests.repository.sources import ROOT

Right = tuple[str, str, str, str]
"""Group, resource, the one name it is for, verb."""

WRITES = ("create", "patch", "delete")
"""What the control plane's audit log records, of verbs that the chart grants."""


def kubectl(kubeconfig: Path, *words: str, given: str | None = None) -> str:
    command = [programs.program("kubernetes", "kubectl"), "--kubeconfig", str(kubeconfig), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, input=given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def install_rights(admin: Path, folder: Path, *values: str) -> Path:
    """The chart without its Deployments; returns a kubeconfig of its ServiceAccount."""
    objects = [item for item in render(*values) if item["kind"] != "Deployment"]
    namespace: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kubectl(admin, "apply", "--server-side", "-f", "-", given=yaml.safe_dump_all([namespace, *objects]))
    until_served(admin)
    account = one(objects, "ServiceAccount")["metadata"]["name"]
    config = yaml.safe_load(admin.read_text())
    token = kubectl(admin, "create", "token", account, "--namespace", NAMESPACE).strip()
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    limited = folder / "kubeconfig"
    limited.write_text(yaml.safe_dump(config))
    return limited


@contextmanager
def operator(kubeconfig: Path, log: Path, *values: str) -> Iterator[None]:
    """The operator's process, as the image starts it with these values of the chart."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = variables(render(*values)) | {
        "KUBECONFIG": str(kubeconfig),
        "PADDLEMODEL_OPERATOR_HEALTH_BIND": f"127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "paddlemodel_operator"]
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, stdout=output, stderr=output, env=os.environ | settings, cwd=log.parent
        ) as process,
    ):
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def used(control_plane: Path, given: set[Right]) -> set[Right]:
    """The rights behind the writes of the operator's account that the API server let pass."""
    user = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
    found = set()
    for line in (control_plane.parent / "logs/audit.log").read_text().splitlines():
        entry = json.loads(line)
        if entry["user"]["username"] != user or entry["responseStatus"]["code"] >= 400:
            continue
        what = entry["objectRef"]
        resource = "/".join(filter(None, (what["resource"], what.get("subresource"))))
        kind = what.get("apiGroup", ""), resource
        name = what.get("name", "")
        name = name if any(right[:3] == (*kind, name) for right in given) else ""
        # An apply that makes an object is a patch that needs the right to create.
        verbs = {entry["verb"]} | ({"create"} if entry["responseStatus"]["code"] == 201 else set())
        found |= {(*kind, name, verb) for verb in verbs}
    return found
