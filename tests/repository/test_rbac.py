"""The ClusterRole is what the operator's source needs: no more (a table), no less (a real API server)."""

import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_operator import apply, names

from devcluster import build
from tests.repository.charts import NAMESPACE, Object, one, render
from tests.repository.definition import until_served
from tests.repository.sources import ROOT, named, shown

Right = tuple[str, str, str, str]
"""Group, resource, the one name it is for, verb."""

# What each method of the one door to the API asks of RBAC. A server-side apply of a new object needs create.
VERBS = {
    "serves": (),  # discovery, which every authenticated user may read
    "list_all": ("list",),
    "get": ("get",),
    "apply": ("create", "patch"),
    "replace_lists": ("patch",),
    "delete": ("delete",),
    "patch_status": ("patch",),
    "create_event": ("create",),
}


def needed() -> set[Right]:
    """From the operator's own tables of kinds."""
    rights: set[Right] = {
        (names.MODEL.group, f"{names.MODEL.plural}/status", "", verb) for verb in VERBS["patch_status"]
    }
    for kind in names.WATCHED_KINDS:
        rights |= {(kind.group, kind.plural, "", verb) for verb in (*VERBS["list_all"], "watch")}
    rights |= {(kind.group, kind.plural, "", "list") for kind in names.OPTIONAL_KINDS}
    for kind in (*names.CHILD_KINDS, *names.OPTIONAL_KINDS):
        verbs = (*VERBS["get"], *VERBS["apply"], *VERBS["replace_lists"], *VERBS["delete"])
        rights |= {(kind.group, kind.plural, "", verb) for verb in verbs}
    return rights | {(names.EVENT.group, names.EVENT.plural, "", verb) for verb in VERBS["create_event"]}


def granted() -> set[Right]:
    return {
        (group, resource, name, verb)
        for rule in one(render(), "ClusterRole")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def test_the_role_is_exactly_what_the_source_needs() -> None:
    assert granted() == needed()


def test_the_door_to_the_api_has_no_other_method() -> None:
    """A new method of Api needs a line in VERBS, and perhaps a right."""
    methods = {
        name
        for name, member in inspect.getmembers(apply.Api, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert methods == set(VERBS)


def test_nothing_dangerous_is_granted() -> None:
    for group, resource, _, verb in granted():
        assert "*" not in {group, resource, verb}
        assert resource not in {"secrets", "configmaps", "pods/exec", "serviceaccounts/token", "nodes/proxy"}
        assert group != "rbac.authorization.k8s.io"
        assert verb not in {"escalate", "bind", "impersonate", "deletecollection"}


def kubectl(kubeconfig: Path, *words: str, given: str | None = None) -> str:
    command = [build.program("kubernetes", "kubectl"), "--kubeconfig", str(kubeconfig), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, input=given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def install_rights(admin: Path, folder: Path) -> Path:
    """The chart without its Deployment; returns a kubeconfig of its ServiceAccount."""
    objects = [item for item in render() if item["kind"] != "Deployment"]
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
def operator(kubeconfig: Path, log: Path) -> Iterator[None]:
    """The operator's process, as the image starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"KUBECONFIG": str(kubeconfig), "PADDLEMODEL_OPERATOR_HEALTH_BIND": f"127.0.0.1:{port}"}
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


def until(seen: Callable[[], bool], what: str, log: Path) -> None:
    deadline = time.monotonic() + 180
    while not seen():
        assert time.monotonic() < deadline, (
            f"waited 180 s for {what}; the operator said:\n{log.read_text()[-3000:]}"
        )
        time.sleep(0.2)


@pytest.mark.control_plane
def test_the_role_suffices_for_everything_the_operator_does(control_plane: Path, tmp_path: Path) -> None:
    """Both examples come, change so that children are pruned, and go, under the chart's own rights."""
    log = tmp_path / "operator.log"

    def there(kinds: str) -> list[str]:
        listed: dict[str, Any] = json.loads(kubectl(control_plane, "get", kinds, "--output", "json"))
        return sorted(f"{item['kind']}/{item['metadata']['name']}" for item in listed["items"])

    with operator(install_rights(control_plane, tmp_path), log):
        for example in named("examples/*.yaml"):
            kubectl(control_plane, "apply", "-f", shown(example))
        children = "deployments,horizontalpodautoscalers,ingresses,poddisruptionbudgets"
        both = ["Deployment/resnet50", "Deployment/textline-orientation"]
        more = ["HorizontalPodAutoscaler/resnet50", "Ingress/resnet50", "PodDisruptionBudget/resnet50"]
        until(lambda: there(children) == both + more, "the children", log)
        change = '{"spec": {"autoscaling": null, "ingress": null, "replicas": 1}}'
        kubectl(control_plane, "patch", "pdm", "resnet50", "--type", "merge", "--patch", change)
        until(lambda: there(children) == both, "the unwished children to go", log)
        until(lambda: there("events.events.k8s.io") != [], "an Event", log)
        kubectl(
            control_plane,
            "wait",
            "pdm",
            "--all",
            "--for=jsonpath={.status.observedGeneration}",
            "--timeout=180s",
        )
        kubectl(control_plane, "delete", "pdm", "--all")
        until(lambda: there(children) == [], "garbage collection", log)
    assert "forbidden" not in log.read_text().lower()
